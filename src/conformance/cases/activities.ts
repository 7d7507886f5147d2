/** The life of an activity: claimed, cancelled, handed back, finished. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, bodiesOf, continued, DONE, historyRow, timer } from "../effects.ts";
import { expectEqual, expectKind, expectMatch } from "../expectation.ts";
import type { StoreUnderTest } from "../store-under-test.ts";

export const activities: readonly ConformanceCase[] = concern("activities", {
  "are handed out with everything, once": async (store) => {
    const { key } = await store.begin("a", {
      newActivities: [activity(7, { tag: "gpu", sessionId: "s1" }), activity(8)],
    });
    const [first, second, ...others] = await store.claimActivities();
    const claim = { key, executionId: 1, activityId: 7, node: store.node, attempt: 1 };
    const facts = { instanceId: "a", name: "charge", body: "activity 7", tag: "gpu" };
    const state = { crashes: 0, heartbeat: undefined };
    const expected = { claim, ...facts, sessionId: "s1", ...state };
    expectEqual(first, expected, "the first activity");
    expectMatch(second, { tag: undefined, sessionId: undefined }, "the second activity");
    expectEqual(others, [], "further activities");
    expectEqual(await store.claimActivities(), [], "what is claimable afterwards");
    const other = await store.registerNode();
    expectEqual(await store.claimActivities({ node: other }), [], "what another node gets (P4)");
    expectEqual(await store.provider.findLostActivities([claim]), [], "the lost activities");
  },

  "born claimed belong to the committing node, as attempt 1": async (store) => {
    const { key } = await store.begin("a", { newActivities: [activity(1, { isClaimed: true })] });
    expectEqual(await store.claimActivities(), [], "the claimable activities");
    const claim = { key, executionId: 1, activityId: 1, node: store.node, attempt: 1 };
    expectEqual(await store.provider.findLostActivities([claim]), [], "the lost activities");
    expectKind(await store.complete(claim), "accepted", "the completion");
  },

  "go to registered nodes only (P3)": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    const gone = await store.registerNode();
    await store.provider.removeNode(gone);
    expectEqual(await store.claimActivities({ node: gone }), [], "what it gets");
    expectMatch(await store.claimActivity(), { claim: { attempt: 1 } }, "the first claim");
  },

  "that a turn cancels are lost to whoever works on them": async (store) => {
    const instance = await store.begin("a", { newActivities: [activity(1), activity(2)] });
    const [first, second] = (await store.claimActivities()).map((it) => it.claim);
    if (first === undefined || second === undefined) throw new Error("Expected two activities");
    await store.land(instance, { cancelledActivities: [{ executionId: 1, activityId: 1 }] });
    expectEqual(await store.provider.findLostActivities([first, second]), [first], "the lost");
    expectKind(await store.complete(first), "claimLost", "a completion");
    expectKind(await store.heartbeat(first, "x"), "claimLost", "a heartbeat");
    expectKind(await store.handBack(first), "claimLost", "a release");
    expectEqual(await store.heldMessages(), [], "the messages");
    expectKind(await store.complete(second), "accepted", "the completion of the other");
  },

  "that a turn cancels before their claim are never handed out": async (store) => {
    const ids = [1, 2, 3, 4, 5];
    const claim = await store.begin("a", { newActivities: ids.map((id) => activity(id)) });
    await store.land(claim, {
      cancelledActivities: [1, 2, 4, 5].map((activityId) => ({ executionId: 1, activityId })),
    });
    const left = await store.claimActivity();
    expectEqual(left.claim.activityId, 3, "the activity that is left");
  },

  "and timers that are unknown may be cancelled": async (store) => {
    const claim = await store.begin("a", { newActivities: [activity(1)] });
    await store.land(claim, {
      cancelledActivities: [
        { executionId: 1, activityId: 77 },
        { executionId: 9, activityId: 1 },
      ],
      cancelledTimers: [timer(77, 1)],
    });
    expectMatch(await store.claimActivity(), { claim: { activityId: 1 } }, "the activity");
  },

  "and timers that a turn both creates and cancels are absent": async (store) => {
    const dueMs = store.nowMs + 60_000;
    const claim = await store.begin("a");
    await store.land(claim, {
      newActivities: [activity(1), activity(2)],
      cancelledActivities: [{ executionId: 1, activityId: 2 }],
      newTimers: [timer(3, dueMs), timer(4, dueMs + 5)],
      cancelledTimers: [timer(3, dueMs)],
    });
    expectMatch(await store.claimActivity(), { claim: { activityId: 1 } }, "the activity");
    expectEqual(await store.provider.nextDueMs(store.nowMs), dueMs + 5, "the timer");
  },

  "of a finished instance still run, and their completion goes nowhere (R1)": async (store) => {
    await store.begin("a", { newActivities: [activity(1)], change: DONE });
    const { claim } = await store.claimActivity();
    expectKind(await store.heartbeat(claim, "half"), "accepted", "a heartbeat");
    expectEqual(await store.complete(claim), { kind: "finishedInstance" }, "the completion");
    expectEqual(await store.claimActivities(), [], "the claimable activities");
    expectEqual(await store.claim(), [], "the claimable instances");
    expectMatch(await store.row("a"), DONE, "the row");
  },

  "of an execution that continued still run, and report to the next one": async (store) => {
    const instance = await store.begin("a", { newActivities: [activity(1)] });
    await store.land(instance, { continued: continued() });
    const { claim } = await store.claimActivity();
    expectKind(await store.heartbeat(claim, "half"), "accepted", "a heartbeat");
    expectKind(await store.complete(claim, "late"), "accepted", "the completion");
    const expected = ["go on after 1", "late"];
    expectEqual(bodiesOf(await store.heldMessages()), expected, "the messages");
  },

  "of one execution are not those of the next with the same number": async (store) => {
    const instance = await store.begin("a", { newActivities: [activity(1)] });
    await store.land(instance, { continued: continued() });
    await store.land(instance, { executionId: 2, newActivities: [activity(1, { body: "new" })] });
    const claimed = await store.claimActivities();
    const found = claimed.map((it) => `${it.claim.executionId} ${it.body}`).sort();
    expectEqual(found, ["1 activity 1", "2 new"], "the activities");
    await store.land(instance, {
      executionId: 2,
      cancelledActivities: [{ executionId: 2, activityId: 1 }],
    });
    const lost = await store.provider.findLostActivities(claimed.map((it) => it.claim));
    expectMatch(lost, [{ executionId: 2 }], "the lost activities");
  },

  "that are handed back come again at once": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    const first = await store.claimActivity();
    expectKind(await store.handBack(first.claim), "accepted", "the release");
    const lost = await store.provider.findLostActivities([first.claim]);
    expectEqual(lost, [first.claim], "the lost activities");
    const other = await store.registerNode();
    const second = await store.claimActivity({ node: other });
    expectMatch(second, { body: first.body, claim: { attempt: 2, node: other } }, "the next claim");
    expectKind(await store.complete(first.claim), "claimLost", "a completion of the first");
  },

  "that are handed back for later are hidden until then": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    const { claim } = await store.claimActivity();
    const visibleAtMs = store.nowMs + 300;
    await store.handBack(claim, { visibleAtMs });
    expectEqual(await store.claimActivities(), [], "the claimable activities before");
    expectEqual(await store.provider.nextDueMs(store.nowMs), visibleAtMs, "the next due time");
    await store.reach(visibleAtMs);
    expectMatch(await store.claimActivity(), { claim: { attempt: 2 } }, "the activity then");
  },

  "carry the progress of the attempt before": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    const first = await store.claimActivity();
    expectKind(await store.heartbeat(first.claim, "a third"), "accepted", "a heartbeat");
    expectKind(await store.heartbeat(first.claim, "half"), "accepted", "a heartbeat");
    await store.handBack(first.claim);
    expectKind(await store.heartbeat(first.claim, "late"), "claimLost", "a late heartbeat");
    const second = await store.claimActivity();
    expectEqual(second.heartbeat, "half", "the progress");
  },

  "end inside a turn that contains their completion, or the turn is refused (P3)": endInsideTurn,
});

async function endInsideTurn(store: StoreUnderTest): Promise<void> {
  const claim = await store.begin("a", {
    newActivities: [activity(1, { isClaimed: true }), activity(2, { isClaimed: true })],
  });
  const mine = { executionId: 1, activityId: 1, attempt: 1 };
  const lost = { executionId: 1, activityId: 2, attempt: 2 };
  const turn = { history: [historyRow(1)] };
  const mixed = await store.commit(claim, turn, { activities: [mine, lost] });
  expectKind(mixed, "claimLost", "a turn with one that is lost");
  expectEqual(await store.provider.readHistory("a", 1), [], "the history");
  await store.land(claim, turn, { activities: [mine] });
  const again = await store.commit(claim, { history: [historyRow(2)] }, { activities: [mine] });
  expectKind(again, "claimLost", "a turn with one that has ended");
  const left = { key: claim.key, node: store.node, executionId: 1, activityId: 2, attempt: 1 };
  expectKind(await store.complete(left), "accepted", "the completion of the other");
}
