/** What a divergence says: one sentence with the event id, both sides, and what to do. */

import { isError } from "../foundation/is-error.ts";
import { OPERATIONS_AT_ONCE_MAX } from "../foundation/limits.ts";
import { describeEvent } from "../history/describe.ts";
import type { RecordedEvent } from "../history/event.ts";
import { NondeterminismError, type Divergence } from "../orchestration/errors.ts";
import { describeAction, type Action } from "./action.ts";
import type { Misfit } from "./admission.ts";
import type { Execution } from "./execution.ts";
import { reportEnd, type FunctionEnd } from "./function-end.ts";
import type { OperationKind } from "./operation.ts";

/** Where the code is elsewhere than history shows. */
export interface Mismatch {
  /** What history has. */
  readonly event: RecordedEvent;
  /** What the code did. */
  readonly actual: string;
  /** The nearest line of user code. */
  readonly source: string | undefined;
  /** What history has there, if it is not the event itself. */
  readonly expected?: string;
  /** The function has ended: what it threw is the fault, and to be mended. */
  readonly end?: FunctionEnd | undefined;
}

const RESTORE =
  "restore the code that wrote this history, or register the change as a new version; " +
  "if the code has not changed, it depends on something else than its input and history: a variable outside " +
  "of the function, an object that was changed after it was passed, the environment";

/** Code and history disagree. */
export function mismatch(instanceId: string, found: Mismatch): NondeterminismError {
  const { event, actual } = found;
  const expected = found.expected ?? describeEvent(event);
  const report = found.end && reportEnd(found.end);
  const source = report?.source ?? found.source;
  return new NondeterminismError({
    code: "nondeterminism",
    eventId: event.eventId,
    expected,
    actual,
    source,
    message:
      `Cannot replay "${instanceId}": at event ${event.eventId} history has ${expected}, ` +
      `but the code did ${actual}${source === undefined ? "" : ` (${source})`}; ` +
      (report?.advice ?? RESTORE),
    cause: report?.cause,
  });
}

/** The code has nothing where history has something. */
export function missing(
  execution: Execution,
  event: RecordedEvent,
  what: string,
): NondeterminismError {
  const { instanceId, end, lastSource: source } = execution;
  const actual =
    end === undefined ? what : `${what}: the function had ended, it ${reportEnd(end).what}`;
  return mismatch(instanceId, { event, actual, source, end });
}

/** The code has something else where history has a schedule. */
export function otherAction(
  { instanceId, end }: Execution,
  event: RecordedEvent,
  { draft, source }: Action,
): NondeterminismError {
  // What the code does on its way out, such as a custom status, is not what has to be mended.
  if (end?.kind !== "threw")
    return mismatch(instanceId, { event, actual: describeAction(draft), source });
  const actual = `${describeAction(draft)} and then ended, it ${reportEnd(end).what}`;
  return mismatch(instanceId, { event, actual, source, end });
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
  if (error instanceof NondeterminismError) return { ...error.divergence, cause: error.cause };
  const { message, stack } = isError(error) ? error : new Error(String(error));
  return {
    code: "history_corrupt",
    actual: message,
    message: `Cannot run a turn of "${instanceId}": the engine contradicts itself (${message}); please report it`,
    stack,
  };
}
