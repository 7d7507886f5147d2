/**
 * The values of options. One that is out of bounds, or none of those that an option knows, would be
 * taken for another: so each function that takes options has a door that refuses it.
 */

import { parseDurationMs, type DurationInput } from "./duration.ts";
import { UsageError } from "./errors.ts";

/** Bounds in milliseconds; both are included. */
export interface DurationBounds {
  readonly min: number;
  readonly max?: number | undefined;
}

/** Longest text that a message repeats, in UTF-16 units. */
const SHOWN_LENGTH_MAX = 100;

/** What a user wrote, with quotes around texts. */
export function showValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, SHOWN_LENGTH_MAX));
  if (typeof value === "number" || typeof value === "boolean" || value === null) {
    return String(value);
  }
  return value === undefined ? "undefined" : `a value of type ${typeof value}`;
}

/** Checks the values of one function's options; an option that is left out has its default already. */
export class OptionDoor {
  readonly #cannot: string;
  readonly #code: "invalid_argument" | "invalid_definition";

  /** @param cannot - How each message begins, such as `Cannot start a runtime` */
  constructor(
    cannot: string,
    code: "invalid_argument" | "invalid_definition" = "invalid_argument",
  ) {
    this.#cannot = cannot;
    this.#code = code;
  }

  /** @throws UsageError unless it is one of those allowed */
  oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
    if (allowed.includes(value)) return value;
    const wanted = allowed.map((one) => JSON.stringify(one)).join(" or ");
    throw this.refusal(name, showValue(value), wanted);
  }

  /** @throws UsageError unless it is true or false */
  flag(name: string, value: boolean): boolean {
    if (typeof value === "boolean") return value;
    throw this.refusal(name, showValue(value), "true or false");
  }

  /** @throws UsageError unless it is a whole number from `min` on */
  count(name: string, value: number, min: number): number {
    if (Number.isInteger(value) && value >= min) return value;
    throw this.refusal(name, showValue(value), `a whole number of ${min} or more`);
  }

  /**
   * @returns Whole milliseconds
   * @throws UsageError `invalid_duration` when it is none, and this door's code when it is out of bounds
   */
  duration(name: string, value: DurationInput, { min, max }: DurationBounds): number {
    const ms = parseDurationMs(value, `\`${name}\``);
    // The bound is that of what the user wrote: a fraction of a millisecond is less than one.
    const isLess = ms < min || (typeof value === "number" && value < min);
    if (!isLess && (max === undefined || ms <= max)) return ms;
    const actual = Number.isFinite(value) ? `${value} ms` : showValue(value);
    const wanted =
      max === undefined ? `a duration of ${min} ms or more` : `a duration of ${min} to ${max} ms`;
    throw this.refusal(name, actual, wanted);
  }

  /** For what is checked elsewhere. */
  refusal(name: string, actual: string, wanted: string): UsageError {
    return new UsageError(
      this.#code,
      `${this.#cannot}: option \`${name}\` is ${actual}; pass ${wanted}`,
    );
  }
}
