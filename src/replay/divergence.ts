/** What a divergence says: one sentence with the event id, both sides, and what to do. */

import { isDuroxideError } from "../foundation/errors.ts";
import { OPERATIONS_AT_ONCE_MAX } from "../foundation/limits.ts";
import { describeEvent } from "../history/describe.ts";
import type { EncodedValue, RecordedEvent, TerminalEvent } from "../history/event.ts";
import { NondeterminismError, type Divergence } from "../orchestration/errors.ts";
import type { Comparison } from "./action.ts";
import type { Misfit } from "./admission.ts";
import type { Execution, FunctionEnd } from "./execution.ts";
import type { OperationKind } from "./operation.ts";

/** Where the code went on although history shows that it should be elsewhere. */
export interface Mismatch {
  /** What history has. */
  readonly event: RecordedEvent;
  /** What the code did. */
  readonly actual: string;
  /** The nearest line of user code. */
  readonly source: string | undefined;
  /** What history has there, if it is not the event itself. */
  readonly expected?: string;
}

/** Code and history disagree. */
export function mismatch(instanceId: string, found: Mismatch): NondeterminismError {
  const { event, actual, source } = found;
  const expected = found.expected ?? describeEvent(event);
  return new NondeterminismError({
    code: "nondeterminism",
    eventId: event.eventId,
    expected,
    actual,
    source,
    message:
      `Cannot replay "${instanceId}": at event ${event.eventId} history has ${expected}, ` +
      `but the code did ${actual}${source === undefined ? "" : ` (${source})`}; ` +
      "restore the code that wrote this history, or register the change as a new version; " +
      "if the code has not changed, it depends on something else than its input and history: a variable outside " +
      "of the function, an object that was changed after it was passed, the environment",
  });
}

/** The history contradicts itself. */
export function corruptHistory(instanceId: string, what: string): NondeterminismError {
  return new NondeterminismError({
    code: "history_corrupt",
    actual: what,
    message:
      `Cannot replay "${instanceId}": corrupted history, ${what}; ` +
      "restore the store from a backup or delete the instance",
  });
}

/** A recorded completion belongs to nothing that is open. */
export function orphanCompletion(
  event: Extract<RecordedEvent, { sourceEventId: number }>,
  expected: OperationKind,
  actual: OperationKind | undefined,
): NondeterminismError {
  const source = event.sourceEventId;
  const found =
    actual === undefined
      ? "no schedule"
      : actual === expected
        ? "a completion already"
        : `a schedule of kind ${actual}`;
  return new NondeterminismError({
    code: "nondeterminism",
    eventId: event.eventId,
    expected: `one open schedule of kind ${expected} as event ${source}`,
    actual: found,
    message:
      `Cannot replay event ${event.eventId}: ${describeEvent(event)} needs an open schedule of kind ${expected}, ` +
      `but event ${source} has ${found}; restore the store from a backup or delete the instance`,
  });
}

/** A message fits no schedule. */
export function orphanMessage({ sourceEventId, expected, actual }: Misfit): NondeterminismError {
  return new NondeterminismError({
    code: "nondeterminism",
    eventId: sourceEventId,
    expected,
    actual,
    message:
      `Cannot take ${actual} for event ${sourceEventId}: history has ${expected} there; ` +
      "the queue and the history come from different stores, restore them together",
  });
}

/** Nothing durable can ever resume the function. */
export function foreignAwait(execution: Execution): NondeterminismError {
  const { instanceId, name, lastEventId, lastSource: source } = execution;
  return new NondeterminismError({
    code: "foreign_await",
    eventId: lastEventId,
    expected: "an await of an operation of the context",
    actual: "an await of a promise that no durable operation resolves",
    source,
    message:
      `Cannot go on with "${instanceId}": after event ${lastEventId} orchestration "${name}" ` +
      "awaited something that is not durable" +
      `${source === undefined ? " before its first call of the context" : ` (its last durable call was at ${source})`}; ` +
      "await only operations of the context, and do everything else in activities",
  });
}

/** The code schedules and schedules, and waits for nothing. */
export function endlessTurn(execution: Execution, source: string | undefined): Divergence {
  return {
    code: "turn_stalled",
    actual: `more than ${OPERATIONS_AT_ONCE_MAX} operations without waiting for one`,
    source,
    message:
      `Cannot go on with "${execution.instanceId}": orchestration "${execution.name}" has scheduled ` +
      `${OPERATIONS_AT_ONCE_MAX} operations without waiting for one` +
      `${source === undefined ? "" : ` (${source})`}; ` +
      "end the loop, wait for what it schedules, or leave a part of it to children",
  };
}

/** A bug of ours must not end the host: it parks the instance and says so. */
export function toDivergence(error: unknown, instanceId: string): Divergence {
  if (error instanceof NondeterminismError) return error.divergence;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return {
    code: "history_corrupt",
    actual: message,
    message: `Cannot run a turn of "${instanceId}": the engine contradicts itself (${message}); please report it`,
    stack,
  };
}

/** How the function ended, in words. */
export function describeEnd(end: FunctionEnd | undefined): string {
  if (end === undefined) return "went on";
  if (end.kind !== "threw") return end.kind;
  const { error } = end;
  const thrown =
    error instanceof Error || isDuroxideError(error)
      ? `${error.name}: ${error.message}`
      : `a value of type ${typeof error}`;
  return `threw ${thrown}`;
}

/** Whether the function ended as it is recorded. */
export function isSameEnd(
  recorded: TerminalEvent<EncodedValue>,
  end: FunctionEnd | undefined,
  isSame: Comparison,
): boolean {
  switch (recorded.kind) {
    case "OrchestrationCompleted":
      return end?.kind === "returned" && isSame(end.output, recorded.output);
    case "OrchestrationContinuedAsNew":
      return (
        end?.kind === "continuedAsNew" &&
        isSame(end.input, recorded.input) &&
        end.version === recorded.version
      );
    case "OrchestrationFailed":
      // Other failures (poison, a damaged store) came over the code from outside.
      return end?.kind === "threw" || recorded.failure.code !== "orchestration_failed";
  }
}
