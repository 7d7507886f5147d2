import { expect, test } from "vitest";

import { LateMail } from "./late-mail.ts";

const letter = (id: number) => ({ id, body: `message ${id}` });

test("a reader gets what arrived after it began", () => {
  const mail = new LateMail();
  const claim = mail.begin();
  mail.keep("a", letter(1));
  mail.keep("a", letter(2));
  mail.keep("b", letter(3));
  expect(mail.take("a", claim)).toEqual([letter(1), letter(2)]);
  expect(mail.take("a", claim)).toEqual([]);
  expect(mail.take("b", claim)).toEqual([letter(3)]);
});

test("G4 a reader does not get what arrived before it began: somebody may have consumed it", () => {
  const mail = new LateMail();
  const slowStart = mail.begin();
  mail.keep("a", letter(1));
  const claim = mail.begin();
  mail.keep("a", letter(2));
  expect(mail.take("a", claim)).toEqual([letter(2)]);
  mail.end(claim);
  mail.end(slowStart);
});

test("nothing is kept that no reader could want, also while there is always one", () => {
  const mail = new LateMail();
  mail.keep("nobody reads", letter(0));
  expect(mail.size).toBe(0);
  let reader = mail.begin();
  for (let id = 1; id <= 1_000; id += 1) {
    mail.keep(`i${id}`, letter(id));
    const next = mail.begin();
    mail.end(reader);
    reader = next;
  }
  expect(mail.size).toBeLessThanOrEqual(1);
  mail.end(reader);
  expect(mail.size).toBe(0);
});

test("an instance that keeps getting mail is not forgotten", () => {
  const mail = new LateMail();
  const first = mail.begin();
  mail.keep("a", letter(1));
  mail.keep("b", letter(2));
  const second = mail.begin();
  mail.keep("a", letter(3));
  mail.end(first);
  expect(mail.size).toBe(1);
  expect(mail.take("a", second)).toEqual([letter(3)]);
});
