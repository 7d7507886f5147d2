/** Ends that land without a claim, whichever node holds the instance. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, bodiesOf, effects, historyRow, request, timer } from "../effects.ts";
import { expectEqual, expectKind, expectMatch } from "../expectation.ts";
import type { StoreUnderTest } from "../store-under-test.ts";
import type { InstanceKey, TurnEffects, WriteOutcome } from "../../provider/provider.ts";

const CANCELED = {
  status: "Canceled",
  failure: { category: "application", code: "canceled", name: "CanceledError", message: "enough" },
} as const;

/** Ends an instance with one row of history behind what has been read. */
function end(
  store: StoreUnderTest,
  key: InstanceKey,
  lastEventId: number,
  some: Partial<TurnEffects> = {},
): Promise<WriteOutcome> {
  const history = [historyRow(lastEventId + 1)];
  return store.write({
    kind: "endInstance",
    key,
    lastEventId,
    effects: effects({ history, change: CANCELED, ...some }),
  });
}

export const endings: readonly ConformanceCase[] = concern("endings", {
  "end a start that waits, and leave nothing of it in any queue": async (store) => {
    await store.start("a", { notBeforeMs: store.nowMs + 600_000 });
    const { key } = await store.row("a");
    expectEqual(bodiesOf(await store.provider.readMessages("a")), ["start a"], "what is queued");
    expectKind(await end(store, key, 0), "committed", "the end");
    expectMatch(await store.row("a"), CANCELED, "the row");
    expectEqual(await store.provider.readMessages("a"), [], "what is left in the queue");
    expectEqual(await store.provider.nextDueMs(store.nowMs), undefined, "the next due time");
    expectEqual(await store.claim(), [], "the claimable instances");
  },

  "end a parked instance, and its reason": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    const visibleAtMs = store.nowMs + 600_000;
    const blocked = { code: "not_registered", message: "nobody knows it", sinceMs: 1 };
    const release = { kind: "releaseInstance", claim, visibleAtMs, blocked } as const;
    await store.write(release);
    expectKind(await end(store, claim.key, 1), "committed", "the end");
    const row = await store.row("a");
    expectMatch(row, CANCELED, "the row");
    expectEqual(row.blocked, undefined, "the reason");
    expectEqual(await store.provider.nextDueMs(store.nowMs), undefined, "the next due time");
  },

  "void the claims on the instance and on its activities": async (store) => {
    const claim = await store.begin("a", {
      history: [historyRow(1)],
      newActivities: [activity(1), activity(2)],
      newTimers: [timer(3, store.nowMs - 1)],
    });
    const running = await store.claimActivity({ limit: 1 });
    expectKind(await end(store, claim.key, 1), "committed", "the end");
    const lost = await store.provider.findLostActivities([running.claim]);
    expectEqual(lost, [running.claim], "the lost activities");
    expectEqual(await store.claimActivities(), [], "the claimable activities");
    const { claim: work } = running;
    expectKind(await store.complete(work), "claimLost", "a completion");
    const refused = await store.commit(claim, { history: [historyRow(3)] });
    expectKind(refused, "claimLost", "a turn of the holder");
    expectEqual(await store.claim(), [], "the claimable instances, with a timer that was due");
  },

  "are refused when a turn has landed that was not read": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    await store.land(claim, { history: [historyRow(2)] });
    expectKind(await end(store, claim.key, 1), "claimLost", "an end after the first event");
    expectKind(await end(store, claim.key, 0), "claimLost", "an end before the first event");
    const other = { executionId: 2, history: [historyRow(3, { executionId: 2 })] };
    expectKind(await end(store, claim.key, 2, other), "claimLost", "an end of another execution");
    expectMatch(await store.row("a"), { status: "Running" }, "the row");
    expectKind(await end(store, claim.key, 2), "committed", "an end after the last event");
  },

  "are refused for what has ended or was never there": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    await end(store, claim.key, 1);
    expectEqual(await end(store, claim.key, 2), { kind: "finishedInstance" }, "a second end");
    const unknown = await end(store, Number(claim.key) + 1_000, 0);
    expectEqual(unknown, { kind: "unknownInstance" }, "the end of nothing");
  },

  "send their messages, and free the id": async (store) => {
    await store.start("parent");
    await store.start("a");
    const { key } = await store.row("a");
    const messages = [{ instanceId: "parent", body: "your child has ended" }];
    expectKind(await end(store, key, 0, { messages }), "committed", "the end");
    const claimed = await store.claimOne();
    const bodies = ["start parent", "your child has ended"];
    expectEqual(bodiesOf(claimed.messages), bodies, "the messages of the parent");
    const again = await store.write({
      kind: "startInstance",
      request: request("a", { runId: "another", idReuse: "replaceFinished" }),
    });
    expectKind(again, "started", "a new run");
  },

  "of messages: an urgent one wakes a parked instance and a delayed start": async (store) => {
    await store.start("parked");
    const laterMs = store.nowMs + 600_000;
    await store.release((await store.claimOne()).claim, { visibleAtMs: laterMs });
    await store.start("later", { notBeforeMs: laterMs });
    for (const instanceId of ["parked", "later"]) {
      const outcome = await store.write({
        kind: "sendMessage",
        message: { instanceId, body: "now", isUrgent: true },
      });
      expectMatch(outcome, { kind: "accepted", delivered: [{ instanceId }] }, "the message");
      const claimed = await store.claimOne();
      expectEqual(claimed.instanceId, instanceId, "the claimable instance");
      expectEqual(bodiesOf(claimed.messages), [`start ${instanceId}`, "now"], "its messages");
    }
  },
});
