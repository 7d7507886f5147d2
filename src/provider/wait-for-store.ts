/** Tries until a store that cannot be reached now, or is busy, answers. */

import { systemClock } from "../foundation/clock.ts";
import { isDuroxideError } from "../foundation/errors.ts";
import { host } from "../foundation/host.ts";
import { toTimerMs } from "../foundation/timer.ts";

/** Delays between tries, in milliseconds. */
const DELAY_MS_MIN = 100;
const DELAY_MS_MAX = 2_000;

/**
 * Rejects with what `work` throws: at once what waiting cannot mend, all else after `limitMs`.
 *
 * @param onRetry - Called before each further try
 */
export async function waitForStore<T>(
  limitMs: number,
  work: () => Promise<T>,
  onRetry: (error: unknown) => void = () => undefined,
): Promise<T> {
  const endMs = systemClock.monotonicMs() + limitMs;
  for (let delayMs = DELAY_MS_MIN; ; delayMs = Math.min(delayMs * 2, DELAY_MS_MAX)) {
    try {
      return await work();
    } catch (error) {
      const leftMs = endMs - systemClock.monotonicMs();
      if (leftMs <= 0 || !isDuroxideError(error) || !error.retryable) throw error;
      onRetry(error);
      await host.sleep(toTimerMs(Math.min(delayMs, leftMs)));
    }
  }
}
