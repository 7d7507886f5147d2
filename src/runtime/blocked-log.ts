/**
 * Log lines about instances that cannot go on.
 *
 * A parked instance is tried again every few seconds; a line each time would hide all others.
 */

import { systemClock } from "../foundation/clock.ts";
import type { Logger } from "../observability/logger.ts";
import type { BlockedReason } from "../provider/provider.ts";

/** Time after which the same reason is logged again, in milliseconds. */
const AGAIN_MS = 600_000;
/** Most instances that are remembered; the oldest is forgotten first, and logged again. */
const INSTANCES_MAX = 10_000;

interface LoggedReason {
  readonly message: string;
  readonly atMs: number;
}

export class BlockedLog {
  readonly #logger: Logger;
  /** By instance, oldest first. */
  readonly #logged = new Map<string, LoggedReason>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  note(instanceId: string, { code, message, source }: BlockedReason): void {
    const atMs = systemClock.monotonicMs();
    const last = this.#logged.get(instanceId);
    if (last?.message === message && atMs - last.atMs < AGAIN_MS) return;
    this.#logged.delete(instanceId);
    this.#logged.set(instanceId, { message, atMs });
    this.#forgetOldest();
    this.#logger.log("warn", message, {
      instanceId,
      blocked: code,
      ...(source !== undefined && { source }),
    });
  }

  #forgetOldest(): void {
    if (this.#logged.size <= INSTANCES_MAX) return;
    for (const instanceId of this.#logged.keys()) {
      this.#logged.delete(instanceId);
      return;
    }
  }
}
