import { UsageError } from "./errors.ts";
import { host } from "./host.ts";

/** Time as a port, so that tests and simulations own it. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. */
  nowMs(): number;
  /** A clock that only goes forward, in milliseconds from an arbitrary start. */
  monotonicMs(): number;
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  nowMs: () => host.nowMs(),
  monotonicMs: () => host.monotonicMs(),
};

/**
 * The clock of a user: whole milliseconds, whatever it returns.
 *
 * @throws UsageError `invalid_argument` when it is no clock; its methods throw when they have no number
 */
export function toWholeClock(clock: Clock): Clock {
  for (const method of ["nowMs", "monotonicMs"] as const) {
    if (typeof (clock as Partial<Clock> | null)?.[method] !== "function")
      throw badClock(`it has no method \`${method}()\``);
  }
  const read = (method: keyof Clock): number => {
    const ms: unknown = clock[method]();
    if (typeof ms === "number" && Number.isFinite(ms)) return Math.floor(ms);
    throw badClock(`\`${method}()\` returned ${describeReading(ms)}`);
  };
  const whole: Clock = { nowMs: () => read("nowMs"), monotonicMs: () => read("monotonicMs") };
  whole.nowMs();
  whole.monotonicMs();
  return whole;
}

function describeReading(ms: unknown): string {
  return typeof ms === "number" ? String(ms) : `a value of type ${typeof ms}`;
}

function badClock(fault: string): UsageError {
  return new UsageError(
    "invalid_argument",
    `Cannot use \`clock\`: ${fault}; pass an object whose nowMs() and monotonicMs() return milliseconds as a number`,
  );
}
