/** How a delivery of an activity ends, and the message that says so to its instance. */

import type { EncodedValue } from "../history/event.ts";
import type { Failure } from "../history/failure.ts";
import type { ActivityCompletedMessage, ActivityFailedMessage } from "../history/message.ts";
import type { ClaimedActivity } from "../provider/provider.ts";

export type ActivityOutcome =
  | { readonly kind: "completed"; readonly result: EncodedValue }
  | { readonly kind: "failed"; readonly failure: Failure };

/** How a delivery ends. */
export type RunEnd =
  | ActivityOutcome
  /** It cannot be read here; another runtime may. */
  | { readonly kind: "unreadable"; readonly reason: string }
  /** The store does not take its transaction, for good. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Nothing is left to report: its completion is durable already, or not this runtime's business. */
  | { readonly kind: "settled" };

export function toMessage(
  claimed: ClaimedActivity,
  outcome: ActivityOutcome,
): ActivityCompletedMessage | ActivityFailedMessage {
  const { executionId, activityId, attempt } = claimed.claim;
  return outcome.kind === "completed"
    ? { kind: "activityCompleted", executionId, sourceEventId: activityId, result: outcome.result }
    : {
        kind: "activityFailed",
        executionId,
        sourceEventId: activityId,
        failure: outcome.failure,
        attempt,
      };
}
