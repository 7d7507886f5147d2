/**
 * Timers of any length. The host's own end at 2^31 ms (24 days) and ring at once beyond that, so no
 * delay that comes from an option may reach them directly; the lint rule in `eslint.config.js` holds it.
 */

import { systemClock } from "./clock.ts";
import { host, type TimerHandle } from "./host.ts";

/** The longest delay that the host's timers keep, in milliseconds. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A delay that the host's timers keep: for what repeats, where once in 24 days is as good as never. */
export function toTimerMs(delayMs: number): number {
  return Math.min(delayMs, TIMER_MS_MAX);
}

/** Rings once after `delayMs` milliseconds, however many they are; never when they are infinite. */
export class Timer {
  readonly #onEnd: () => void;
  #handle: TimerHandle | undefined;
  #isRef = true;

  constructor(delayMs: number, onEnd: () => void) {
    this.#onEnd = onEnd;
    if (Number.isFinite(delayMs)) this.#arm(delayMs);
  }

  /** Lets the process end while this timer is under way. */
  unref(): this {
    this.#isRef = false;
    this.#handle?.unref();
    return this;
  }

  stop(): void {
    host.clearTimeout(this.#handle);
  }

  #arm(delayMs: number): void {
    if (delayMs <= TIMER_MS_MAX) {
      // eslint-disable-next-line no-restricted-syntax -- just compared with the longest
      this.#handle = host.setTimeout(this.#onEnd, delayMs);
    } else {
      const endMs = systemClock.monotonicMs() + delayMs;
      this.#handle = host.setTimeout(() => {
        this.#arm(Math.max(0, endMs - systemClock.monotonicMs()));
      }, TIMER_MS_MAX);
    }
    if (!this.#isRef) this.#handle.unref();
  }
}
