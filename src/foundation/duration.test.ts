import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { DURATION_MS_MAX, parseDurationMs, type DurationInput } from "./duration.ts";

describe("parseDurationMs()", () => {
  test.each<readonly [DurationInput, number]>([
    [0, 0],
    [250, 250],
    ["250ms", 250],
    ["5s", 5_000],
    ["15m", 900_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["1.5s", 1_500],
    [0.1, 1],
    [1e300, DURATION_MS_MAX],
    [Infinity, DURATION_MS_MAX],
    ["1000000y", DURATION_MS_MAX],
  ])("turns %j into %d ms", (input, expected) => {
    expect(parseDurationMs(input, "a delay")).toBe(expected);
  });

  test.each([
    -1,
    NaN,
    -Infinity,
    "-5s",
    "",
    "soon",
    "5 apples",
    "1".repeat(200),
    null,
    undefined,
    {},
    [],
    true,
  ])("refuses %s", (input) => {
    expect(() => parseDurationMs(input as DurationInput, "a delay")).toThrow(
      expect.objectContaining({ code: "invalid_duration" }),
    );
  });

  test("renders the whole text", () => {
    expect(() =>
      parseDurationMs("soon" as DurationInput, "a delay"),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot use "soon" as a delay: it is not a duration; pass milliseconds as a number of 0 or more, or a text such as "250ms", "5s", "15m", "24h", "7d"]`,
    );
  });

  test("gives whole, bounded milliseconds for every number that is no mistake", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, noNaN: true }), (input) => {
        fc.pre(input < Date.UTC(2000, 0) || input >= Date.UTC(2100, 0)); // A point in time.
        const ms = parseDurationMs(input, "a delay");
        expect(Number.isSafeInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(Math.min(input, DURATION_MS_MAX));
        expect(new Date(Date.UTC(2026, 0) + ms).getTime()).not.toBeNaN();
      }),
    );
  });
});
