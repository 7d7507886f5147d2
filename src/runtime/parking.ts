/** How long what cannot go on waits before it is tried again, and the reason that people see. */

import type { BlockedReason } from "../provider/provider.ts";

export interface Backoff {
  readonly parkedRetryMinMs: number;
  readonly parkedRetryMaxMs: number;
}

/** Facts that explain why an instance is parked. */
export interface Cause {
  readonly code: string;
  readonly message: string;
  readonly eventId?: number | undefined;
  readonly expected?: string | undefined;
  readonly actual?: string | undefined;
  readonly source?: string | undefined;
}

/** For ever, as a time that every store and timer can take: a runtime that starts ends the wait. */
export const STALLED_MS: number = 10 * 365 * 86_400_000;

/** Counts the tries of what waits; doubles the delay with each, up to a bound. */
export class Parking {
  readonly #backoff: Backoff;
  readonly #tries = new Map<string, number>();

  constructor(backoff: Backoff) {
    this.#backoff = backoff;
  }

  /** The delay in milliseconds before the next try. */
  nextDelayMs(name: string): number {
    const tries = this.#tries.get(name) ?? 0;
    this.#tries.set(name, tries + 1);
    const { parkedRetryMinMs, parkedRetryMaxMs } = this.#backoff;
    // Beyond 2^30 the bound has long been reached (weakness R16: no unbounded power).
    return Math.min(parkedRetryMinMs * 2 ** Math.min(tries, 30), parkedRetryMaxMs);
  }

  /** The delay of an instance that is parked; what never comes to an end waits for other code. */
  delayOf(instanceId: string, { code }: BlockedReason): number {
    return code === "turn_stalled" ? STALLED_MS : this.nextDelayMs(instanceId);
  }

  /** It went on. */
  forget(name: string): void {
    if (this.#tries.size > 0) this.#tries.delete(name);
  }
}

export function toReason(cause: Cause, sinceMs: number): BlockedReason {
  const { code, message, eventId, expected, actual, source } = cause;
  return { code, message, sinceMs, eventId, expected, actual, source };
}
