/** Durations as users write them, turned into milliseconds with our bounds around the library `ms`. */

import ms from "ms";

import { UsageError } from "./errors.ts";

/** The units of a duration. */
export type DurationUnit =
  | ("ms" | "s" | "m" | "h" | "d" | "w" | "y")
  | ("millisecond" | "second" | "minute" | "hour" | "day" | "week" | "year")
  | ("milliseconds" | "seconds" | "minutes" | "hours" | "days" | "weeks" | "years");

/** Milliseconds as a number, or a text such as `"250ms"`, `"5s"`, `"15m"`, `"24h"`, `"7 days"`. */
// Spelt out here, because the types of `ms` do not travel with the package.
export type DurationInput = number | `${number}${DurationUnit}` | `${number} ${DurationUnit}`;

/** The longest duration: 100 million days, which keeps every date valid. */
export const DURATION_MS_MAX: number = 8_640_000_000_000_000 / 2;

/**
 * Turns a duration into milliseconds.
 *
 * @param input - A finite number of milliseconds or a text with a unit, not negative; fractions of a
 *   millisecond are rounded up, durations over {@link DURATION_MS_MAX} are cut to it
 * @param subject - What the duration is for, used in the error
 * @returns A whole number of milliseconds
 * @throws UsageError `invalid_duration` when it is negative, NaN or no duration at all
 */
export function parseDurationMs(input: DurationInput, subject: string): number {
  const value: unknown = typeof input === "string" ? parseText(input) : input;
  if (typeof value !== "number" || Number.isNaN(value) || value < 0) {
    throw new UsageError(
      "invalid_duration",
      `Cannot use ${describe(input)} as ${subject}: it is not a duration; ` +
        'pass milliseconds as a number of 0 or more, or a text such as "250ms", "5s", "15m", "24h", "7d"',
    );
  }
  return Math.min(Math.ceil(value), DURATION_MS_MAX);
}

function parseText(text: string): number | undefined {
  if (text.length === 0 || text.length > 100) return undefined;
  try {
    return ms(text as `${number}ms`);
  } catch {
    return undefined; // `ms` throws on texts that it cannot read; the caller reports it.
  }
}

function describe(input: unknown): string {
  if (typeof input === "string") return JSON.stringify(input.slice(0, 100));
  return typeof input === "number" ? String(input) : `a value of type ${typeof input}`;
}
