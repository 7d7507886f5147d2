/**
 * The end of an execution without its code: a termination, poison, a divergence under the policy
 * "fail", or a cancellation of what is parked or has not begun.
 *
 * Reads from history what is outstanding, so that children are cancelled and queued activities are
 * not run (weaknesses R9, R17, R18).
 */

import { decodeEvents, type EncodedTurn } from "../history/codec.ts";
import type { OrchestrationStarted, EncodedValue, RecordedEvent } from "../history/event.ts";
import { CANCELED, type Failure } from "../history/failure.ts";
import type { ContinueMessage, InstanceMessage, StartMessage } from "../history/message.ts";
import type { TurnConclusion } from "./conclusion.ts";

/** What is recorded of one turn. */
export interface RecordedTurn extends EncodedTurn {
  readonly lastEventId: number;
}

export interface AbortInput {
  /** Everything recorded of the execution; empty when it has not begun. */
  readonly rows: readonly RecordedTurn[];
  readonly messages: readonly InstanceMessage[];
  readonly instanceId: string;
  readonly version: string;
  readonly failure: Failure;
  readonly nowMs: number;
}

/** A turn that ends the execution with a failure and cancels what is outstanding. */
export function abortExecution(input: AbortInput): TurnConclusion {
  const { rows, messages, nowMs, failure } = input;
  const history = decodeWhatCanBe(rows);
  const events: RecordedEvent[] = [];
  const start = messages.find(isStart);
  let lastEventId = rows.at(-1)?.lastEventId ?? 0;
  if (lastEventId === 0 && start !== undefined) events.push(toStarted(input, start));
  const timestampMs = Math.max(nowMs, history.at(-1)?.timestampMs ?? 0);
  lastEventId = Math.max(lastEventId, events.length);
  const cancel = messages.find((message) => message.kind === "cancel");
  if (cancel !== undefined) {
    lastEventId += 1;
    events.push({
      kind: "OrchestrationCancelRequested",
      eventId: lastEventId,
      timestampMs,
      reason: cancel.reason,
    });
  }
  events.push({ kind: "OrchestrationFailed", eventId: lastEventId + 1, timestampMs, failure });
  const open = findOpen(history);
  const isCanceled = failure.code === CANCELED;
  const isTerminated = failure.isTerminated === true;
  return {
    outcome: { kind: isCanceled ? "canceled" : "failed", failure },
    events,
    activities: [],
    cancelledActivities: open.flatMap((event) =>
      event.kind === "ActivityScheduled" ? [event.eventId] : [],
    ),
    timers: [],
    cancelledTimers: open.flatMap((event) =>
      event.kind === "TimerCreated" ? [{ eventId: event.eventId, fireAtMs: event.fireAtMs }] : [],
    ),
    children: [],
    cancelledChildren: open.flatMap((event) =>
      event.kind === "SubOrchestrationScheduled"
        ? [
            {
              eventId: event.eventId,
              instanceId: event.instanceId,
              reason: reasonForChildren(failure),
              ...(isTerminated && { isTerminated }),
            },
          ]
        : [],
    ),
    detached: [],
    customStatus: undefined,
    keyValues: undefined,
    traces: [],
    started: [...history, ...events].find((event) => event.kind === "OrchestrationStarted"),
  };
}

function reasonForChildren({ code, isTerminated }: Failure): string {
  if (isTerminated === true) return "parent terminated";
  return code === CANCELED ? "parent canceled" : "parent failed";
}

function isStart(message: InstanceMessage): message is StartMessage | ContinueMessage {
  return message.kind === "start" || message.kind === "continueAsNew";
}

function toStarted(
  input: AbortInput,
  start: StartMessage | ContinueMessage,
): OrchestrationStarted<EncodedValue> {
  return {
    kind: "OrchestrationStarted",
    eventId: 1,
    timestampMs: input.nowMs,
    name: start.name,
    version: input.version,
    input: start.input,
    instanceId: input.instanceId,
    executionId: start.kind === "start" ? 1 : start.executionId,
    seed: start.seed,
    parent: start.parent,
  };
}

/** A history that cannot be read must still be possible to end. */
function decodeWhatCanBe(rows: readonly RecordedTurn[]): RecordedEvent[] {
  try {
    return rows.flatMap((row) => decodeEvents(row));
  } catch {
    return [];
  }
}

/** Schedules without completion or cancellation. */
function findOpen(history: readonly RecordedEvent[]): RecordedEvent[] {
  const closed = new Set<number>();
  for (const event of history) if ("sourceEventId" in event) closed.add(event.sourceEventId);
  return history.filter((event) => !closed.has(event.eventId));
}
