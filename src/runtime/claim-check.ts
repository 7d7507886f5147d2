/**
 * Finds out which activities of this runtime are not its any more: their orchestration, which another
 * process may have, no longer wants them, or the node was taken for dead.
 *
 * Boundary: knows claims; what becomes of an activity is the dispatcher's decision.
 *
 * I1. The store is asked three times per lease, and soon after another process has changed something
 *     that may concern an activity here. What is not concerned, and who runs none, asks nothing.
 * I2. However many changes are reported, the store is asked at most once per {@link CHECK_MS_MIN}.
 */

import { host } from "../foundation/host.ts";
import { toTimerMs } from "../foundation/timer.ts";
import type { StoreHub } from "../provider/hub.ts";
import type { ActivityClaim, ClaimedActivity } from "../provider/provider.ts";
import type { NodeKeeper } from "./node-keeper.ts";
import type { RuntimeSettings } from "./options.ts";

/** Shortest time between two checks that changes have caused, in milliseconds. (I2) */
const CHECK_MS_MIN = 250;

export interface ClaimCheckParts {
  readonly settings: RuntimeSettings;
  readonly hub: StoreHub;
  readonly nodes: NodeKeeper;
  /** What this runtime runs, or is about to run. */
  readonly claimed: () => readonly ClaimedActivity[];
  readonly onLost: (claims: readonly ActivityClaim[], reason: "canceled" | "lost") => void;
}

export class ClaimCheck {
  readonly #parts: ClaimCheckParts;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #isDue = false;

  constructor(parts: ClaimCheckParts) {
    this.#parts = parts;
  }

  /** Another process has changed these instances; undefined: it may be any. (I1) */
  onChanged(instanceIds: readonly string[] | undefined): void {
    const claimed = this.#parts.claimed();
    const isConcerned =
      instanceIds === undefined
        ? claimed.length > 0
        : claimed.some(({ instanceId }) => instanceIds.includes(instanceId));
    if (!isConcerned || this.#isDue) return;
    this.#isDue = true;
    const delayMs = Math.max(0, this.#checkedMs + CHECK_MS_MIN - host.monotonicMs());
    host
      .setTimeout(() => {
        this.#isDue = false;
        void this.check();
      }, toTimerMs(delayMs))
      .unref();
  }

  /** Never rejects. */
  async check(): Promise<void> {
    const { hub, nodes, settings, claimed, onLost } = this.#parts;
    const claims = claimed().map(({ claim }) => claim);
    if (claims.length === 0) return;
    this.#checkedMs = host.monotonicMs();
    try {
      const lost = await hub.provider.findLostActivities(claims);
      const isOurs = (claim: ActivityClaim): boolean => claim.node === nodes.current;
      // Most likely canceled. Should the node have been taken for dead, its next renewal says so.
      onLost(lost.filter(isOurs), "canceled");
      onLost(
        lost.filter((claim) => !isOurs(claim)),
        "lost",
      );
    } catch (error) {
      settings.logger.log("debug", "Cannot check running activities now", {
        error: String(error),
      });
    }
  }
}
