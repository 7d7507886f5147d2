/** Timers, delayed starts, and the next due time. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, DONE, historyRow, idsOf, timer } from "../effects.ts";
import { expectEqual, expectKind, expectMatch, expectThat } from "../expectation.ts";

export const time: readonly ConformanceCase[] = concern("timers and due times", {
  "hide a timer until it is due, and never show it early": async (store) => {
    const dueMs = store.nowMs + 500;
    const claim = await store.begin("a", { newTimers: [timer(1, dueMs)] });
    expectEqual(await store.provider.readHeldWork(store.node, 9), [], "the held work before");
    await store.release(claim);
    expectEqual(await store.claim(), [], "the claimable instances before");
    expectEqual(await store.provider.hasClaimableWork(), false, "whether there is work before");
    expectEqual(await store.provider.nextDueMs(store.nowMs), dueMs, "the next due time");
    await store.reach(dueMs);
    expectEqual(await store.provider.hasClaimableWork(), true, "whether there is work then");
    const claimed = await store.claimOne();
    expectEqual(claimed.dueTimers, [timer(1, dueMs)], "the due timers");
    expectEqual(claimed.messages, [], "the messages");
    expectEqual(await store.provider.nextDueMs(store.nowMs), undefined, "the next due time then");
  },

  "are exact to the millisecond, where the clock can be moved": async (store) => {
    const dueMs = store.nowMs + 10;
    await store.release(await store.begin("a", { newTimers: [timer(1, dueMs)] }));
    await store.start("later", { notBeforeMs: dueMs });
    store.jumpClock(9);
    expectEqual(await store.claim(), [], "the claimable instances 1 ms before");
    store.jumpClock(1);
    expectEqual(idsOf(await store.claim()).sort(), ["a", "later"], "the claimable instances");
  },

  "keep a due timer due until a turn takes it in": async (store) => {
    const due = timer(1, store.nowMs + 50);
    const claim = await store.begin("a", { newTimers: [due, timer(2, store.nowMs + 60_000)] });
    await store.reach(due.fireAtMs);
    for (let i = 0; i < 2; i += 1) {
      const work = await store.provider.readHeldWork(store.node, 10);
      expectEqual(work, [{ key: claim.key, messages: [], dueTimers: [due] }], "the held work");
    }
    await store.land(claim, { history: [historyRow(1)] }, { timers: [due] });
    expectEqual(await store.provider.readHeldWork(store.node, 10), [], "the held work after");
  },

  "show a timer that was in the past from the start": async (store) => {
    const past = timer(1, store.nowMs - 60_000);
    await store.begin("a", { newTimers: [past] });
    const work = await store.provider.readHeldWork(store.node, 10);
    expectMatch(work, [{ dueTimers: [past] }], "the held work");
  },

  "do not show a timer that was cancelled": async (store) => {
    const dueMs = store.nowMs + 50;
    const claim = await store.begin("a", { newTimers: [timer(1, dueMs), timer(2, dueMs)] });
    await store.land(claim, { cancelledTimers: [timer(1, dueMs)] });
    await store.reach(dueMs);
    const work = await store.provider.readHeldWork(store.node, 10);
    expectMatch(work, [{ dueTimers: [timer(2, dueMs)] }], "the held work");
  },

  "keep timers that are far away": async (store) => {
    const farMs = store.nowMs + 100 * 365 * 86_400_000;
    await store.begin("a", { newTimers: [timer(1, farMs)] });
    expectEqual(await store.provider.nextDueMs(store.nowMs), farMs, "the next due time");
  },

  "delay a start until its time": async (store) => {
    const notBeforeMs = store.nowMs + 500;
    const outcome = expectKind(await store.start("a", { notBeforeMs }), "started", "the start");
    expectEqual(outcome.delivered, [], "what was delivered");
    expectMatch(await store.row("a"), { status: "Pending" }, "the row");
    expectEqual(await store.claim(), [], "the claimable instances before");
    expectEqual(await store.provider.nextDueMs(store.nowMs), notBeforeMs, "the next due time");
    await store.send("a", "early");
    expectEqual(await store.claim(), [], "the claimable instances, with a message");
    await store.reach(notBeforeMs);
    const expected = [{ body: "start a" }, { body: "early" }];
    expectMatch((await store.claimOne()).messages, expected, "the messages");
  },

  "do not delay a start whose time has gone by": async (store) => {
    await store.start("a", { notBeforeMs: store.nowMs - 5 });
    expectEqual(idsOf(await store.claim()), ["a"], "the claimable instances");
  },

  "name the earliest of all due times after a given one": async (store) => {
    const fromMs = store.nowMs + 60_000;
    const claim = await store.begin("a", {
      newTimers: [timer(1, fromMs + 10), timer(2, fromMs + 30)],
      newActivities: [activity(3)],
    });
    const running = await store.claimActivity();
    await store.handBack(running.claim, { visibleAtMs: fromMs + 20 });
    await store.start("b", { notBeforeMs: fromMs + 40 });
    const seen: (number | undefined)[] = [];
    for (const afterMs of [0, 10, 19, 20, 30, 40]) {
      const dueMs = await store.provider.nextDueMs(fromMs + afterMs);
      seen.push(dueMs === undefined ? undefined : dueMs - fromMs);
    }
    expectEqual(seen, [10, 20, 20, 30, 40, undefined], "the due times");
    await store.land(claim, { change: DONE });
    const left = await store.provider.nextDueMs(fromMs + 20);
    expectEqual(left, fromMs + 40, "the due time when the timers have gone");
  },

  "go forward by themselves or by the harness's hand": async (store) => {
    const beforeMs = store.nowMs;
    await store.reach(beforeMs + 20);
    expectThat(store.nowMs >= beforeMs + 20, "the store's time to have come");
  },
});
