/**
 * What is sent to an instance: starts, completions, events, cancels.
 *
 * Boundary: plain data and its text form. Stores carry the text and never look inside.
 * (Semantics section 4; the parent's execution travels with a start: weaknesses U2, U3.)
 */

import type { EncodedValue, ParentLink } from "./event.ts";
import type { Failure } from "./failure.ts";

/** An unread queue message on its way into the next execution. */
export interface CarriedMessage {
  readonly name: string;
  readonly data: EncodedValue;
}

export interface StartMessage {
  readonly kind: "start";
  readonly name: string;
  readonly version?: string | undefined;
  readonly input: EncodedValue;
  readonly seed: string;
  readonly parent?: ParentLink | undefined;
}
export interface ContinueMessage {
  readonly kind: "continueAsNew";
  /** The execution that begins. */
  readonly executionId: number;
  readonly name: string;
  readonly version?: string | undefined;
  readonly input: EncodedValue;
  readonly seed: string;
  readonly parent?: ParentLink | undefined;
  readonly carried: readonly CarriedMessage[];
  /** Time of the last turn of the execution that ended, in milliseconds since the Unix epoch. */
  readonly atMs?: number | undefined;
  readonly customStatus: EncodedValue;
}
export interface ActivityCompletedMessage {
  readonly kind: "activityCompleted";
  readonly executionId: number;
  readonly sourceEventId: number;
  readonly result: EncodedValue;
}
export interface ActivityFailedMessage {
  readonly kind: "activityFailed";
  readonly executionId: number;
  readonly sourceEventId: number;
  readonly failure: Failure;
  readonly attempt: number;
}
export interface TimerFiredMessage {
  readonly kind: "timerFired";
  readonly executionId: number;
  readonly sourceEventId: number;
  readonly fireAtMs: number;
}
export interface EventRaisedMessage {
  readonly kind: "eventRaised";
  readonly name: string;
  readonly data: EncodedValue;
}
export interface QueueMessageMessage {
  readonly kind: "queueMessage";
  readonly name: string;
  readonly data: EncodedValue;
}
export interface ChildCompletedMessage {
  readonly kind: "childCompleted";
  /** The parent's execution that scheduled the child. */
  readonly executionId: number;
  readonly sourceEventId: number;
  readonly result: EncodedValue;
}
export interface ChildFailedMessage {
  readonly kind: "childFailed";
  readonly executionId: number;
  readonly sourceEventId: number;
  readonly failure: Failure;
}
export interface CancelMessage {
  readonly kind: "cancel";
  readonly reason: string;
  /** The instance ends without its code. */
  readonly isTerminated?: boolean | undefined;
}

/** A message that brings the outcome of something that the orchestration scheduled. */
export type CompletionMessage =
  | ActivityCompletedMessage
  | ActivityFailedMessage
  | TimerFiredMessage
  | ChildCompletedMessage
  | ChildFailedMessage;

export type InstanceMessage =
  | StartMessage
  | ContinueMessage
  | CompletionMessage
  | EventRaisedMessage
  | QueueMessageMessage
  | CancelMessage;

/** What a worker needs to run an activity, as text in the store. */
export interface ActivityRequest {
  readonly orchestrationName: string;
  readonly orchestrationVersion: string;
  /** Seed of the execution; makes the idempotency key unique. */
  readonly seed: string;
  readonly input: EncodedValue;
}

export function encodeMessage(message: InstanceMessage): string {
  return JSON.stringify(message);
}

/** @throws SyntaxError when the text is not a message */
export function decodeMessage(text: string): InstanceMessage {
  const message = JSON.parse(text) as { kind?: unknown } | null;
  if (typeof message !== "object" || typeof message?.kind !== "string") {
    throw new SyntaxError("a queued message without a kind");
  }
  return message as InstanceMessage;
}

/** The same; undefined for what cannot be read. */
export function tryDecodeMessage(text: string): InstanceMessage | undefined {
  try {
    return decodeMessage(text);
  } catch {
    return undefined;
  }
}

export function encodeActivityRequest(request: ActivityRequest): string {
  return JSON.stringify(request);
}

export function decodeActivityRequest(text: string): ActivityRequest {
  return JSON.parse(text) as ActivityRequest;
}
