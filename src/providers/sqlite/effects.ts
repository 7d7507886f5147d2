/**
 * What a turn writes, piece by piece.
 *
 * I1. What one turn both creates and removes is never written.
 * I2. A row is written only where something in it changes: a turn in the middle of a chain leaves
 *     the row of its instance alone.
 */

import type { Failure } from "../../history/failure.ts";
import type {
  ContinuedExecution,
  InstanceChange,
  InstanceRow,
  InstanceStatus,
  TurnEffects,
} from "../../provider/provider.ts";
import type { Batch, Outbox } from "./batch.ts";
import { type InstanceState, isFinished } from "./instances.ts";
import { toParentLink } from "./rows.ts";
import { startFromTurn } from "./starts.ts";
import { toAlwaysVisible } from "./visibility.ts";

/** Whose turn it is. */
export interface TurnSubject {
  readonly seq: number;
  readonly id: string;
  /** Of an end without claim: none. It leaves no new activities. */
  readonly node: number | undefined;
}

/** History, activities, timers and key-values of the turn. */
export function writeTurnRows(batch: Batch, subject: TurnSubject, effects: TurnEffects): void {
  const { tables } = batch;
  for (const row of effects.history) tables.history.insert(subject.seq, row);
  writeActivities(batch, subject, effects);
  writeTimers(batch, subject.seq, effects);
  if (effects.keyValues !== undefined) {
    tables.keyValues.apply(subject.seq, effects.keyValues, batch.nowMs);
  }
}

function writeActivities(batch: Batch, subject: TurnSubject, effects: TurnEffects): void {
  const { newActivities, cancelledActivities, executionId } = effects;
  const { activities } = batch.tables;
  const place = {
    instance: subject.seq,
    execution: executionId,
    node: subject.node,
    nowMs: batch.nowMs,
  };
  if (cancelledActivities.length === 0) {
    for (const activity of newActivities) activities.insert(place, activity);
    return;
  }
  const isNew = (id: number): boolean => newActivities.some((it) => it.activityId === id);
  const cancelled = new Set<number>();
  for (const key of cancelledActivities) {
    if (key.executionId === executionId && isNew(key.activityId)) cancelled.add(key.activityId);
    else activities.remove(subject.seq, key);
  }
  for (const activity of newActivities) {
    if (!cancelled.has(activity.activityId)) activities.insert(place, activity); // (I1)
  }
}

function writeTimers(batch: Batch, seq: number, effects: TurnEffects): void {
  const { newTimers, cancelledTimers } = effects;
  const { timers } = batch.tables;
  if (cancelledTimers.length === 0) {
    for (const timer of newTimers) timers.insert(seq, timer);
    return;
  }
  const newIds = new Set(newTimers.map((timer) => `${timer.executionId}/${timer.eventId}`));
  for (const timer of cancelledTimers) {
    if (!newIds.delete(`${timer.executionId}/${timer.eventId}`)) timers.remove(seq, timer);
  }
  for (const timer of newTimers) {
    // Only those that were not cancelled are left in the set. (I1)
    if (newIds.has(`${timer.executionId}/${timer.eventId}`)) timers.insert(seq, timer);
  }
}

/** The instance's own row. (I2) */
export function changeInstance(
  batch: Batch,
  state: InstanceState,
  change: InstanceChange | undefined,
): void {
  const { instances } = batch.tables;
  const facts = {
    name: change?.name ?? state.name,
    version: change?.version ?? state.version,
    status: runningStatus(state.status, change),
  };
  const isEnd = isFinal(change);
  if (
    facts.name !== state.name ||
    facts.version !== state.version ||
    (!isEnd && facts.status !== state.status)
  ) {
    instances.describe(state.seq, facts);
  }
  if (change?.customStatus !== undefined) {
    instances.setCustomStatus(state.seq, change.customStatus.value);
  }
  if (isEnd) instances.finish(state.seq, change.status, change);
  else if (state.crashes > 0 || state.is_blocked !== 0) instances.clearTries(state.seq);
}

/**
 * The row of an instance that ends with these effects, as a read would give it.
 *
 * @returns Undefined when it goes on
 */
export function toEndedRow(state: InstanceState, effects: TurnEffects): InstanceRow | undefined {
  const { change, history } = effects;
  const updatedMs = history.at(-1)?.timestampMs;
  if (!isFinal(change) || updatedMs === undefined) return undefined;
  const parent = toParentLink(state);
  const { customStatus, failure } = change;
  return {
    key: state.seq,
    instanceId: state.id,
    name: change.name ?? state.name,
    version: change.version ?? state.version,
    runId: state.run_id,
    status: change.status,
    executionId: state.execution,
    output: change.output,
    customStatus:
      customStatus === undefined ? (state.custom_status ?? undefined) : customStatus.value,
    customStatusVersion: state.custom_status_version + (customStatus === undefined ? 0 : 1),
    createdMs: state.created_ms,
    updatedMs,
    ...(parent !== undefined && { parent }),
    // A copy as a read would make it: those who wait may change what they get.
    ...(failure !== undefined && { failure: JSON.parse(JSON.stringify(failure)) as Failure }),
  };
}

/** Whether the instance ends with it. */
export function isFinal(
  change: InstanceChange | undefined,
): change is InstanceChange & { readonly status: InstanceStatus } {
  return change?.status !== undefined && isFinished(change.status);
}

/** A turn has landed, so a pending instance is running, whether the turn says so or not. */
export function runningStatus(
  current: InstanceStatus,
  change: InstanceChange | undefined,
): InstanceStatus {
  const status = change?.status ?? current;
  return status === "Pending" ? "Running" : status;
}

/** What leaves the instance, and what goes with its end or with the end of its execution. */
export function finishTurn(
  batch: Batch,
  out: Outbox,
  subject: TurnSubject,
  effects: TurnEffects,
): void {
  if (isFinal(effects.change)) {
    out.droppedMessageCount += batch.tables.messages.removeAll(subject.seq);
    batch.tables.timers.removeAll(subject.seq);
  } else if (effects.continued !== undefined) {
    continueAsNew(batch, out, subject, effects.continued);
  }
  // Children first: a message of the same turn may be meant for one of them.
  for (const start of effects.starts) startFromTurn(batch, out, start);
  for (const message of effects.messages) {
    const receiver = batch.tables.instances.readReceiver(message.instanceId, message.runId);
    out.send(batch, receiver, message);
  }
}

function continueAsNew(
  batch: Batch,
  out: Outbox,
  subject: TurnSubject,
  ended: ContinuedExecution,
): void {
  const { tables, nowMs } = batch;
  tables.history.archive(subject.seq, ended, nowMs);
  tables.keyValues.merge(subject.seq);
  tables.instances.continue(subject.seq);
  const message = tables.messages.insertFirst(subject.seq, toAlwaysVisible(nowMs), ended.body);
  out.delivered.push({ instanceId: subject.id, key: subject.seq, message });
}
