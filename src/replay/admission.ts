/**
 * Which incoming messages become events (semantics section 6.1).
 *
 * I1. A second outcome of one schedule is never recorded, whatever its kind (guarantee G4, weakness
 *     R10), and neither is one that belongs to another execution.
 * I2. Nothing is dropped silently: every refused message comes back with its reason (guarantee G8).
 */

import type { EncodedValue, OrchestrationStarted, RecordedEvent } from "../history/event.ts";
import type {
  CompletionMessage,
  ContinueMessage,
  InstanceMessage,
  StartMessage,
} from "../history/message.ts";
import type { Execution } from "./execution.ts";
import type { OperationKind } from "./operation.ts";

/** A message that was refused. */
export interface DroppedMessage {
  readonly kind: InstanceMessage["kind"];
  readonly reason:
    "otherExecution" | "duplicate" | "cancelled" | "alreadyStarted" | "alreadyCanceled";
  readonly sourceEventId?: number | undefined;
}

/** A message that fits no schedule: code, history and queue disagree. */
export interface Misfit {
  readonly sourceEventId: number;
  readonly expected: string;
  readonly actual: string;
}

type WithoutId<E> = E extends RecordedEvent ? Omit<E, "eventId" | "timestampMs"> : never;

export type Admission =
  | { readonly kind: "event"; readonly event: WithoutId<RecordedEvent> }
  | { readonly kind: "dropped"; readonly dropped: DroppedMessage }
  | { readonly kind: "misfit"; readonly misfit: Misfit };

const OPERATION_OF: Readonly<Record<CompletionMessage["kind"], OperationKind>> = {
  activityCompleted: "activity",
  activityFailed: "activity",
  timerFired: "timer",
  childCompleted: "subOrchestration",
  childFailed: "subOrchestration",
};

/** Admits the messages of one batch, in order. */
export class Admitter {
  readonly #execution: Execution;
  /** Outcomes admitted from this batch: the first wins. */
  readonly #admittedSources = new Set<number>();
  #isCanceled: boolean;

  constructor(execution: Execution, isCanceled: boolean) {
    this.#execution = execution;
    this.#isCanceled = isCanceled;
  }

  admit(message: InstanceMessage): Admission {
    switch (message.kind) {
      case "start":
      case "continueAsNew":
        // The execution has begun: another start must not touch it (weaknesses R4, R5).
        return drop(message, "alreadyStarted");
      case "cancel":
        if (this.#isCanceled) return drop(message, "alreadyCanceled");
        this.#isCanceled = true;
        return {
          kind: "event",
          event: { kind: "OrchestrationCancelRequested", reason: message.reason },
        };
      case "eventRaised":
        return {
          kind: "event",
          event: { kind: "ExternalEvent", name: message.name, data: message.data },
        };
      case "queueMessage":
        return {
          kind: "event",
          event: { kind: "QueueMessage", name: message.name, data: message.data },
        };
      default:
        return this.#admitCompletion(message);
    }
  }

  #admitCompletion(message: CompletionMessage): Admission {
    const { sourceEventId } = message;
    const { ledger, operations, executionId } = this.#execution;
    if (message.executionId !== executionId) return drop(message, "otherExecution", sourceEventId);
    const wanted = OPERATION_OF[message.kind];
    const scheduled = ledger.kindOf(sourceEventId);
    if (scheduled !== wanted) {
      const expected = scheduled === undefined ? "no schedule" : `a schedule of kind ${scheduled}`;
      return {
        kind: "misfit",
        misfit: { sourceEventId, expected, actual: `a message ${message.kind}` },
      };
    }
    if (ledger.isCompleted(sourceEventId) || this.#admittedSources.has(sourceEventId)) {
      return drop(message, "duplicate", sourceEventId);
    }
    if (operations.get(sourceEventId)?.isOpen !== true)
      return drop(message, "cancelled", sourceEventId);
    this.#admittedSources.add(sourceEventId);
    return { kind: "event", event: toEvent(message) };
  }
}

function toEvent(message: CompletionMessage): WithoutId<RecordedEvent> {
  const { sourceEventId } = message;
  switch (message.kind) {
    case "activityCompleted":
      return { kind: "ActivityCompleted", sourceEventId, result: message.result };
    case "activityFailed":
      return {
        kind: "ActivityFailed",
        sourceEventId,
        failure: message.failure,
        attempt: message.attempt,
      };
    case "timerFired":
      return { kind: "TimerFired", sourceEventId, fireAtMs: message.fireAtMs };
    case "childCompleted":
      return { kind: "SubOrchestrationCompleted", sourceEventId, result: message.result };
    case "childFailed":
      return { kind: "SubOrchestrationFailed", sourceEventId, failure: message.failure };
  }
}

function drop(
  message: InstanceMessage,
  reason: DroppedMessage["reason"],
  sourceEventId?: number,
): Admission {
  return { kind: "dropped", dropped: { kind: message.kind, reason, sourceEventId } };
}

/** How an execution begins. */
export function toStartedEvent(
  message: StartMessage | ContinueMessage,
  execution: Execution,
): Omit<OrchestrationStarted<EncodedValue>, "eventId" | "timestampMs"> {
  return {
    kind: "OrchestrationStarted",
    name: message.name,
    version: execution.version,
    input: message.input,
    instanceId: execution.instanceId,
    executionId: message.kind === "start" ? 1 : message.executionId,
    seed: message.seed,
    parent: message.parent,
    customStatus: message.kind === "start" ? undefined : message.customStatus,
  };
}
