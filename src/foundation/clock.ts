/** Time as a port, so that tests and simulations own it. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. */
  nowMs(): number;
  /** A clock that only goes forward, in milliseconds from an arbitrary start. */
  monotonicMs(): number;
}

// The functions are captured once: guards replace the globals while orchestration code runs.
const wallNow = Date.now.bind(Date);
const monotonicNow = performance.now.bind(performance);

/** The machine's own clocks. */
export const systemClock: Clock = {
  nowMs: wallNow,
  monotonicMs: monotonicNow,
};
