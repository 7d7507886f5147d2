/** P1: a turn, and a batch, lands as a whole or not at all. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import {
  activity,
  bodiesOf,
  DONE,
  effects,
  historyRow,
  idsOf,
  keyValues,
  readAll,
  request,
  timer,
} from "../effects.ts";
import {
  expectEqual,
  expectKind,
  expectMatch,
  expectRejection,
  expectThat,
} from "../expectation.ts";
import { commitOf, type StoreUnderTest } from "../store-under-test.ts";

const parent = { instanceId: "a", executionId: 1, eventId: 4 };

export const atomicity: readonly ConformanceCase[] = concern("atomicity", {
  "lands a turn with everything that is in it": landsEverything,
  "leaves nothing of a batch behind when one of its operations breaks (P1, P6)": leavesNothing,

  "applies the operations of a batch in their order": async (store) => {
    const outcomes = await store.provider.write([
      { kind: "sendMessage", message: { instanceId: "a", body: "too early" } },
      { kind: "startInstance", request: request("a") },
      { kind: "sendMessage", message: { instanceId: "a", body: "one" } },
      { kind: "startInstance", request: request("a", { runId: "another" }) },
      { kind: "sendMessage", message: { instanceId: "a", body: "two" } },
    ]);
    const kinds = outcomes.map((outcome) => outcome.kind);
    const expected = ["unknownInstance", "started", "accepted", "idInUse", "accepted"];
    expectEqual(kinds, expected, "the outcomes");
    const { messages } = await store.claimOne();
    expectEqual(bodiesOf(messages), ["start a", "one", "two"], "the messages");
  },

  "gives one outcome for each operation, and none for none": async (store) => {
    expectEqual(await store.provider.write([]), [], "the outcomes of an empty batch");
    const operations = Array.from({ length: 200 }, (_, i) => ({
      kind: "startInstance" as const,
      request: request(`i${i}`),
    }));
    const outcomes = await store.provider.write(operations);
    expectEqual(outcomes.length, 200, "the number of outcomes");
    expectThat(
      outcomes.every((outcome) => outcome.kind === "started"),
      "every start to be accepted",
    );
  },

  "lands two turns of one claim in one batch, in their order": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    const outcomes = await store.provider.write([
      commitOf(claim, { history: [historyRow(2)], change: { customStatus: { value: "1" } } }),
      commitOf(claim, { history: [historyRow(3)], change: { customStatus: { value: "2" } } }),
    ]);
    expectMatch(outcomes, [{ kind: "committed" }, { kind: "committed" }], "the outcomes");
    expectMatch(await store.row("a"), { customStatus: "2", customStatusVersion: 2 }, "the row");
    const rows = await store.provider.readHistory("a", 1);
    expectEqual(
      rows?.map((row) => row.firstEventId),
      [1, 2, 3],
      "the events",
    );
  },

  "lets exactly one of two final turns of the same claim land": async (store) => {
    const claim = await store.begin("a");
    const outcomes = await Promise.all([
      store.commit(claim, { history: [historyRow(1, { data: "x" })], change: DONE }),
      store.commit(claim, { history: [historyRow(1, { data: "x" })], change: DONE }),
    ]);
    const kinds = outcomes.map((outcome) => outcome.kind).sort();
    expectEqual(kinds, ["claimLost", "committed"], "the outcomes");
    expectMatch(await store.row("a"), { status: "Completed", output: '"done"' }, "the row");
  },

  "names what it delivered, with the ids that a claim shows": async (store) => {
    const other = await store.begin("other");
    const claim = await store.begin("a");
    const { delivered } = await store.land(claim, {
      messages: [{ instanceId: "other", body: "hello" }],
      starts: [request("child"), request("later", { notBeforeMs: store.nowMs + 60_000 })],
    });
    const expected = [
      { instanceId: "child", message: { body: "start child" } },
      { instanceId: "other", key: other.key, message: { body: "hello" } },
    ];
    expectMatch(delivered, expected, "what was delivered");
    const { messages } = await store.claimOne({ node: await store.registerNode() });
    expectEqual(messages, [delivered[0]?.message], "the messages of the child");
    expectEqual(await store.heldMessages(), [delivered[1]?.message], "the held messages");
  },
});

async function landsEverything(store: StoreUnderTest): Promise<void> {
  await store.begin("other");
  const claim = await store.begin("a");
  const fireAtMs = store.nowMs + 60_000;
  const row = historyRow(1, { eventCount: 3, lastEventId: 3 });
  const outcome = await store.commit(claim, {
    history: [row],
    change: { name: "renamed", version: "1.2.0", customStatus: { value: '"busy"' } },
    newActivities: [activity(2, { tag: "gpu", sessionId: "s1" })],
    newTimers: [timer(3, fireAtMs)],
    messages: [{ instanceId: "other", body: "hello" }],
    starts: [request("child", { parent })],
    ...keyValues({ k: "1" }),
  });
  const clean = { kind: "committed", droppedMessageCount: 0, refusedStarts: [] };
  expectMatch(outcome, clean, "the outcome");
  const facts = { name: "renamed", version: "1.2.0", status: "Running", customStatus: '"busy"' };
  expectMatch(await store.row("a"), { ...facts, updatedMs: row.timestampMs }, "the row");
  expectEqual(await store.provider.readHistory("a", 1), [row], "the history");
  expectEqual(await store.provider.nextDueMs(store.nowMs), fireAtMs, "the next due time");
  expectMatch(await store.claimActivity(), { name: "charge", tag: "gpu" }, "the activity");
  expectEqual(idsOf(await store.provider.listChildren("a")), ["child"], "the children");
  expectMatch(await store.row("child"), { parent, status: "Pending" }, "the row of the child");
  const values = new Map([["k", { value: "1", updatedMs: 7 }]]);
  expectEqual(await store.provider.readKeyValues("a"), values, "the key-values");
  expectEqual(bodiesOf(await store.heldMessages()), ["hello"], "the messages");
}

async function leavesNothing(store: StoreUnderTest): Promise<void> {
  const claim = await store.begin("a", {
    history: [historyRow(1)],
    newActivities: [activity(9)],
    ...keyValues({ k: "old" }),
  });
  const working = await store.claimActivity();
  const ids = ["a", "b", "child"];
  const before = await readAll(store.provider, ids);
  const failing = store.provider.write([
    { kind: "startInstance", request: request("b") },
    { kind: "sendMessage", message: { instanceId: "a", body: "hello" } },
    { kind: "completeActivity", claim: working.claim, body: "completed" },
    commitOf(claim, {
      history: [historyRow(2)],
      change: { customStatus: { value: "1" }, version: "9.9.9" },
      newActivities: [activity(3)],
      newTimers: [timer(4, store.nowMs + 5)],
      starts: [request("child", { parent })],
      ...keyValues({ k: "new" }, true),
    }),
    // The same event once more.
    commitOf(claim, { history: [historyRow(2)] }),
    { kind: "sendMessage", message: { instanceId: "a", body: "behind it" } },
  ]);
  const members = { name: "ProviderError", retryable: false };
  await expectRejection(failing, members, "a batch with a duplicate event");
  expectEqual(await readAll(store.provider, ids), before, "everything");
  expectEqual(await store.heldMessages(), [], "the messages");
  expectEqual(await store.claimActivities(), [], "the claimable activities");
  expectEqual(await store.provider.nextDueMs(0), undefined, "the next due time");
  expectKind(await store.complete(working.claim), "accepted", "the completion afterwards");
  await store.land(claim, { history: [historyRow(2)], change: effects().change });
}
