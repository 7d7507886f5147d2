/** Claims in the reference store: which are current (P3), and the answers to those that are not. */

import type { ActivityClaim, InstanceClaim, NodeId, WriteOutcome } from "../provider/provider.ts";
import type { Draft, StoredActivity, StoredInstance } from "./reference-data.ts";

/** @returns The instance, or why the claim is not current (P3) */
export function checkInstance(draft: Draft, claim: InstanceClaim): StoredInstance | string {
  if (!draft.data.nodes.has(claim.node)) return `node ${claim.node} is not registered`;
  const instance = draft.instance(claim.key);
  if (instance === undefined) return "the instance is gone";
  if (instance.owner === undefined) return "no node holds the instance";
  if (instance.owner !== claim.node) return `node ${instance.owner} holds the instance`;
  if (instance.epoch === claim.epoch) return instance;
  return `epoch ${instance.epoch} is current, not ${claim.epoch}`;
}

/** @returns The activity, when the claim is current (P3) */
export function findActivity(draft: Draft, claim: ActivityClaim): StoredActivity | undefined {
  if (!draft.data.nodes.has(claim.node)) return undefined;
  return draft.instance(claim.key)?.activities.find(isClaimedBy(claim));
}

/** @returns The activity, held or not */
export function findOutstanding(draft: Draft, claim: ActivityClaim): StoredActivity | undefined {
  return draft.instance(claim.key)?.activities.find(isMeantBy(claim));
}

export function isMeantBy(claim: ActivityClaim): (activity: StoredActivity) => boolean {
  return (it) => it.executionId === claim.executionId && it.activityId === claim.activityId;
}

/** Whether an activity of the right instance is the one that a claim is about, and still its. */
export function isClaimedBy(claim: ActivityClaim): (activity: StoredActivity) => boolean {
  const isMeant = isMeantBy(claim);
  return (it) => isMeant(it) && it.owner === claim.node && it.attempt === claim.attempt;
}

export function lostActivity(draft: Draft, claim: ActivityClaim): WriteOutcome {
  if (!draft.data.nodes.has(claim.node)) return lostNode(claim.node);
  return claimLost(
    `attempt ${claim.attempt} of activity ${claim.activityId} is not this node's any more`,
  );
}

export function lostNode(node: NodeId): WriteOutcome {
  return claimLost(`node ${node} is not registered`);
}

export function claimLost(reason: string): WriteOutcome {
  return { kind: "claimLost", reason };
}
