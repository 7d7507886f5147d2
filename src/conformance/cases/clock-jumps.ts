/** The machine's time may jump; nothing is lost, taken away or put out of order by that (R24, R25). */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, bodiesOf, DONE, historyRow, idsOf, timer } from "../effects.ts";
import { expectEqual, expectKind, expectMatch } from "../expectation.ts";

const DAY_MS = 86_400_000;

export const clockJumps: readonly ConformanceCase[] = concern("clock jumps", {
  "take no claim away, back or forth": async (store) => {
    await store.start("a");
    const first = await store.claimOne();
    await store.release(first.claim);
    const second = await store.claimOne();
    const other = await store.registerNode();
    for (const ms of [DAY_MS, -3 * DAY_MS, 7 * DAY_MS]) {
      store.jumpClock(ms);
      expectEqual(await store.claim({ node: other }), [], "what another node gets");
      expectKind(await store.commit(first.claim), "claimLost", "a turn of the claim before");
      await store.land(second.claim, { history: [historyRow(store.nowMs % 1_000_003)] });
    }
  },

  "leave messages in the order of their writing": async (store) => {
    const claim = await store.begin("a");
    await store.send("a", "one");
    store.jumpClock(DAY_MS);
    await store.send("a", "two");
    store.jumpClock(-DAY_MS / 2);
    await store.send("a", "three");
    store.jumpClock(DAY_MS);
    expectEqual(bodiesOf(await store.heldMessages()), ["one", "two", "three"], "when held");
    await store.release(claim);
    const { messages } = await store.claimOne();
    expectEqual(bodiesOf(messages), ["one", "two", "three"], "when claimed");
  },

  "fire what has become due, all at once and in order": async (store) => {
    const fromMs = store.nowMs;
    const timers = [timer(3, fromMs + 30), timer(1, fromMs + 10), timer(2, fromMs + DAY_MS)];
    await store.release(await store.begin("a", { newTimers: timers }));
    store.jumpClock(10 * DAY_MS);
    const { dueTimers } = await store.claimOne();
    const expected = [timer(1, fromMs + 10), timer(3, fromMs + 30), timer(2, fromMs + DAY_MS)];
    expectEqual(dueTimers, expected, "the due timers");
  },

  "let no timer fire early": async (store) => {
    const dueMs = store.nowMs + 1_000;
    await store.release(await store.begin("a", { newTimers: [timer(1, dueMs)] }));
    store.jumpClock(-DAY_MS);
    store.jumpClock(2_000);
    expectEqual(await store.claim(), [], "the claimable instances");
    expectEqual(await store.provider.nextDueMs(store.nowMs), dueMs, "the next due time");
  },

  "keep work going that was written before a jump back": async (store) => {
    await store.begin("held", { newActivities: [activity(1)] });
    await store.send("held", "x");
    await store.start("waiting");
    store.jumpClock(-DAY_MS);
    expectEqual(bodiesOf(await store.heldMessages()), ["x"], "the messages of the holder");
    expectEqual(idsOf(await store.claim()), ["waiting"], "the claimable instances");
    expectEqual((await store.claimActivities()).length, 1, "the number of claimable activities");
  },

  "do not disturb the list, nor ids": async (store) => {
    await store.start("old");
    store.jumpClock(-DAY_MS);
    await store.start("new");
    const page = await store.provider.listInstances({ limit: 10 });
    expectEqual(idsOf(page.rows).sort(), ["new", "old"], "the list");
    const first = await store.provider.listInstances({ limit: 1 });
    const second = await store.provider.listInstances({ limit: 1, cursor: first.cursor });
    const both = idsOf([...first.rows, ...second.rows]).sort();
    expectEqual(both, ["new", "old"], "the list page by page");
  },

  "do not stop an instance from ending": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    store.jumpClock(-DAY_MS);
    await store.land(claim, { history: [historyRow(2)], change: DONE });
    expectMatch(await store.row("a"), DONE, "the row");
  },
});
