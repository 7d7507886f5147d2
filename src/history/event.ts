/**
 * What is recorded: the events of one execution, in the order in which they happened.
 *
 * Boundary: plain data. This file knows no code, no store and no clock. The wire form is
 * `codec.ts`; which event may follow which is checked by the replay engine.
 *
 * I1. Event ids start at 1 in each execution and grow; gaps are legal.
 * I2. The first event is `OrchestrationStarted`; a terminal event, if any, is the last one.
 * I3. A completion names its schedule by `sourceEventId`, never by name.
 * (Semantics sections 1 to 3.)
 */

import type { Failure } from "./failure.ts";

/** A user's value as the codec encoded it; `undefined` stands for the value `undefined`. */
export type EncodedValue = string | undefined;

/** Which call of which parent started an orchestration; kept across its continue-as-new. */
export interface ParentLink {
  readonly instanceId: string;
  readonly executionId: number;
  /** The event id of the parent's `SubOrchestrationScheduled`. */
  readonly eventId: number;
  /** The parent's run: an instance that got its id later is not the parent. Absent in old histories. */
  readonly runId?: string | undefined;
}

interface Base<Kind extends string> {
  readonly kind: Kind;
  readonly eventId: number;
  /** Time of the turn that recorded the event, in milliseconds since the Unix epoch. */
  readonly timestampMs: number;
}

interface Completion<Kind extends string> extends Base<Kind> {
  readonly sourceEventId: number;
}

export interface OrchestrationStarted<Value> extends Base<"OrchestrationStarted"> {
  readonly name: string;
  readonly version: string;
  readonly input: Value;
  readonly instanceId: string;
  readonly executionId: number;
  /** Unique per execution of an instance; seeds GUIDs, random numbers and idempotency keys. */
  readonly seed: string;
  readonly parent?: ParentLink | undefined;
  /** The custom status that the previous execution left. */
  readonly customStatus?: Value;
}
export interface OrchestrationCompleted<Value> extends Base<"OrchestrationCompleted"> {
  readonly output: Value;
}
export interface OrchestrationFailed extends Base<"OrchestrationFailed"> {
  readonly failure: Failure;
}
export interface OrchestrationContinuedAsNew<Value> extends Base<"OrchestrationContinuedAsNew"> {
  readonly input: Value;
  readonly version?: string | undefined;
}
export interface OrchestrationCancelRequested extends Base<"OrchestrationCancelRequested"> {
  readonly reason: string;
}
export interface ActivityScheduled<Value> extends Base<"ActivityScheduled"> {
  readonly name: string;
  readonly input: Value;
  readonly sessionId?: string | undefined;
  readonly tag?: string | undefined;
}
export interface ActivityCompleted<Value> extends Completion<"ActivityCompleted"> {
  readonly result: Value;
}
export interface ActivityFailed extends Completion<"ActivityFailed"> {
  readonly failure: Failure;
  /** The delivery that failed, from 1. */
  readonly attempt?: number | undefined;
}
export interface ActivityCancelRequested extends Completion<"ActivityCancelRequested"> {
  readonly reason: string;
}
export interface TimerCreated extends Base<"TimerCreated"> {
  readonly fireAtMs: number;
  /** Whether it waits for a delay. Not recorded: the store keeps it with the timer. */
  readonly isRelative?: boolean | undefined;
}
export interface TimerFired extends Completion<"TimerFired"> {
  readonly fireAtMs: number;
}
/** Ours, not the reference's: a timer that lost a race no longer fires (weaknesses section 4). */
export interface TimerCancelled extends Completion<"TimerCancelled"> {
  readonly reason: string;
}
export interface ExternalSubscribed extends Base<"ExternalSubscribed"> {
  readonly name: string;
}
export interface ExternalEvent<Value> extends Base<"ExternalEvent"> {
  readonly name: string;
  readonly data: Value;
}
export interface ExternalSubscribedCancelled extends Completion<"ExternalSubscribedCancelled"> {
  readonly reason: string;
}
export interface QueueSubscribed extends Base<"QueueSubscribed"> {
  readonly name: string;
}
export interface QueueMessage<Value> extends Base<"QueueMessage"> {
  readonly name: string;
  readonly data: Value;
}
export interface QueueSubscribedCancelled extends Completion<"QueueSubscribedCancelled"> {
  readonly reason: string;
}
export interface SubOrchestrationScheduled<Value> extends Base<"SubOrchestrationScheduled"> {
  readonly name: string;
  readonly input: Value;
  /** The full id of the child, generated or given. */
  readonly instanceId: string;
  /** Whether the user chose `instanceId`. */
  readonly isExplicitId: boolean;
  readonly version?: string | undefined;
}
export interface SubOrchestrationCompleted<Value> extends Completion<"SubOrchestrationCompleted"> {
  readonly result: Value;
}
export interface SubOrchestrationFailed extends Completion<"SubOrchestrationFailed"> {
  readonly failure: Failure;
}
export interface SubOrchestrationCancelRequested extends Completion<"SubOrchestrationCancelRequested"> {
  readonly reason: string;
}
export interface OrchestrationChained<Value> extends Base<"OrchestrationChained"> {
  readonly name: string;
  readonly instanceId: string;
  readonly input: Value;
  readonly version?: string | undefined;
}
export interface CustomStatusUpdated<Value> extends Base<"CustomStatusUpdated"> {
  /** `undefined` after a reset. */
  readonly status: Value;
}
export interface KeyValueSet<Value> extends Base<"KeyValueSet"> {
  readonly key: string;
  readonly value: Value;
}
export interface KeyValueCleared extends Base<"KeyValueCleared"> {
  readonly key: string;
}
export type KeyValuesCleared = Base<"KeyValuesCleared">;

/**
 * One recorded event.
 *
 * @typeParam Value - How users' values appear: decoded (`unknown`, what users read) or encoded
 */
export type HistoryEvent<Value = unknown> =
  | OrchestrationStarted<Value>
  | OrchestrationCompleted<Value>
  | OrchestrationFailed
  | OrchestrationContinuedAsNew<Value>
  | OrchestrationCancelRequested
  | ActivityScheduled<Value>
  | ActivityCompleted<Value>
  | ActivityFailed
  | ActivityCancelRequested
  | TimerCreated
  | TimerFired
  | TimerCancelled
  | ExternalSubscribed
  | ExternalEvent<Value>
  | ExternalSubscribedCancelled
  | QueueSubscribed
  | QueueMessage<Value>
  | QueueSubscribedCancelled
  | SubOrchestrationScheduled<Value>
  | SubOrchestrationCompleted<Value>
  | SubOrchestrationFailed
  | SubOrchestrationCancelRequested
  | OrchestrationChained<Value>
  | CustomStatusUpdated<Value>
  | KeyValueSet<Value>
  | KeyValueCleared
  | KeyValuesCleared;

/** An event as the engine and the stores hold it: users' values stay encoded. */
export type RecordedEvent = HistoryEvent<EncodedValue>;

export type EventKind = HistoryEvent["kind"];

/** The events that end an execution. */
export type TerminalEvent<Value> =
  OrchestrationCompleted<Value> | OrchestrationFailed | OrchestrationContinuedAsNew<Value>;

export function isTerminal<Value>(event: HistoryEvent<Value>): event is TerminalEvent<Value> {
  return (
    event.kind === "OrchestrationCompleted" ||
    event.kind === "OrchestrationFailed" ||
    event.kind === "OrchestrationContinuedAsNew"
  );
}
