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
