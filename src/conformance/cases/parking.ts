/** Instances that were handed back for later, with a reason that clients see. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, bodiesOf, DONE, historyRow, idsOf, messageIdsOf, timer } from "../effects.ts";
import { expectEqual, expectKind, expectMatch } from "../expectation.ts";
import type { StoreUnderTest } from "../store-under-test.ts";
import type { BlockedReason, InstanceClaim } from "../../provider/provider.ts";

const BLOCKED: BlockedReason = {
  code: "nondeterminism",
  message: "Event 3 differs",
  sinceMs: 1_000_000,
  eventId: 3,
  expected: 'activity "charge"',
  actual: "timer",
  source: "order.ts:12",
};

async function park(
  store: StoreUnderTest,
  claim: InstanceClaim,
  visibleAtMs: number,
  blocked?: BlockedReason | null,
): Promise<void> {
  const release = { kind: "releaseInstance", claim, visibleAtMs, isAttemptCounted: true } as const;
  const outcome = await store.write({ ...release, blocked });
  expectKind(outcome, "accepted", "the release");
}

export const parking: readonly ConformanceCase[] = concern("parking", {
  "hides an instance until its time, shows why, and keeps its messages": async (store) => {
    await store.start("a");
    const visibleAtMs = store.nowMs + 500;
    await park(store, (await store.claimOne()).claim, visibleAtMs, BLOCKED);
    const outcome = await store.send("a", "x");
    expectEqual(outcome, { kind: "accepted", delivered: [] }, "a message for it");
    expectEqual((await store.row("a")).blocked, BLOCKED, "the reason");
    expectEqual(await store.claim(), [], "the claimable instances before");
    expectEqual(await store.provider.hasClaimableWork(), false, "whether there is work before");
    expectEqual(await store.provider.nextDueMs(store.nowMs), visibleAtMs, "the next due time");
    await store.reach(visibleAtMs);
    const claimed = await store.claimOne();
    expectEqual(bodiesOf(claimed.messages), ["start a", "x"], "the messages");
    expectEqual(claimed.row.blocked, BLOCKED, "the reason that the claimer sees");
  },

  "holds due timers back as well": async (store) => {
    const dueMs = store.nowMs + 20;
    const claim = await store.begin("a", { newTimers: [timer(1, dueMs)] });
    const visibleAtMs = store.nowMs + 1_000;
    await park(store, claim, visibleAtMs);
    await store.reach(dueMs);
    expectEqual(await store.claim(), [], "the claimable instances before");
    expectEqual(await store.provider.nextDueMs(store.nowMs), visibleAtMs, "the next due time");
    await store.reach(visibleAtMs);
    expectMatch(await store.claimOne(), { dueTimers: [timer(1, dueMs)] }, "the claim");
  },

  "does not hold others back": async (store) => {
    for (let i = 0; i < 150; i += 1) await store.start(`parked ${i}`);
    const until = store.nowMs + 600_000;
    const held = await store.claim({ limit: 200 });
    await store.provider.write(
      held.map(({ claim }) => ({
        kind: "releaseInstance" as const,
        ...{ claim, visibleAtMs: until, isAttemptCounted: true, blocked: BLOCKED },
      })),
    );
    await store.start("free");
    expectEqual(idsOf(await store.claim({ limit: 1 })), ["free"], "the claimable instances");
  },

  "ends its reason with the next turn that lands": async (store) => {
    const claim = await store.begin("a");
    await store.send("a", "x");
    await park(store, claim, store.nowMs, BLOCKED);
    const claimed = await store.claimOne();
    const consumed = { messages: messageIdsOf(claimed.messages) };
    await store.land(claimed.claim, { history: [historyRow(1)] }, consumed);
    expectEqual((await store.row("a")).blocked, undefined, "the reason");
  },

  "ends its reason with the end of the instance": async (store) => {
    const claim = await store.begin("a");
    await store.send("a", "x");
    await park(store, claim, store.nowMs, BLOCKED);
    await store.land((await store.claimOne()).claim, { change: DONE });
    expectEqual((await store.row("a")).blocked, undefined, "the reason");
  },

  "keeps its reason when a release says nothing, and clears it on request": async (store) => {
    const claim = await store.begin("a");
    await store.send("a", "x");
    await park(store, claim, store.nowMs, BLOCKED);
    await park(store, (await store.claimOne()).claim, store.nowMs);
    expectEqual((await store.row("a")).blocked, BLOCKED, "the reason that is kept");
    await park(store, (await store.claimOne()).claim, store.nowMs, null);
    expectEqual((await store.row("a")).blocked, undefined, "the reason that was cleared");
  },

  "ends at once with unblockWork(), except for delayed starts": async (store) => {
    await store.start("a");
    const laterMs = store.nowMs + 600_000;
    await park(store, (await store.claimOne()).claim, laterMs, BLOCKED);
    await store.start("later", { notBeforeMs: laterMs });
    await store.send("a", "while it was parked");
    await store.provider.unblockWork();
    const claimed = await store.claimOne();
    expectEqual(claimed.instanceId, "a", "the claimable instance");
    const bodies = ["start a", "while it was parked"];
    expectEqual(bodiesOf(claimed.messages), bodies, "its messages");
    expectEqual(bodiesOf(await store.heldMessages()), bodies, "the messages of the holder");
    expectEqual(claimed.row.blocked, BLOCKED, "the reason, which a turn has to end");
    expectEqual(await store.provider.nextDueMs(store.nowMs), laterMs, "the next due time");
  },

  "of activities ends with unblockWork() as well": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    const first = await store.claimActivity();
    await store.handBack(first.claim, { visibleAtMs: store.nowMs + 600_000 });
    expectEqual(await store.claimActivities(), [], "the claimable activities before");
    await store.provider.unblockWork();
    expectMatch(await store.claimActivity(), { claim: { attempt: 2 } }, "the activity then");
  },

  "takes nothing from those who hold something with unblockWork()": async (store) => {
    const claim = await store.begin("a", { newActivities: [activity(1)] });
    const running = await store.claimActivity();
    await store.provider.unblockWork();
    expectEqual(await store.claimActivities(), [], "the claimable activities");
    expectEqual(await store.provider.findLostActivities([running.claim]), [], "the lost ones");
    await store.land(claim, { newTimers: [timer(2, store.nowMs + 600_000)] });
    await store.provider.unblockWork();
    await store.release(claim);
    expectEqual(await store.claim(), [], "the claimable instances, with a timer to come");
  },
});
