/**
 * What `write` of the reference store does.
 *
 * I1. An operation is checked in full before it changes the draft, so that a refused one has no
 *     effect. (P2)
 * I2. Only a duplicate in history throws; the draft is thrown away with all that is in it. (P1, P6)
 */

import { unreachable } from "../foundation/invariant.ts";
import { ProviderError } from "../provider/errors.ts";
import type {
  ConsumedWork,
  ContinuedExecution,
  DeliveredMessage,
  HistoryRow,
  InstanceChange,
  InstanceRow,
  KeyValueChanges,
  OutgoingMessage,
  StartRequest,
  TurnEffects,
  WriteOperation,
  WriteOutcome,
} from "../provider/provider.ts";
import {
  checkInstance,
  findActivity,
  findOutstanding,
  lostActivity,
  lostNode,
  claimLost,
} from "./reference-claims.ts";
import {
  type Draft,
  isFinished,
  mergedValues,
  type StoredActivity,
  type StoredInstance,
} from "./reference-data.ts";

type Operation<Kind extends WriteOperation["kind"]> = Extract<
  WriteOperation,
  { readonly kind: Kind }
>;

/** Applies one operation to a draft. */
export function applyOperation(draft: Draft, operation: WriteOperation): WriteOutcome {
  switch (operation.kind) {
    case "startInstance":
      return startInstance(draft, operation);
    case "sendMessage":
      return sendMessage(draft, operation);
    case "commitTurn":
      return commitTurn(draft, operation);
    case "endInstance":
      return endInstance(draft, operation);
    case "completeActivity":
      return completeActivity(draft, operation);
    case "releaseActivity":
      return releaseActivity(draft, operation);
    case "heartbeatActivity":
      return heartbeatActivity(draft, operation);
    case "releaseInstance":
      return releaseInstance(draft, operation);
    default:
      return unreachable(operation);
  }
}

/** What an operation has put out so far. */
class Outbox {
  readonly delivered: DeliveredMessage[] = [];
  readonly refusedStarts: string[] = [];
  droppedMessageCount = 0;

  /** Queues a message for a receiver that may not be there. */
  send(
    draft: Draft,
    receiver: StoredInstance | undefined,
    { body, isUrgent }: Pick<OutgoingMessage, "body" | "isUrgent">,
  ): WriteOutcome {
    if (receiver === undefined || isFinished(receiver.row.status)) {
      this.droppedMessageCount += 1;
      return { kind: receiver === undefined ? "unknownInstance" : "finishedInstance" };
    }
    const message = { id: draft.data.nextNumber(), body, writtenMs: draft.nowMs };
    receiver.messages.push(message);
    if (isUrgent === true) receiver.notBeforeMs = 0;
    if (receiver.notBeforeMs <= draft.nowMs) this.#announce(receiver, message);
    return { kind: "accepted", delivered: this.delivered };
  }

  /** The message that opens an execution goes before all that wait. */
  sendFirst(draft: Draft, receiver: StoredInstance, body: string): void {
    const message = { id: draft.data.nextNumber(), body, writtenMs: draft.nowMs };
    receiver.messages.unshift(message);
    this.#announce(receiver, message);
  }

  #announce({ key, row }: StoredInstance, { id, body }: { id: number; body: string }): void {
    this.delivered.push({ instanceId: row.instanceId, key, message: { id, body } });
  }
}

function startInstance(draft: Draft, operation: Operation<"startInstance">): WriteOutcome {
  const { request, firstTurn } = operation;
  if (firstTurn !== undefined && !draft.data.nodes.has(firstTurn.node)) {
    return lostNode(firstTurn.node);
  }
  const existing = draft.byId(request.instanceId);
  if (existing !== undefined && !isReplaced(request, existing.row)) {
    const isSame = existing.row.runId === request.runId;
    return { kind: "idInUse", existing: existing.row, isSame };
  }
  if (existing !== undefined) removeTree(draft, existing);
  const instance = toInstance(draft, request);
  draft.insert(instance);
  const out = new Outbox();
  if (firstTurn === undefined) {
    out.send(draft, instance, request);
  } else {
    instance.owner = firstTurn.node;
    instance.epoch = 1;
    instance.notBeforeMs = 0;
    applyTurn(draft, out, instance, firstTurn.effects);
  }
  const { delivered, refusedStarts } = out;
  return { kind: "started", key: instance.key, delivered, refusedStarts };
}

function toInstance(draft: Draft, request: StartRequest): StoredInstance {
  const key = draft.data.nextNumber();
  const row: InstanceRow = {
    key,
    instanceId: request.instanceId,
    name: request.name,
    version: request.version ?? "",
    runId: request.runId,
    status: "Pending",
    executionId: 1,
    output: undefined,
    customStatus: undefined,
    customStatusVersion: 0,
    ...(request.parent !== undefined && { parent: request.parent }),
    createdMs: draft.nowMs,
    updatedMs: draft.nowMs,
  };
  const startMs = laterThan(draft.nowMs, request.notBeforeMs ?? 0);
  return {
    ...{ key, row, owner: undefined, epoch: 0, crashes: 0, crashedNodes: [], startMs },
    notBeforeMs: startMs,
    ...{ history: [], archived: [], messages: [], timers: [], activities: [] },
    ...{ snapshot: new Map(), changes: new Map() },
  };
}

function isReplaced(request: StartRequest, existing: InstanceRow): boolean {
  const isOther = existing.runId !== request.runId;
  return request.idReuse === "replaceFinished" && isOther && isFinished(existing.status);
}

/** With its descendants: the next life of the instance will want their ids again. */
function removeTree(draft: Draft, instance: StoredInstance): void {
  for (const child of draft.childrenOf(instance.row.instanceId)) removeTree(draft, child);
  draft.remove(instance);
}

function sendMessage(draft: Draft, operation: Operation<"sendMessage">): WriteOutcome {
  const { instanceId, runId } = operation.message;
  return new Outbox().send(draft, findReceiver(draft, instanceId, runId), operation.message);
}

function findReceiver(
  draft: Draft,
  instanceId: string,
  runId: string | undefined,
): StoredInstance | undefined {
  const instance = draft.byId(instanceId);
  return runId === undefined || instance?.row.runId === runId ? instance : undefined;
}

function commitTurn(draft: Draft, operation: Operation<"commitTurn">): WriteOutcome {
  const { claim, consumed, effects } = operation;
  const instance = checkInstance(draft, claim);
  if (typeof instance === "string") return claimLost(instance);
  const { executionId } = instance.row;
  if (executionId !== effects.executionId) {
    return claimLost(`execution ${executionId} runs, not ${effects.executionId}`);
  }
  const { key, node } = claim;
  const finished = consumed.activities.map((it) => findActivity(draft, { ...it, key, node }));
  if (finished.includes(undefined)) {
    return claimLost("an activity whose completion it contains is not this node's any more");
  }
  removeConsumed(instance, consumed);
  instance.activities = instance.activities.filter((it) => !finished.includes(it));
  return landTurn(draft, instance, effects);
}

function landTurn(draft: Draft, instance: StoredInstance, effects: TurnEffects): WriteOutcome {
  instance.crashes = 0;
  instance.crashedNodes = [];
  instance.notBeforeMs = 0;
  const { blocked: _, ...row } = instance.row;
  instance.row = row;
  const out = new Outbox();
  applyTurn(draft, out, instance, effects);
  const { delivered, droppedMessageCount, refusedStarts } = out;
  return { kind: "committed", delivered, droppedMessageCount, refusedStarts };
}

function endInstance(draft: Draft, operation: Operation<"endInstance">): WriteOutcome {
  const { key, lastEventId, effects } = operation;
  const instance = draft.instance(key);
  if (instance === undefined) return { kind: "unknownInstance" };
  if (isFinished(instance.row.status)) return { kind: "finishedInstance" };
  const { executionId } = instance.row;
  if (executionId !== effects.executionId) {
    return claimLost(`execution ${executionId} runs, not ${effects.executionId}`);
  }
  const rows = instance.history.filter((row) => row.executionId === executionId);
  const last = rows.at(-1)?.lastEventId ?? 0;
  if (last !== lastEventId) {
    return claimLost(`the history goes on to event ${last}, beyond ${lastEventId}`);
  }
  instance.activities = [];
  return landTurn(draft, instance, effects);
}

function removeConsumed(instance: StoredInstance, consumed: ConsumedWork): void {
  const ids = new Set<unknown>(consumed.messages);
  instance.messages = instance.messages.filter(({ id }) => !ids.has(id));
  instance.timers = without(instance.timers, consumed.timers);
}

/** What is not among the others, by execution and event. */
function without<T extends { readonly executionId: number; readonly eventId: number }>(
  list: readonly T[],
  others: readonly { readonly executionId: number; readonly eventId: number }[],
): T[] {
  return list.filter(
    (it) => !others.some((o) => o.executionId === it.executionId && o.eventId === it.eventId),
  );
}

/** What a turn writes: its own rows first, then what leaves the instance. */
function applyTurn(draft: Draft, out: Outbox, instance: StoredInstance, turn: TurnEffects): void {
  for (const row of turn.history) appendHistory(instance, row);
  instance.activities.push(...toActivities(draft, instance, turn));
  instance.activities = instance.activities.filter(
    (it) =>
      !turn.cancelledActivities.some(
        (key) => key.executionId === it.executionId && key.activityId === it.activityId,
      ),
  );
  instance.timers.push(...turn.newTimers);
  instance.timers = without(instance.timers, turn.cancelledTimers);
  if (turn.keyValues !== undefined) changeValues(instance, turn.keyValues);
  changeRow(instance, turn.change ?? {});
  if (isFinished(instance.row.status)) {
    out.droppedMessageCount += instance.messages.length;
    instance.messages = [];
    instance.timers = [];
    instance.owner = undefined;
  } else if (turn.continued !== undefined) {
    continueAsNew(draft, out, instance, turn.continued);
  }
  // Children first: a message of the same turn may be meant for one of them.
  for (const request of turn.starts) startFromTurn(draft, out, request);
  for (const message of turn.messages) {
    out.send(draft, findReceiver(draft, message.instanceId, message.runId), message);
  }
}

function appendHistory(instance: StoredInstance, row: HistoryRow): void {
  const isThere = instance.history.some(
    (it) => it.executionId === row.executionId && it.firstEventId === row.firstEventId,
  );
  if (isThere) {
    throw new ProviderError(
      "store_failed",
      `Cannot write: event ${row.firstEventId} of execution ${row.executionId} is in the history ` +
        "already; report this",
      { retryable: false },
    );
  }
  instance.history.push(row);
  instance.row = { ...instance.row, updatedMs: row.timestampMs };
}

function toActivities(draft: Draft, instance: StoredInstance, turn: TurnEffects): StoredActivity[] {
  return turn.newActivities.map(({ isClaimed, ...activity }) => ({
    ...activity,
    executionId: turn.executionId,
    owner: isClaimed ? instance.owner : undefined,
    attempt: isClaimed ? 1 : 0,
    crashes: 0,
    crashedNodes: [],
    waitingSinceMs: draft.nowMs,
    notBeforeMs: 0,
    heartbeat: undefined,
  }));
}

function changeValues(instance: StoredInstance, { isCleared, changes }: KeyValueChanges): void {
  if (isCleared) {
    instance.changes = new Map([...instance.snapshot.keys()].map((key) => [key, undefined]));
  }
  for (const { key, value, updatedMs } of changes) {
    instance.changes.set(key, value === undefined ? undefined : { value, updatedMs });
  }
}

function changeRow(instance: StoredInstance, change: InstanceChange): void {
  const { row } = instance;
  const status = change.status ?? row.status;
  instance.row = {
    ...row,
    name: change.name ?? row.name,
    version: change.version ?? row.version,
    // A turn has landed, so a pending instance is running, whether the turn says so or not.
    status: status === "Pending" ? "Running" : status,
    ...(isFinished(status) && { output: change.output, failure: change.failure }),
    ...(change.customStatus !== undefined && {
      customStatus: change.customStatus.value,
      customStatusVersion: row.customStatusVersion + 1,
    }),
  };
}

function continueAsNew(
  draft: Draft,
  out: Outbox,
  instance: StoredInstance,
  ended: ContinuedExecution,
): void {
  const rows = instance.history.filter((row) => row.executionId === ended.executionId);
  const { executionId, name, version, output, startedMs } = ended;
  instance.archived.push({
    ...{ executionId, name, version, output, startedMs, status: "ContinuedAsNew" },
    completedMs: rows.at(-1)?.timestampMs ?? draft.nowMs,
    eventCount: rows.reduce((count, row) => count + row.eventCount, 0),
  });
  instance.snapshot = mergedValues(instance);
  instance.changes = new Map();
  instance.row = { ...instance.row, executionId: executionId + 1, status: "Running" };
  out.sendFirst(draft, instance, ended.body);
}

/** A child or detached start that belongs to a turn. */
function startFromTurn(draft: Draft, out: Outbox, request: StartRequest): void {
  const existing = draft.byId(request.instanceId);
  if (existing === undefined || isReplaced(request, existing.row)) {
    if (existing !== undefined) removeTree(draft, existing);
    const instance = toInstance(draft, request);
    draft.insert(instance);
    out.send(draft, instance, request);
    return;
  }
  if (isSameStart(request, existing.row)) return;
  out.refusedStarts.push(request.instanceId);
  const { onConflict } = request;
  if (onConflict === undefined) return;
  out.send(draft, findReceiver(draft, onConflict.instanceId, onConflict.runId), onConflict);
}

/** The same request again, or the same call of the same parent. */
function isSameStart({ runId, parent }: StartRequest, existing: InstanceRow): boolean {
  if (existing.runId === runId) return true;
  return (
    parent !== undefined &&
    existing.parent?.instanceId === parent.instanceId &&
    existing.parent.executionId === parent.executionId &&
    existing.parent.eventId === parent.eventId
  );
}

function completeActivity(draft: Draft, operation: Operation<"completeActivity">): WriteOutcome {
  const { claim, body, isResult } = operation;
  const activity = isResult === true ? findOutstanding(draft, claim) : findActivity(draft, claim);
  const instance = draft.instance(claim.key);
  if (activity === undefined || instance === undefined) return lostActivity(draft, claim);
  // It goes even when no code waits for it any more, or it would be claimed for ever.
  instance.activities = instance.activities.filter((it) => it !== activity);
  return new Outbox().send(draft, instance, { body });
}

function releaseActivity(draft: Draft, operation: Operation<"releaseActivity">): WriteOutcome {
  const { claim, visibleAtMs, isAttemptCounted, isCrash } = operation;
  const activity = findActivity(draft, claim);
  if (activity === undefined) return lostActivity(draft, claim);
  activity.owner = undefined;
  activity.waitingSinceMs = visibleAtMs;
  activity.notBeforeMs = laterThan(draft.nowMs, visibleAtMs);
  if (!isAttemptCounted) activity.attempt = Math.max(0, activity.attempt - 1);
  if (isCrash === true) activity.crashes += 1;
  return { kind: "accepted", delivered: [] };
}

function heartbeatActivity(draft: Draft, operation: Operation<"heartbeatActivity">): WriteOutcome {
  const activity = findActivity(draft, operation.claim);
  if (activity === undefined) return lostActivity(draft, operation.claim);
  activity.heartbeat = operation.details;
  return { kind: "accepted", delivered: [] };
}

function releaseInstance(draft: Draft, operation: Operation<"releaseInstance">): WriteOutcome {
  const { claim, visibleAtMs, blocked } = operation;
  const instance = checkInstance(draft, claim);
  if (typeof instance === "string") return claimLost(instance);
  instance.owner = undefined;
  instance.notBeforeMs = laterThan(draft.nowMs, visibleAtMs);
  if (blocked !== undefined) {
    const { blocked: _, ...row } = instance.row;
    instance.row = blocked === null ? row : { ...row, blocked };
  }
  return { kind: "accepted", delivered: [] };
}

/** A time that is still to come; 0 otherwise, so that a clock that jumps back hides nothing. */
function laterThan(nowMs: number, ms: number): number {
  return ms > nowMs ? ms : 0;
}
