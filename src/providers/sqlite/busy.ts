/** Waits while another process holds the store, without blocking the event loop. */

import { host } from "../../foundation/host.ts";
import { toTimerMs } from "../../foundation/timer.ts";
import { isBusy } from "./store-errors.ts";

/** Waits in milliseconds; the last one repeats. A commit of another process takes about 2 ms. */
const DELAYS_MS: readonly number[] = [1, 1, 2, 2, 4, 8];

/**
 * Runs `work` again until the store is not busy.
 *
 * The first try runs before this function returns, so calls that need not wait keep their order.
 *
 * @param timeoutMs - Longest time spent waiting; after it the busy error is thrown
 */
export async function waitWhileBusy<T>(timeoutMs: number, work: () => T): Promise<T> {
  let waitedMs = 0;
  for (let round = 0; ; round += 1) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || waitedMs >= timeoutMs) throw error;
    }
    const delayMs = DELAYS_MS[round] ?? 8;
    await host.sleep(toTimerMs(delayMs));
    waitedMs += delayMs;
  }
}
