/**
 * The server's clock, as far as this process knows it.
 *
 * I1. Every answer of the server carries its time; the estimate is never behind the latest one. So
 *     what the server has found due is due here, too.
 * I2. A step of the server's clock by more than a few seconds, backwards too, is followed.
 */

import type { Clock } from "../../foundation/clock.ts";

/** A larger difference is a step of the clock, and not the way that an answer took. */
const STEP_MS = 5_000;
/** How far an answer that was late may lower the estimate. */
const SINK_MS = 0.01;

export class ServerClock {
  readonly #local: Pick<Clock, "monotonicMs">;
  #offsetMs = Number.NEGATIVE_INFINITY;

  constructor(local: Pick<Clock, "monotonicMs">) {
    this.#local = local;
  }

  /** Milliseconds since the Unix epoch. */
  nowMs(): number {
    return Math.floor(this.#local.monotonicMs() + this.#offsetMs);
  }

  /**
   * Takes over a time that the server has sent.
   *
   * @param sentMs - Monotonic time at which it was asked: what the server said it said since then
   */
  note(serverMs: number, sentMs: number): void {
    const offsetMs = serverMs - this.#local.monotonicMs();
    // An answer that was long on its way, or waited for a lock, looks like a clock that went back.
    const isStepBack = serverMs - sentMs < this.#offsetMs - STEP_MS;
    // Sinking slowly, the estimate follows a server whose clock is the slower one.
    this.#offsetMs = isStepBack ? offsetMs : Math.max(offsetMs, this.#offsetMs - SINK_MS);
  }
}
