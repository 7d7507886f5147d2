/**
 * Sleeps until the earliest due time of anything in the store.
 *
 * I1. Never rings early: the clock is read again before ringing.
 * I2. Sleeps at most a second at a time and then reads the clock again: a jump of the wall clock is
 *     noticed within a second (F11), and the host's limit of 2^31 ms does not matter.
 */

import { toTimerMs } from "../foundation/timer.ts";
import { host, type TimerHandle } from "../foundation/host.ts";

const SLEEP_MS_MAX = 1_000;

export class DueAlarm {
  readonly #nowMs: () => number;
  readonly #onDue: () => void;
  #dueMs = Number.POSITIVE_INFINITY;
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(nowMs: () => number, onDue: () => void) {
    this.#nowMs = nowMs;
    this.#onDue = onDue;
  }

  /** Something becomes due at this time, in milliseconds since the Unix epoch. */
  note(dueMs: number): void {
    if (this.#isStopped) return;
    // The clock may have jumped past the time for which the alarm sleeps.
    if (dueMs >= this.#dueMs && this.#nowMs() < this.#dueMs) return;
    this.#dueMs = Math.min(dueMs, this.#dueMs);
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    host.clearTimeout(this.#timer);
  }

  #arm(): void {
    host.clearTimeout(this.#timer);
    const leftMs = Math.max(0, this.#dueMs - this.#nowMs());
    this.#timer = host.setTimeout(
      () => {
        this.#ring();
      },
      toTimerMs(Math.min(leftMs, SLEEP_MS_MAX)),
    );
  }

  #ring(): void {
    if (this.#nowMs() < this.#dueMs) {
      this.#arm(); // (I1, I2)
      return;
    }
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#onDue();
  }
}
