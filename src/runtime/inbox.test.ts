import { describe, expect, test } from "vitest";

import { fromQueue, fromTimer, Inbox, toConsumed, type InboxItem } from "./inbox.ts";

const event = (id: number): InboxItem =>
  fromQueue({ id, body: "" }, { kind: "eventRaised", name: "go", data: undefined });
const timer = (eventId: number, executionId = 1): InboxItem =>
  fromTimer({ executionId, eventId, fireAtMs: 5 });
const result = (activityId: number, executionId = 1): InboxItem => ({
  message: {
    kind: "activityCompleted",
    executionId,
    sourceEventId: activityId,
    result: undefined,
  },
  origin: {
    kind: "activity",
    claim: { key: 1, node: 1, executionId, activityId, attempt: 1 },
  },
});

describe("what is known is not taken twice (G4)", () => {
  test("while it waits, and while its turn is under way", () => {
    const inbox = new Inbox();
    for (const item of [event(1), timer(2), result(3)]) {
      expect(inbox.push(item)).toBe(true);
      expect(inbox.push(item)).toBe(false);
    }
    expect(inbox.take()).toHaveLength(3);
    expect(inbox.isEmpty).toBe(true);
    for (const item of [event(1), timer(2), result(3)]) expect(inbox.push(item)).toBe(false);
  });

  test("things of different kinds and executions may share a number", () => {
    const inbox = new Inbox();
    const items = [event(1), timer(1), result(1), timer(1, 2), result(1, 2)];
    expect(items.map((item) => inbox.push(item))).toEqual([true, true, true, true, true]);
  });

  test("a timer that is consumed and set again by the next execution is new", () => {
    const inbox = new Inbox();
    inbox.push(timer(2));
    inbox.settle(inbox.take(), false);
    expect(inbox.push(timer(2))).toBe(true);
  });

  test("what was consumed while the store was being read is not taken from the old answer", () => {
    const inbox = new Inbox();
    inbox.push(event(1));
    inbox.push(timer(2));
    inbox.settle(inbox.take(), true);
    expect(inbox.hasQueued(1)).toBe(true);
    expect([inbox.push(event(1)), inbox.push(timer(2))]).toEqual([false, false]);
    inbox.push(event(3));
    inbox.settle(inbox.take(), false);
    expect(inbox.hasQueued(1)).toBe(false);
  });
});

test("results of canceled activities are dropped, and nothing else", () => {
  const inbox = new Inbox();
  for (const item of [result(1), event(1), result(2), timer(1), result(1, 2)]) inbox.push(item);
  expect(inbox.dropActivities([{ executionId: 1, activityId: 1 }])).toBe(1);
  expect(inbox.take().map(({ origin }) => origin.kind)).toEqual([
    "queue",
    "activity",
    "timer",
    "activity",
  ]);
});

test("a turn consumes what it took in, by where it came from, in order", () => {
  const consumed = toConsumed([event(4), timer(2), result(3), event(1)]);
  expect(consumed.messages).toEqual([4, 1]);
  expect(consumed.timers).toEqual([{ executionId: 1, eventId: 2, fireAtMs: 5 }]);
  expect(consumed.activities).toEqual([
    { key: 1, node: 1, executionId: 1, activityId: 3, attempt: 1 },
  ]);
});
