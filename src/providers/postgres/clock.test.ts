import { expect, test } from "vitest";

import { ServerClock } from "./clock.ts";

function open() {
  const local = { ms: 0 };
  const clock = new ServerClock({ monotonicMs: () => local.ms });
  clock.note(1_000_000, 0);
  return { local, clock };
}

test("an answer that waited for a lock, or was found out late, does not set the clock back", () => {
  const { local, clock } = open();
  local.ms = 30_000;
  clock.note(1_000_010, 5); // Said at once, and heard half a minute later.
  expect(clock.nowMs()).toBeGreaterThanOrEqual(1_029_999);
});

test("a clock of the server that went back is followed", () => {
  const { local, clock } = open();
  local.ms = 30_000;
  clock.note(500_000, 29_990);
  expect(clock.nowMs()).toBe(500_000);
});

test("the estimate is never behind the latest answer", () => {
  const { local, clock } = open();
  local.ms = 10;
  clock.note(1_000_900, 8);
  expect(clock.nowMs()).toBe(1_000_900);
});
