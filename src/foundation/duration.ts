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

/** The longest duration: 50 million days, which keeps every date valid. */
export const DURATION_MS_MAX: number = 8_640_000_000_000_000 / 2;

/**
 * A number from 1 January 2000 on, and before the year 2100, is a point in time that was passed as
 * a duration: of 30 to 130 years. Fixed bounds, since a replay has to judge as the first run did.
 */
const EPOCH_MS_MIN = 946_684_800_000;
const EPOCH_MS_MAX = 4_102_444_800_000;

/**
 * Turns a duration into milliseconds.
 *
 * @param input - A number of milliseconds or a text with a unit, not negative; fractions of a
 *   millisecond are rounded up, durations over {@link DURATION_MS_MAX} and infinity are cut to it
 * @param subject - What the duration is for, used in the error
 * @param toDateForm - How a date is written here, where one may take the place of a duration
 * @returns A whole number of milliseconds
 * @throws UsageError `invalid_duration` when it is negative, NaN, a point in time or no duration at all
 */
export function parseDurationMs(
  input: DurationInput,
  subject: string,
  toDateForm?: (date: string) => string,
): number {
  const date = dateOf(input);
  if (date !== undefined) {
    const form = toDateForm?.(`new Date(${JSON.stringify(input)})`);
    throw pointInTime(describe(input), subject, { date, form });
  }
  const value: unknown = typeof input === "string" ? parseText(input) : input;
  if (typeof value !== "number" || Number.isNaN(value) || value < 0) {
    throw new UsageError(
      "invalid_duration",
      `Cannot use ${describe(input)} as ${subject}: it is not a duration; ` +
        'pass milliseconds as a number of 0 or more, or a text such as "250ms", "5s", "15m", "24h", "7d"',
    );
  }
  if (typeof input === "number" && value >= EPOCH_MS_MIN && value < EPOCH_MS_MAX) {
    const form = toDateForm?.(`new Date(${value})`);
    throw pointInTime(String(value), subject, { date: new Date(value), form });
  }
  return Math.min(Math.ceil(value), DURATION_MS_MAX);
}

/** The date that a text is, such as `2026-12-01T00:00:00Z`. */
function dateOf(input: unknown): Date | undefined {
  if (typeof input !== "string" || !/^\d{4}-\d{2}-\d{2}/.test(input)) return undefined;
  const date = new Date(input);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function pointInTime(
  what: string,
  subject: string,
  { date, form }: { readonly date: Date; readonly form: string | undefined },
): UsageError {
  return new UsageError(
    "invalid_duration",
    `Cannot use ${what} as ${subject}: it is a point in time (${date.toISOString()}), and a duration counts from now; ` +
      `pass ${form === undefined ? "" : `${form}, or `}a duration such as "5s"`,
  );
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
