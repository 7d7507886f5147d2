import { expect, test } from "vitest";

import { LateMessages } from "./late-messages.ts";

const message = (id: number) => ({ id, body: `message ${id}` });

test("a reader gets what arrived after it began", () => {
  const late = new LateMessages();
  const claim = late.begin();
  late.keep("a", message(1));
  late.keep("a", message(2));
  late.keep("b", message(3));
  expect(late.take("a", claim)).toEqual([message(1), message(2)]);
  expect(late.take("a", claim)).toEqual([]);
  expect(late.take("b", claim)).toEqual([message(3)]);
});

test("G4 a reader does not get what arrived before it began: another turn may have consumed it", () => {
  const late = new LateMessages();
  const slowStart = late.begin();
  late.keep("a", message(1));
  const claim = late.begin();
  late.keep("a", message(2));
  expect(late.take("a", claim)).toEqual([message(2)]);
  late.end(claim);
  late.end(slowStart);
});

test("nothing is kept that no reader could want, also while there is always one", () => {
  const late = new LateMessages();
  late.keep("unread", message(0));
  expect(late.size).toBe(0);
  let reader = late.begin();
  for (let id = 1; id <= 1_000; id += 1) {
    late.keep(`i${id}`, message(id));
    const next = late.begin();
    late.end(reader);
    reader = next;
  }
  expect(late.size).toBeLessThanOrEqual(1);
  late.end(reader);
  expect(late.size).toBe(0);
});

test("an instance that keeps getting messages is not forgotten", () => {
  const late = new LateMessages();
  const first = late.begin();
  late.keep("a", message(1));
  late.keep("b", message(2));
  const second = late.begin();
  late.keep("a", message(3));
  late.end(first);
  expect(late.size).toBe(1);
  expect(late.take("a", second)).toEqual([message(3)]);
});
