/** Turns what a turn decided into what the store writes. Pure. */

import { encodeEvents, HISTORY_FORMAT } from "../history/codec.ts";
import type { ParentLink, RecordedEvent } from "../history/event.ts";
import type { Failure } from "../history/failure.ts";
import {
  encodeActivityRequest,
  encodeMessage,
  type InstanceMessage,
  type StartMessage,
} from "../history/message.ts";
import type {
  ContinuedExecution,
  HistoryRow,
  InstanceChange,
  NewActivity,
  OutgoingMessage,
  StartRequest,
  TurnEffects,
} from "../provider/provider.ts";
import type {
  CancelledChild,
  ScheduledStart,
  TurnConclusion,
  TurnOutcome,
} from "../replay/conclusion.ts";

/** Whose turn it was. */
export interface TurnSubject {
  readonly instanceId: string;
  readonly executionId: number;
  readonly name: string;
  readonly version: string;
  /** Seed of the execution; empty when its history cannot be read. */
  readonly seed: string;
  /** The run of the instance. */
  readonly runId: string;
  readonly parent: ParentLink | undefined;
  /** Time of the turn in milliseconds since the Unix epoch. */
  readonly nowMs: number;
  /** When the execution began. */
  readonly startedMs: number;
}

export interface EffectOptions {
  /** Which of the new activities the committing node claims at once, in their order. */
  readonly claims: readonly boolean[];
  /** Seed of the next execution, should there be one. */
  readonly nextSeed: () => string;
}

export function toEffects(
  subject: TurnSubject,
  conclusion: TurnConclusion,
  options: EffectOptions,
): TurnEffects {
  const { executionId } = subject;
  return {
    executionId,
    history: toRows(subject, conclusion.events),
    change: toChange(subject, conclusion),
    continued: toContinued(subject, conclusion.outcome, options),
    newActivities: toActivities(subject, conclusion, options.claims),
    cancelledActivities: conclusion.cancelledActivities.map((activityId) => ({
      executionId,
      activityId,
    })),
    newTimers: conclusion.timers.map((timer) => ({ executionId, ...timer })),
    cancelledTimers: conclusion.cancelledTimers.map((timer) => ({ executionId, ...timer })),
    starts: [
      ...conclusion.children.map((child) => toChildStart(subject, child)),
      ...conclusion.detached.map((start) => toDetachedStart(subject, start)),
    ],
    messages: [
      ...conclusion.cancelledChildren.map((child) => toChildCancel(subject, child)),
      ...toParentMessage(subject, conclusion.outcome),
    ],
    keyValues: conclusion.keyValues,
  };
}

function toRows(subject: TurnSubject, events: readonly RecordedEvent[]): HistoryRow[] {
  const first = events[0];
  const last = events.at(-1);
  if (first === undefined || last === undefined) return [];
  return [
    {
      executionId: subject.executionId,
      firstEventId: first.eventId,
      lastEventId: last.eventId,
      eventCount: events.length,
      timestampMs: first.timestampMs,
      format: HISTORY_FORMAT,
      data: encodeEvents(events),
    },
  ];
}

function toChange(subject: TurnSubject, conclusion: TurnConclusion): InstanceChange | undefined {
  const { outcome, customStatus, events } = conclusion;
  const isFirst = events[0]?.kind === "OrchestrationStarted";
  const ending = toEnding(outcome);
  if (!isFirst && ending === undefined && customStatus === undefined) return undefined;
  return {
    ...(isFirst && { name: subject.name, version: subject.version, status: "Running" as const }),
    ...ending,
    ...(customStatus !== undefined && { customStatus }),
  };
}

function toEnding(outcome: TurnOutcome): InstanceChange | undefined {
  switch (outcome.kind) {
    case "completed":
      return { status: "Completed", output: outcome.output };
    case "failed":
      return { status: "Failed", failure: outcome.failure };
    case "canceled":
      return { status: "Canceled", failure: outcome.failure };
    case "continuedAsNew":
      // The code that the next execution needs: a node that has it may claim it.
      return { version: outcome.version ?? "" };
    case "running":
      return undefined;
  }
}

function toContinued(
  subject: TurnSubject,
  outcome: TurnOutcome,
  { nextSeed }: EffectOptions,
): ContinuedExecution | undefined {
  if (outcome.kind !== "continuedAsNew") return undefined;
  const { executionId, name, version, parent, startedMs, nowMs } = subject;
  const body = encodeMessage({
    kind: "continueAsNew",
    executionId: executionId + 1,
    name,
    version: outcome.version,
    input: outcome.input,
    seed: nextSeed(),
    parent,
    carried: outcome.carried,
    atMs: nowMs,
    customStatus: outcome.customStatus,
  });
  return { executionId, name, version, output: outcome.input, startedMs, body };
}

function toActivities(
  subject: TurnSubject,
  conclusion: TurnConclusion,
  claims: readonly boolean[],
): NewActivity[] {
  return conclusion.activities.map(({ eventId, name, input }, i) => ({
    activityId: eventId,
    name,
    body: encodeActivityRequest({
      orchestrationName: subject.name,
      orchestrationVersion: subject.version,
      seed: subject.seed,
      input,
    }),
    isClaimed: claims[i] === true,
  }));
}

/** The run that a call starts: unique per call, and the same when the turn that makes it is run again. */
function toRunId(subject: TurnSubject, eventId: number): string {
  return `${subject.seed}/${eventId}`;
}

function toStartMessage(
  subject: TurnSubject,
  start: ScheduledStart,
  parent: ParentLink | undefined,
): StartMessage {
  const { name, version, input, eventId } = start;
  return { kind: "start", name, version, input, seed: toRunId(subject, eventId), parent };
}

function toRequest(start: ScheduledStart, message: StartMessage): StartRequest {
  return {
    instanceId: start.instanceId,
    name: start.name,
    version: start.version,
    runId: message.seed,
    parent: message.parent,
    body: encodeMessage(message),
    idReuse: "reject",
  };
}

function toChildStart(subject: TurnSubject, child: ScheduledStart): StartRequest {
  const { instanceId, executionId, runId } = subject;
  const link: ParentLink = { instanceId, executionId, eventId: child.eventId, runId };
  const failure: Failure = {
    category: "application",
    code: "instance_already_exists",
    name: "InstanceAlreadyExistsError",
    message: `Cannot start child "${child.instanceId}": an instance with this id exists already; choose another id`,
  };
  return {
    ...toRequest(child, toStartMessage(subject, child, link)),
    onConflict: {
      instanceId,
      runId,
      body: encodeMessage({
        kind: "childFailed",
        executionId,
        sourceEventId: child.eventId,
        failure,
      }),
    },
  };
}

function toDetachedStart(subject: TurnSubject, start: ScheduledStart): StartRequest {
  return toRequest(start, toStartMessage(subject, start, undefined));
}

/** Reaches the child of this call, and no later instance with its id. */
function toChildCancel(subject: TurnSubject, cancel: CancelledChild): OutgoingMessage {
  const { eventId, instanceId, reason, isTerminated } = cancel;
  return {
    instanceId,
    runId: subject.seed === "" ? undefined : toRunId(subject, eventId),
    body: encodeMessage({ kind: "cancel", reason, isTerminated }),
    isUrgent: true, // One that is parked ends with its parent, too.
  };
}

/** The end of a child, sent to the execution of the parent that called it (weaknesses U2, U3, R7). */
function toParentMessage(subject: TurnSubject, outcome: TurnOutcome): OutgoingMessage[] {
  const { parent } = subject;
  const message = parent === undefined ? undefined : toParentNews(parent, outcome);
  return parent === undefined || message === undefined
    ? []
    : [{ instanceId: parent.instanceId, runId: parent.runId, body: encodeMessage(message) }];
}

function toParentNews(parent: ParentLink, outcome: TurnOutcome): InstanceMessage | undefined {
  const source = { executionId: parent.executionId, sourceEventId: parent.eventId };
  switch (outcome.kind) {
    case "completed":
      return { kind: "childCompleted", ...source, result: outcome.output };
    case "failed":
    case "canceled":
      return { kind: "childFailed", ...source, failure: outcome.failure };
    case "running":
    case "continuedAsNew":
      return undefined;
  }
}

/** Bytes that a resident instance stands for. */
export function effectBytes(effects: TurnEffects): number {
  return effects.history.reduce((sum, row) => sum + row.data.length, 0);
}
