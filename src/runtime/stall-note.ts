/**
 * What is noted when the event loop stands still inside a turn: should another node take this one over,
 * it parks the instance instead of standing still in its turn.
 *
 * Boundary: says what is noted; `stall-watch.ts` asks for it, and the store knows how it is written.
 */

import type { InstanceRelease, InstanceClaim } from "../provider/provider.ts";
import { STALLED_MS, toReason } from "./parking.ts";

/** A turn that does not come back. */
export interface StalledTurn {
  readonly instanceId: string;
  readonly claim: InstanceClaim;
  /** The line of user code, when known. */
  readonly source: string | undefined;
}

/** @param nowMs - The store's time */
export function toStallRelease(turn: StalledTurn, nowMs: number): InstanceRelease {
  const { instanceId, claim, source } = turn;
  const at = source === undefined ? "" : ` (${source})`;
  const message =
    `Cannot go on with "${instanceId}": its code has kept the event loop of a process from turning until ` +
    `another took the work over${at}; end the loop or move the computation into an activity, ` +
    "then start the mended code, or terminate the instance";
  const blocked = toReason({ code: "turn_stalled", message, source }, nowMs);
  return { kind: "releaseInstance", claim, visibleAtMs: nowMs + STALLED_MS, blocked };
}
