import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { useFakeHost } from "../../tests/support/fake-host.ts";
import { DueAlarm } from "./due-alarm.ts";

const START = 1_700_000_000_000;
let rings: number[];
let alarm: DueAlarm;

beforeEach(() => {
  useFakeHost({ now: START });
  rings = [];
  alarm = new DueAlarm(
    () => Date.now(),
    () => rings.push(Date.now() - START),
  );
});
afterEach(() => {
  alarm.stop();
  vi.useRealTimers();
});

test("rings once, when it is time", async () => {
  alarm.note(START + 500);
  await vi.advanceTimersByTimeAsync(499);
  expect(rings).toEqual([]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(rings).toEqual([500]);
});

test("the earliest counts, whatever comes later", async () => {
  alarm.note(START + 500);
  alarm.note(START + 100);
  alarm.note(START + 300);
  await vi.advanceTimersByTimeAsync(10_000);
  // The owner looks then, and notes what is next.
  expect(rings).toEqual([100]);
});

test("what is due already rings at once", async () => {
  alarm.note(START - 5);
  await vi.advanceTimersByTimeAsync(1);
  expect(rings).toHaveLength(1);
});

test("far times neither ring early nor never", async () => {
  const farMs = 3 * 3_600_000 + 12_345; // More than ten thousand readings of the clock.
  alarm.note(START + farMs);
  await vi.advanceTimersByTimeAsync(farMs - 1);
  expect(rings).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(rings).toEqual([farMs]);
});

test("never rings early when the wall clock goes back while it sleeps", async () => {
  alarm.note(START + 1_000);
  vi.setSystemTime(START - 5_000);
  await vi.advanceTimersByTimeAsync(5_999);
  expect(rings).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(rings).toEqual([1_000]);
});

test("F11 a jump of the wall clock forward is noticed within a second", async () => {
  alarm.note(START + 3_600_000);
  vi.setSystemTime(START + 7_200_000);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(rings).toHaveLength(1);
});

test("F11 what is new after a jump does not wait for the old time", async () => {
  alarm.note(START + 3_600_000);
  vi.setSystemTime(START + 7_200_000);
  alarm.note(START + 7_200_100);
  await vi.advanceTimersByTimeAsync(1);
  expect(rings).toHaveLength(1);
});

test("a stopped alarm is silent for ever", async () => {
  alarm.note(START + 10);
  alarm.stop();
  alarm.note(START + 5);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(rings).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
