/** P7, and what is delivered twice, late, or in the wrong order. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, bodiesOf, DONE, historyRow, messageIdsOf, request } from "../effects.ts";
import { expectEqual, expectKind, expectMatch, expectRejection } from "../expectation.ts";
import { commitOf, type StoreUnderTest } from "../store-under-test.ts";
import type { WriteOperation } from "../../provider/provider.ts";

const UNHEARD = { name: "ProviderError", retryable: true };

export const repetition: readonly ConformanceCase[] = concern("repetition", {
  "of a start is recognised by its run": async (store) => {
    const operation = { kind: "startInstance", request: request("a") } as const;
    expectKind((await store.provider.write([operation]))[0], "started", "the first");
    const again = await store.provider.write([{ ...operation }]);
    expectMatch(again, [{ kind: "idInUse", isSame: true }], "the second");
    const { messages } = await store.claimOne();
    expectEqual(bodiesOf(messages), ["start a"], "the messages");
  },

  "of a completion finds the claim gone": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    const { claim } = await store.claimActivity();
    const outcomes = await store.provider.write([
      { kind: "completeActivity", claim, body: "once" },
      { kind: "completeActivity", claim, body: "twice" },
    ]);
    const kinds = outcomes.map((outcome) => outcome.kind);
    expectEqual(kinds, ["accepted", "claimLost"], "the outcomes");
    expectEqual(bodiesOf(await store.heldMessages()), ["once"], "the messages");
  },

  "of a release finds the claim gone": async (store) => {
    const claim = await store.begin("a", { newActivities: [activity(1)] });
    const running = await store.claimActivity();
    expectKind(await store.release(claim), "accepted", "the first release");
    expectKind(await store.release(claim), "claimLost", "the second release");
    expectKind(await store.handBack(running.claim), "accepted", "the first release");
    expectKind(await store.handBack(running.claim), "claimLost", "the second release");
  },

  "of consumption is harmless": async (store) => {
    const claim = await store.begin("a");
    await store.send("a", "one");
    const messages = messageIdsOf(await store.heldMessages());
    await store.land(claim, {}, { messages });
    await store.send("a", "two");
    await store.land(claim, {}, { messages: [...messages, ...messages] });
    expectEqual(bodiesOf(await store.heldMessages()), ["two"], "the messages");
  },

  "in the wrong order: a turn behind the release of its claim is refused": async (store) => {
    const claim = await store.begin("a");
    const outcomes = await store.provider.write([
      { kind: "releaseInstance", claim, visibleAtMs: store.nowMs },
      commitOf(claim, { history: [historyRow(1)], change: DONE }),
    ]);
    const kinds = outcomes.map((outcome) => outcome.kind);
    expectEqual(kinds, ["accepted", "claimLost"], "the outcomes");
    expectEqual(await store.provider.readHistory("a", 1), [], "the history");
  },

  "in the wrong order: completions arrive as they are written": async (store) => {
    await store.begin("a", { newActivities: [activity(1), activity(2), activity(3)] });
    const claimed = await store.claimActivities();
    for (const { claim } of [...claimed].reverse()) {
      await store.complete(claim, `end of ${claim.activityId}`);
    }
    const expected = ["end of 3", "end of 2", "end of 1"];
    expectEqual(bodiesOf(await store.heldMessages()), expected, "the messages");
  },

  "in the wrong order: a completion behind its cancellation is refused": async (store) => {
    const instance = await store.begin("a", { newActivities: [activity(1)] });
    const { claim } = await store.claimActivity();
    const outcomes = await store.provider.write([
      commitOf(instance, { cancelledActivities: [{ executionId: 1, activityId: 1 }] }),
      { kind: "completeActivity", claim, body: "late" },
    ]);
    const kinds = outcomes.map((outcome) => outcome.kind);
    expectEqual(kinds, ["committed", "claimLost"], "the outcomes");
    expectEqual(await store.heldMessages(), [], "the messages");
  },

  "after a lost answer gives the answers of the first time, and acts once (P7)": afterLostAnswer,

  "after a lost answer works in other batches, too (P7)": async (store) => {
    await store.begin("a");
    const send = (body: string): WriteOperation => ({
      ...{ kind: "sendMessage", message: { instanceId: "a", body } },
    });
    const [one, two, three] = [send("one"), send("two"), send("three")];
    store.loseNextAnswer();
    await expectRejection(store.provider.write([one, two]), UNHEARD, "the unheard write");
    await store.provider.write([one]);
    await store.provider.write([two, three]);
    const expected = ["one", "two", "three"];
    expectEqual(bodiesOf(await store.heldMessages()), expected, "the messages");
  },

  "after a lost answer takes equal operations of somebody else for new ones": async (store) => {
    await store.begin("a");
    const operation = { kind: "sendMessage", message: { instanceId: "a", body: "x" } } as const;
    store.loseNextAnswer();
    await expectRejection(store.provider.write([operation]), UNHEARD, "the unheard write");
    await store.provider.write([{ ...operation }, operation]);
    expectEqual(bodiesOf(await store.heldMessages()), ["x", "x"], "the messages");
  },
});

async function afterLostAnswer(store: StoreUnderTest): Promise<void> {
  const claim = await store.begin("a", { newActivities: [activity(1)] });
  const running = await store.claimActivity();
  const operations: readonly WriteOperation[] = [
    { kind: "startInstance", request: request("b") },
    { kind: "sendMessage", message: { instanceId: "a", body: "x" } },
    { kind: "sendMessage", message: { instanceId: "nobody", body: "x" } },
    { kind: "completeActivity", claim: running.claim, body: "y" },
    commitOf(claim, {
      history: [historyRow(1)],
      change: { customStatus: { value: "1" } },
      starts: [request("c")],
    }),
  ];
  store.loseNextAnswer();
  await expectRejection(store.provider.write(operations), UNHEARD, "the unheard write");
  const outcomes = await store.provider.write(operations);
  const kinds = outcomes.map((outcome) => outcome.kind);
  const expected = ["started", "accepted", "unknownInstance", "accepted", "committed"];
  expectEqual(kinds, expected, "the outcomes of the second time");
  expectEqual(bodiesOf(await store.heldMessages()), ["x", "y"], "the messages");
  expectMatch(await store.row("a"), { customStatusVersion: 1 }, "the row");
  expectEqual(await store.provider.readHistory("a", 1), [historyRow(1)], "the history");
  expectEqual((await store.claim()).length, 2, "the number of claimable instances");
  await store.land(claim, { history: [historyRow(2)], change: DONE });
}
