/**
 * Applies write operations.
 *
 * Boundary: runs inside one transaction that its caller opens and ends.
 *
 * I1. An operation is checked in full before its first row is written, so that a refused one leaves
 *     no trace and needs no savepoint.
 */

import type {
  ActivityClaim,
  InstanceClaim,
  NodeId,
  TurnEffects,
  WriteOperation,
  WriteOutcome,
} from "../../provider/provider.ts";
import { unreachable } from "../../foundation/invariant.ts";
import { Batch, Outbox } from "./batch.ts";
import {
  changeInstance,
  finishTurn,
  isFinal,
  runningStatus,
  toEndedRow,
  writeTurnRows,
} from "./effects.ts";
import { type InstanceState, isFinished, type NewInstance } from "./instances.ts";
import { insertInstance, type Insertion, queueStart, toPendingInstance } from "./starts.ts";
import type { Tables } from "./tables.ts";
import { toAlwaysVisible } from "./visibility.ts";

type Operation<Kind extends WriteOperation["kind"]> = Extract<
  WriteOperation,
  { readonly kind: Kind }
>;

/** Whether a caller waits for the operation, or for the end of the instance that it brings. */
export function isAwaited(operation: WriteOperation): boolean {
  switch (operation.kind) {
    case "startInstance":
    case "sendMessage":
    case "endInstance":
      return true;
    case "commitTurn":
      return isFinal(operation.effects.change);
    default:
      return false;
  }
}

/** @returns One outcome an operation, in their order */
export function applyOperations(
  tables: Tables,
  nowMs: number,
  operations: readonly WriteOperation[],
): WriteOutcome[] {
  const batch = new Batch(tables, nowMs);
  return operations.map((operation) => apply(batch, operation));
}

function apply(batch: Batch, operation: WriteOperation): WriteOutcome {
  switch (operation.kind) {
    case "startInstance":
      return startInstance(batch, operation);
    case "sendMessage":
      return sendMessage(batch, operation);
    case "commitTurn":
      return commitTurn(batch, operation);
    case "endInstance":
      return endInstance(batch, operation);
    case "completeActivity":
      return completeActivity(batch, operation);
    case "releaseActivity":
      return releaseActivity(batch, operation);
    case "heartbeatActivity":
      return heartbeatActivity(batch, operation);
    case "releaseInstance":
      return releaseInstance(batch, operation);
    default:
      return unreachable(operation);
  }
}

function startInstance(batch: Batch, operation: Operation<"startInstance">): WriteOutcome {
  const { request, firstTurn } = operation;
  const out = new Outbox();
  if (firstTurn === undefined) {
    const row = toPendingInstance(request, batch.nowMs);
    const result = insertInstance(batch, request, row);
    if (result.kind === "inserted") queueStart(batch, out, request, result.key);
    return toStartOutcome(result, request.runId, out);
  }
  if (!batch.isLive(firstTurn.node)) return lostNode(firstTurn.node);
  const { effects } = firstTurn;
  const node = firstTurn.node as number;
  const row = toRunningInstance(toPendingInstance(request, batch.nowMs), node, effects);
  const result = insertInstance(batch, request, row);
  if (result.kind === "inserted") {
    const subject = { seq: result.key, id: request.instanceId, node };
    writeTurnRows(batch, subject, effects);
    finishTurn(batch, out, subject, effects);
  }
  return toStartOutcome(result, request.runId, out);
}

/** The row of an instance whose first turn lands together with its start. */
function toRunningInstance(pending: NewInstance, node: number, effects: TurnEffects): NewInstance {
  const { change } = effects;
  const status = runningStatus("Pending", change);
  return {
    ...pending,
    name: change?.name ?? pending.name,
    version: change?.version ?? pending.version,
    status,
    owner: isFinished(status) ? null : node,
    startMs: undefined,
    change,
  };
}

function toStartOutcome(result: Insertion, runId: string, out: Outbox): WriteOutcome {
  if (result.kind === "inserted") {
    const { delivered, refusedStarts } = out;
    return { kind: "started", key: result.key, delivered, refusedStarts };
  }
  const { existing } = result;
  return { kind: "idInUse", existing, isSame: existing.runId === runId };
}

function sendMessage(batch: Batch, operation: Operation<"sendMessage">): WriteOutcome {
  const { message } = operation;
  const out = new Outbox();
  const receiver = batch.tables.instances.readReceiver(message.instanceId, message.runId);
  const undelivered = out.send(batch, receiver, message);
  if (undelivered !== undefined) return { kind: undelivered };
  return { kind: "accepted", delivered: out.delivered };
}

function commitTurn(batch: Batch, operation: Operation<"commitTurn">): WriteOutcome {
  const { claim, consumed, effects } = operation;
  const { tables } = batch;
  const state = checkInstanceClaim(batch, claim);
  if (typeof state === "string") return claimLost(state);
  if (state.execution !== effects.executionId) {
    return claimLost(`execution ${state.execution} runs, not ${effects.executionId}`);
  }
  const claims = consumed.activities.map((it) => ({ ...it, key: state.seq, node: claim.node }));
  if (!takeActivities(batch, claims)) {
    return claimLost("an activity whose completion it contains is not this node's any more");
  }
  for (const id of consumed.messages) tables.messages.remove(state.seq, id);
  if (!isFinal(effects.change)) {
    // The end of an instance removes all of its timers.
    for (const timer of consumed.timers) tables.timers.remove(state.seq, timer);
  }
  return landTurn(batch, state, claim.node as number, effects);
}

function landTurn(
  batch: Batch,
  state: InstanceState,
  node: number | undefined,
  effects: TurnEffects,
): WriteOutcome {
  const out = new Outbox();
  const subject = { seq: state.seq, id: state.id, node };
  writeTurnRows(batch, subject, effects);
  changeInstance(batch, state, effects.change);
  finishTurn(batch, out, subject, effects);
  const { delivered, droppedMessageCount, refusedStarts } = out;
  const ended = toEndedRow(state, effects);
  return {
    kind: "committed",
    delivered,
    droppedMessageCount,
    refusedStarts,
    ...(ended !== undefined && { ended }),
  };
}

function endInstance(batch: Batch, operation: Operation<"endInstance">): WriteOutcome {
  const { key, lastEventId, effects } = operation;
  const { instances, history, activities } = batch.tables;
  const state = instances.readState(key);
  if (state === undefined) return { kind: "unknownInstance" };
  if (isFinished(state.status)) return { kind: "finishedInstance" };
  if (state.execution !== effects.executionId) {
    return claimLost(`execution ${state.execution} runs, not ${effects.executionId}`);
  }
  const last = history.readLastEventId(state.seq, state.execution);
  if (last !== lastEventId) {
    return claimLost(`the history goes on to event ${last}, beyond ${lastEventId}`);
  }
  if (state.retry_ms > 0) instances.wake(state.seq);
  activities.removeAll(state.seq); // The effects do not name the activities of a history that cannot be read.
  return landTurn(batch, state, undefined, effects);
}

/** Removes finished activities, all of them or none. (I1) */
function takeActivities(batch: Batch, claims: readonly ActivityClaim[]): boolean {
  const { activities } = batch.tables;
  // Looking first is needed only where the second of several could be the one that is lost.
  if (claims.length > 1 && !claims.every((claim) => activities.isClaimed(claim))) return false;
  return claims.every((claim) => activities.removeClaimed(claim));
}

function completeActivity(batch: Batch, operation: Operation<"completeActivity">): WriteOutcome {
  const { claim, body, isResult } = operation;
  const { activities } = batch.tables;
  if (isResult !== true && !batch.isLive(claim.node)) return lostNode(claim.node);
  const isRemoved =
    isResult === true ? activities.remove(claim.key, claim) : activities.removeClaimed(claim);
  if (!isRemoved) return lostActivity(claim);
  const out = new Outbox();
  // The activity goes even when no code waits for it any more, or it would be claimed for ever.
  const undelivered = out.send(batch, batch.tables.instances.readState(claim.key), { body });
  if (undelivered !== undefined) return { kind: undelivered };
  return { kind: "accepted", delivered: out.delivered };
}

function releaseActivity(batch: Batch, operation: Operation<"releaseActivity">): WriteOutcome {
  const { claim, visibleAtMs } = operation;
  if (!batch.isLive(claim.node)) return lostNode(claim.node);
  const visibleMs = visibleAtMs > batch.nowMs ? visibleAtMs : toAlwaysVisible(visibleAtMs);
  const isReleased = batch.tables.activities.release(claim, visibleMs, operation);
  return isReleased ? { kind: "accepted", delivered: [] } : lostActivity(claim);
}

function heartbeatActivity(batch: Batch, operation: Operation<"heartbeatActivity">): WriteOutcome {
  const { claim, details } = operation;
  if (!batch.isLive(claim.node)) return lostNode(claim.node);
  const isKept = batch.tables.activities.heartbeat(claim, details);
  return isKept ? { kind: "accepted", delivered: [] } : lostActivity(claim);
}

function releaseInstance(batch: Batch, operation: Operation<"releaseInstance">): WriteOutcome {
  const { claim, visibleAtMs, blocked } = operation;
  const { instances, messages } = batch.tables;
  const state = checkInstanceClaim(batch, claim);
  if (typeof state === "string") return claimLost(state);
  const isParked = visibleAtMs > batch.nowMs;
  instances.release(state.seq, isParked ? visibleAtMs : 0);
  if (isParked) messages.delay(state.seq, visibleAtMs);
  if (blocked !== undefined) instances.setBlocked(state.seq, blocked);
  return { kind: "accepted", delivered: [] };
}

/** @returns The instance's state, or why the claim is not current */
function checkInstanceClaim(batch: Batch, claim: InstanceClaim): InstanceState | string {
  if (!batch.isLive(claim.node)) return `node ${claim.node} is not registered`;
  const state = batch.tables.instances.readState(claim.key);
  if (state === undefined) return "the instance is gone";
  if (state.owner === null) return "no node holds the instance";
  if (state.owner !== claim.node) return `node ${state.owner} holds the instance`;
  if (state.epoch !== claim.epoch) return `epoch ${state.epoch} is current, not ${claim.epoch}`;
  return state;
}

function claimLost(reason: string): WriteOutcome {
  return { kind: "claimLost", reason };
}

function lostNode(node: NodeId): WriteOutcome {
  return claimLost(`node ${node} is not registered`);
}

function lostActivity(claim: ActivityClaim): WriteOutcome {
  return claimLost(
    `attempt ${claim.attempt} of activity ${claim.activityId} is not this node's any more`,
  );
}
