/** Claims of activities that a commit of this node has made, and the names under which they are kept. */

import type {
  ActivityClaim,
  ClaimedActivity,
  InstanceClaim,
  TurnEffects,
} from "../provider/provider.ts";

/** The activities that a commit has scheduled and claimed for its own node. */
export function toClaimed(
  { key, node }: InstanceClaim,
  instanceId: string,
  { executionId, newActivities }: TurnEffects,
): ClaimedActivity[] {
  return newActivities
    .filter((activity) => activity.isClaimed)
    .map(({ activityId, name, body }) => ({
      claim: { key, node, executionId, activityId, attempt: 1 },
      instanceId,
      crashes: 0,
      name,
      body,
      heartbeat: undefined,
    }));
}

/** Names an activity among all that a node may hold. */
export function nameOf(claim: Pick<ActivityClaim, "key" | "executionId" | "activityId">): string {
  return `${claim.key}/${claim.executionId}/${claim.activityId}`;
}
