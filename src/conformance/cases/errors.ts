/// <reference lib="esnext.disposable" preserve="true" />
/** What a store does with what it does not know, and how it says that it cannot. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { bodiesOf, DONE, historyRow, messageIdsOf, request } from "../effects.ts";
import {
  expectEqual,
  expectKind,
  expectMatch,
  expectRejection,
  expectThat,
} from "../expectation.ts";
import { commitOf } from "../store-under-test.ts";
import { PROVIDER_CONTRACT_VERSION, type Provider } from "../../provider/provider.ts";

/** Texts that a careless encoding would change. */
const TEXTS: readonly string[] = [
  "",
  " ",
  "null",
  "{not json",
  '{"a":"\\u0000"}',
  "it's; drop table instances; --",
  "ä ö 💥 \u{10ffff} \ue000 \u200f",
  "line\nline\r\nline\ttab \\n %s $1 ?1 :name",
  "x".repeat(300_000),
];

/** Each method that reaches the store, called in some way. */
function callAll(provider: Provider): readonly (() => Promise<unknown>)[] {
  return [
    () => provider.write([{ kind: "startInstance", request: request("a") }]),
    () => provider.claimInstances({ node: 1, limit: 1, remembered: new Map() }),
    () => provider.claimActivities({ node: 1, limit: 1 }),
    () => provider.hasClaimableWork(),
    () => provider.readHeldWork(1, 1),
    () => provider.nextDueMs(0),
    () => provider.findLostActivities([]),
    () => provider.unblockWork(),
    () => provider.registerNode({ label: "x", leaseMs: 1 }),
    () => provider.renewNode(1),
    () => provider.listNodes(),
    () => provider.removeNode(1),
    () => provider.readInstances(["a"]),
    () => provider.readHistory("a", 1),
    () => provider.listExecutions("a"),
    () => provider.listInstances({ limit: 1 }),
    () => provider.listChildren("a"),
    () => provider.readKeyValues("a"),
  ];
}

export const errors: readonly ConformanceCase[] = concern("errors", {
  "says who it is and which contract it keeps": async ({ provider }) => {
    expectThat(provider.name.length > 0, "the store to have a name");
    expectEqual(provider.contractVersion, PROVIDER_CONTRACT_VERSION, "the contract's version");
    const nowMs = provider.nowMs();
    expectThat(Number.isFinite(nowMs), `nowMs() to be a number, found ${nowMs}`);
  },

  "refuses an event that is in the history already, for good (P6)": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    const members = { name: "ProviderError", retryable: false };
    const again = store.commit(claim, { history: [historyRow(1, { data: "other" })] });
    await expectRejection(again, members, "the same event a second time");
    const twice = store.commit(claim, { history: [historyRow(2), historyRow(2)] });
    await expectRejection(twice, members, "an event twice in one turn");
    expectEqual(await store.provider.readHistory("a", 1), [historyRow(1)], "the history");
    await store.land(claim, { history: [historyRow(2)], change: DONE });
  },

  "takes the same event number in another execution or instance": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    await store.begin("b", { history: [historyRow(1)] });
    await store.land(claim, { history: [historyRow(2)] });
    expectEqual((await store.provider.readHistory("b", 1))?.length, 1, "the rows of the other");
  },

  "knows nothing of what was never there": async ({ provider }) => {
    expectEqual(await provider.readInstances(["nobody"]), [], "the rows");
    expectEqual(await provider.readInstances([]), [], "the rows of nothing");
    expectEqual(await provider.readHistory("nobody", 1), undefined, "the history");
    expectEqual(await provider.listExecutions("nobody"), [], "the executions");
    expectEqual(await provider.listChildren("nobody"), [], "the children");
    expectEqual(await provider.readKeyValues("nobody"), undefined, "the key-values");
    expectEqual(await provider.listInstances({ limit: 5 }), { rows: [] }, "the list");
    expectEqual(await provider.hasClaimableWork(), false, "whether there is work");
    expectEqual(await provider.nextDueMs(0), undefined, "the next due time");
    expectEqual(await provider.findLostActivities([]), [], "the lost ones of none");
  },

  "refuses a turn of an instance that is gone": async (store) => {
    const claim = await store.begin("a", { change: DONE });
    await store.start("a", { runId: "second", idReuse: "replaceFinished" });
    const outcome = await store.commit(claim, { history: [historyRow(1)] });
    expectThat(
      expectKind(outcome, "claimLost", "the turn").reason.length > 0,
      "a reason for the refusal",
    );
    expectEqual(await store.provider.readHistory("a", 1), [], "the history of the new one");
  },

  "keeps opaque texts exactly as they are": async (store) => {
    const { key } = await store.begin("a");
    const claim = { key, node: store.node, epoch: 1 };
    for (const text of TEXTS) await store.send("a", text);
    const messages = await store.heldMessages();
    expectEqual(bodiesOf(messages), TEXTS, "the messages");
    const history = TEXTS.map((data, i) => historyRow(i + 1, { data }));
    await store.land(claim, { history }, { messages: messageIdsOf(messages) });
    expectEqual(await store.provider.readHistory("a", 1), history, "the history");
    for (const output of TEXTS) {
      await store.land(claim, { change: { customStatus: { value: output } } });
      expectEqual((await store.row("a")).customStatus, output, "the custom status");
    }
  },

  "tells a value that is an empty text from none": async (store) => {
    await store.begin("empty", { change: { status: "Completed", output: "" } });
    await store.begin("none", { change: { status: "Completed", output: undefined } });
    expectEqual((await store.row("empty")).output, "", "the output");
    expectEqual((await store.row("none")).output, undefined, "the output");
  },

  "lets other operations of the batch land when one is refused (P2)": async (store) => {
    const claim = await store.begin("a");
    const outcomes = await store.provider.write([
      { kind: "sendMessage", message: { instanceId: "nobody", body: "x" } },
      commitOf({ ...claim, epoch: claim.epoch + 1 }, { change: DONE }),
      { kind: "startInstance", request: request("a", { runId: "another" }) },
      { kind: "startInstance", request: request("b") },
    ]);
    const kinds = outcomes.map((outcome) => outcome.kind);
    const expected = ["unknownInstance", "claimLost", "idInUse", "started"];
    expectEqual(kinds, expected, "the outcomes");
    expectMatch(await store.row("a"), { status: "Running" }, "the row of the refused turn");
    expectMatch(await store.row("b"), { status: "Pending" }, "the row of the accepted start");
  },

  "refuses a cursor that is none of its own": async ({ provider }) => {
    const listing = provider.listInstances({ limit: 1, cursor: "1; drop table" });
    const members = { name: "UsageError", code: "invalid_argument" };
    await expectRejection(listing, members, "the listing");
  },

  "closes once, and refuses every call afterwards": async ({ provider }) => {
    await Promise.all([provider.close(), provider.close()]);
    await provider[Symbol.asyncDispose]();
    for (const call of callAll(provider)) {
      const members = { name: "ProviderError", code: "closed" };
      await expectRejection(call(), members, "a call after close()");
    }
    expectEqual(provider.watch(() => undefined)(), undefined, "the end of a watch after close()");
  },

  "tells those who watch once more when it closes": async ({ provider }) => {
    const answers: Promise<unknown>[] = [];
    provider.watch(() => {
      answers.push(provider.readInstances(["a"]));
    });
    await provider.close();
    const members = { name: "ProviderError", code: "closed" };
    await expectRejection(
      answers[0] ?? Promise.resolve(),
      members,
      "what a watch reads at close()",
    );
  },

  "ends what is under way before it closes": async (store) => {
    const started = store.start("a");
    await store.provider.close();
    expectKind(await started, "started", "a start before close()");
  },
});
