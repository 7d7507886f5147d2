/** Continue-as-new: one instance, several histories. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import {
  activity,
  bodiesOf,
  continued,
  DONE,
  historyRow,
  messageIdsOf,
  timer,
} from "../effects.ts";
import { expectEqual, expectKind, expectMatch } from "../expectation.ts";

export const executions: readonly ConformanceCase[] = concern("multi-execution", {
  "opens with a message before all that wait": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    await store.send("a", "waiting");
    const { delivered } = await store.land(claim, { continued: continued() });
    const expected = [{ instanceId: "a", key: claim.key, message: { body: "go on after 1" } }];
    expectMatch(delivered, expected, "what was delivered");
    const messages = await store.heldMessages();
    expectEqual(bodiesOf(messages), ["go on after 1", "waiting"], "the messages");
    expectEqual(messages[0], delivered[0]?.message, "the first message");
  },

  "keeps claim, epoch and id of the instance": async (store) => {
    const claim = await store.begin("a");
    await store.land(claim, { continued: continued() });
    await store.land(claim, { executionId: 2, change: DONE });
    expectMatch(await store.row("a"), { key: claim.key, executionId: 2, ...DONE }, "the row");
  },

  "lists what each execution was and how it ended": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    await store.land(claim, {
      history: [historyRow(2, { eventCount: 4, lastEventId: 5 })],
      change: { version: "2.0.0" },
      continued: continued(),
    });
    const next = historyRow(1, { executionId: 2, timestampMs: 1_000_020 });
    await store.land(claim, { executionId: 2, history: [next], change: DONE });
    const [first, second, ...others] = await store.provider.listExecutions("a");
    const ended = {
      executionId: 1,
      name: "order",
      version: "1.0.0",
      status: "ContinuedAsNew",
      output: '"next"',
      failure: undefined,
      startedMs: 1_000_000,
      completedMs: 1_000_002,
      eventCount: 5,
    };
    const last = {
      executionId: 2,
      name: "order",
      version: "2.0.0",
      status: "Completed",
      output: '"done"',
      failure: undefined,
      startedMs: 1_000_020,
      completedMs: 1_000_020,
      eventCount: 1,
    };
    expectEqual(first, ended, "the execution that continued");
    expectEqual(second, last, "the current execution");
    expectEqual(others, [], "further executions");
  },

  "keeps all histories, each for itself": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    for (let executionId = 1; executionId <= 3; executionId += 1) {
      await store.land(claim, { executionId, continued: continued(executionId) });
      const row = historyRow(1, { executionId: executionId + 1, data: `of ${executionId + 1}` });
      await store.land(claim, { executionId: executionId + 1, history: [row] });
    }
    for (let executionId = 2; executionId <= 4; executionId += 1) {
      const rows = await store.provider.readHistory("a", executionId);
      expectMatch(rows, [{ executionId, data: `of ${executionId}` }], `history ${executionId}`);
    }
    expectEqual(await store.provider.readHistory("a", 1), [historyRow(1)], "the first history");
    expectEqual(await store.provider.readHistory("a", 5), undefined, "the history of the future");
    const listed = await store.provider.listExecutions("a");
    const numbers = listed.map(({ executionId }) => executionId);
    expectEqual(numbers, [1, 2, 3, 4], "the executions");
  },

  "hands out the history of the current execution only": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    await store.land(claim, { history: [historyRow(2)], continued: continued() });
    await store.release(claim);
    const claimed = await store.claimOne();
    const row = { executionId: 2, status: "Running", output: undefined };
    expectMatch(claimed, { history: [], row }, "the claimed instance");
    expectEqual(bodiesOf(claimed.messages), ["go on after 1"], "the messages");
  },

  "refuses a turn of an execution that is over, or has not begun": async (store) => {
    const claim = await store.begin("a");
    const early = await store.commit(claim, { executionId: 2, history: [historyRow(1)] });
    expectKind(early, "claimLost", "a turn of the next execution");
    await store.land(claim, { continued: continued() });
    const late = await store.commit(claim, { executionId: 1, history: [historyRow(9)] });
    expectKind(late, "claimLost", "a turn of the execution before");
    expectEqual(await store.provider.readHistory("a", 1), [], "the history");
  },

  "never gives the same id to two first messages": async (store) => {
    const claim = await store.begin("a");
    const seen = new Set<unknown>();
    for (let executionId = 1; executionId <= 3; executionId += 1) {
      const messages = messageIdsOf(await store.heldMessages());
      const turn = { executionId, continued: continued(executionId) };
      const { delivered } = await store.land(claim, turn, { messages });
      seen.add(delivered[0]?.message.id);
    }
    expectEqual(seen.size, 3, "the number of different ids");
  },

  "works for an instance whose very first turn continues": async (store) => {
    await store.begin("a", { history: [historyRow(1)], continued: continued() });
    expectMatch(await store.row("a"), { executionId: 2, status: "Running" }, "the row");
    expectEqual(bodiesOf(await store.heldMessages()), ["go on after 1"], "the messages");
  },

  "removes the activities and timers that it names, and leaves the others": async (store) => {
    const dueMs = store.nowMs + 60_000;
    const claim = await store.begin("a", {
      newActivities: [activity(1), activity(2)],
      newTimers: [timer(3, dueMs), timer(4, dueMs + 10)],
    });
    await store.land(claim, {
      continued: continued(),
      cancelledActivities: [{ executionId: 1, activityId: 1 }],
      cancelledTimers: [timer(3, dueMs)],
    });
    const left = await store.claimActivity();
    expectMatch(left.claim, { executionId: 1, activityId: 2 }, "the activity that is left");
    expectEqual(await store.provider.nextDueMs(store.nowMs), dueMs + 10, "the timer that is left");
  },
});
