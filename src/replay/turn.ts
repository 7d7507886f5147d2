/**
 * One turn: replays what is recorded, admits what arrived, lets the code react to it one delivery at
 * a time, and says what has to be committed.
 *
 * Boundary: the only way into the engine. Pure: time, history and messages come in, events and
 * effects go out; nothing has happened until the caller commits the result.
 *
 * I1. Recorded schedule events are matched with the code's actions in order; any difference ends the
 *     turn as `diverged`, and nothing is consumed (guarantee G6).
 * I2. Deliveries happen in history order, each alone in its window.
 * I3. The terminal event is the last event (weakness R19).
 * (Semantics sections 3, 5, 6, 8, 9, 11, 12.)
 */

import type { AsyncContext } from "../foundation/async-context.ts";
import { EVENT_ID_MAX } from "../foundation/limits.ts";
import { describeEvent } from "../history/describe.ts";
import {
  isTerminal,
  type EncodedValue,
  type RecordedEvent,
  type TerminalEvent,
} from "../history/event.ts";
import type { Failure } from "../history/failure.ts";
import type { InstanceMessage } from "../history/message.ts";
import { ActivityError, SubOrchestrationError, type Divergence } from "../orchestration/errors.ts";
import { isActionEvent, isMatch, type ActionEvent } from "./action.ts";
import { Admitter, toStartedEvent, type DroppedMessage } from "./admission.ts";
import { concludeTurn, type TurnConclusion } from "./conclusion.ts";
import {
  corruptHistory,
  missing,
  orphanCompletion,
  orphanMessage,
  otherAction,
  toDivergence,
} from "./divergence.ts";
import type { Execution } from "./execution.ts";
import { assertFaithful } from "./fidelity.ts";
import type { GuardMode, GuardTrip } from "./guards.ts";
import { describeListener, guardError } from "./guards.ts";
import type { Operation } from "./operation.ts";
import { turnLoop, type WindowTask } from "./turn-loop.ts";
import { warnOfEvent, warnOfMessage } from "./untaken.ts";

export interface TurnInput {
  /** What is recorded and not yet known to the execution: everything for a fresh one, nothing for a resident one. */
  readonly history: readonly RecordedEvent[];
  /**
   * How many events of `history` count as recorded; the rest count as new.
   *
   * @default all
   */
  readonly recordedCount?: number | undefined;
  readonly messages: readonly InstanceMessage[];
  /** Time of the turn in milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

export type TurnResult =
  | ({ readonly kind: "concluded"; readonly dropped: readonly DroppedMessage[] } & TurnConclusion)
  | { readonly kind: "diverged"; readonly divergence: Divergence };

/**
 * Runs one turn.
 *
 * @param execution - Fresh, with its whole history in `input`; or resident, with none. After
 *   `diverged` it must be thrown away
 * @param onResult - Called outside any window of orchestration code
 */
export function startTurn(
  execution: Execution,
  input: TurnInput,
  onResult: (result: TurnResult) => void,
): void {
  turnLoop.run(new Turn(execution, input, onResult));
}

class Turn implements WindowTask {
  readonly #execution: Execution;
  readonly #input: TurnInput;
  readonly #onResult: (result: TurnResult) => void;
  readonly #events: RecordedEvent[];
  readonly #recordedCount: number;
  /** History that ends with a terminal event is only being checked. */
  readonly #recordedEnd: TerminalEvent<EncodedValue> | undefined;
  readonly #dropped: DroppedMessage[] = [];
  readonly #newEvents: RecordedEvent[] = [];
  #position = 0;
  #hasAdmitted = false;
  /** The next event, when it resolves something. */
  #delivery: (() => void) | undefined;
  /** The first recorded event after which the function had already ended. */
  #endedBefore: RecordedEvent | undefined;
  #cancelReason: string | undefined;
  #systemFailure: Failure | undefined;
  #divergence: Divergence | undefined;
  /** The dequeue that the last window has served. */
  #served: { readonly subscription: Operation; readonly window: number } | undefined;
  #nextEventId: number;

  constructor(execution: Execution, input: TurnInput, onResult: (result: TurnResult) => void) {
    this.#execution = execution;
    this.#input = input;
    this.#onResult = onResult;
    this.#events = [...input.history];
    this.#recordedCount = input.recordedCount ?? input.history.length;
    const last = input.history.at(-1);
    this.#recordedEnd = last !== undefined && isTerminal(last) ? last : undefined;
    this.#nextEventId = execution.historyLength === 0 ? 1 : execution.lastEventId + 1;
    execution.turn = this;
  }

  get subject(): string {
    return this.#execution.instanceId;
  }

  get guards(): GuardMode {
    return this.#execution.guards;
  }
  get owner(): object {
    return this.#execution;
  }
  get context(): AsyncContext {
    return this.#execution.context;
  }

  onGuardTrip(trip: GuardTrip): void {
    if (!trip.isCertain) {
      const text = describeListener(trip);
      if (text !== undefined) this.#execution.trace("warn", text, undefined);
      return;
    }
    if (this.guards === "error") {
      this.#execution.violation ??= guardError(trip).divergence;
      return;
    }
    this.#execution.trace("warn", guardError(trip).message, undefined);
  }

  advance(): boolean {
    if (this.#divergence !== undefined || this.#execution.isAbandoned) return false;
    if (this.#delivery !== undefined) return true;
    // What condemns a turn also ends it: no more user code runs.
    if (this.#execution.violation !== undefined) return false;
    this.#delivery = this.#execution.deferred.shift();
    if (this.#delivery !== undefined) return true;
    this.#noteReaction();
    try {
      while (this.#hasNext()) {
        const event = this.#events[this.#position] as RecordedEvent;
        this.#position += 1;
        this.#delivery = this.#apply(event);
        if (this.#delivery !== undefined) return true;
      }
    } catch (error) {
      this.#diverge(error);
    }
    return false;
  }

  deliver(): void {
    const deliver = this.#delivery;
    this.#delivery = undefined;
    if (this.#execution.isAbandoned) return;
    this.#execution.windowCount += 1;
    try {
      deliver?.();
    } catch (error) {
      this.#diverge(error);
    }
  }

  onFinished(): void {
    const execution = this.#execution;
    execution.turn = undefined;
    if (this.#divergence === undefined) {
      try {
        assertFaithful(execution, {
          recordedEnd: this.#recordedEnd,
          endedBefore: this.#endedBefore,
          isStopped: this.#cancelReason !== undefined || this.#systemFailure !== undefined,
        });
        this.#onResult({
          kind: "concluded",
          dropped: this.#dropped,
          ...concludeTurn(execution, {
            messageEvents: this.#newEvents,
            nextEventId: this.#nextEventId,
            cancelReason: this.#cancelReason,
            systemFailure: this.#systemFailure,
            isOver: this.#recordedEnd !== undefined,
          }),
        });
        return;
      } catch (error) {
        this.#diverge(error);
      }
    }
    this.#onResult({ kind: "diverged", divergence: this.#divergence as Divergence });
  }

  #diverge(error: unknown): void {
    this.#divergence = this.#execution.violation ?? toDivergence(error, this.#execution.instanceId);
  }

  /** Whether an event is left, admitting the messages once history is through. */
  #hasNext(): boolean {
    this.#noteEarlyEnd();
    if (this.#position < this.#events.length) return true;
    if (this.#hasAdmitted) return false;
    this.#hasAdmitted = true;
    for (const message of this.#split()) this.#admit(message);
    return this.#position < this.#events.length;
  }

  /** What was committed without a terminal event was committed by code that had not ended. */
  #noteEarlyEnd(): void {
    if (this.#execution.end === undefined || this.#position > this.#recordedCount) return;
    if (this.#recordedCount > 0) this.#endedBefore ??= this.#events[this.#position - 1];
  }

  /** Begins the execution if it is new; gives the other messages. */
  #split(): readonly InstanceMessage[] {
    const { messages } = this.#input;
    if (this.#execution.historyLength > 0) return messages;
    // A continue-as-new always wins over a start that came late (weakness R5).
    const first =
      messages.find((message) => message.kind === "continueAsNew") ??
      messages.find((message) => message.kind === "start");
    if (first === undefined) {
      throw corruptHistory(
        this.#execution.instanceId,
        "it is empty and nothing starts the execution",
      );
    }
    // Time goes on where the last execution ended.
    if (first.kind === "continueAsNew") this.#execution.nowMs = first.atMs ?? 0;
    this.#record(toStartedEvent(first, this.#execution));
    if (first.kind === "continueAsNew") {
      for (const { name, data } of first.carried)
        this.#record({ kind: "QueueMessage", name, data });
    }
    return messages.filter((message) => message !== first);
  }

  #admitter: Admitter | undefined;

  #admit(message: InstanceMessage): void {
    this.#admitter ??= new Admitter(this.#execution, this.#cancelReason !== undefined);
    const admission = this.#admitter.admit(message);
    if (admission.kind === "event") this.#record(admission.event);
    else if (admission.kind === "dropped") this.#dropped.push(admission.dropped);
    else throw orphanMessage(admission.misfit);
  }

  #record(draft: object): void {
    const event = {
      ...draft,
      eventId: this.#nextEventId,
      timestampMs: this.#timestampMs(),
    } as RecordedEvent;
    this.#nextEventId += 1;
    this.#events.push(event);
    this.#newEvents.push(event);
  }

  /** Time never goes back within an execution. */
  #timestampMs(): number {
    this.#execution.aheadMs = Math.max(0, this.#execution.nowMs - this.#input.nowMs);
    return this.#input.nowMs + this.#execution.aheadMs;
  }

  /** Takes in one event; gives the delivery that it makes, if any. */
  #apply(event: RecordedEvent): (() => void) | undefined {
    const execution = this.#execution;
    const isRecorded = this.#position <= this.#recordedCount;
    if (execution.historyLength === 0 && event.kind !== "OrchestrationStarted") {
      throw corruptHistory(
        execution.instanceId,
        `it begins with ${describeEvent(event)} instead of OrchestrationStarted`,
      );
    }
    if (event.eventId > EVENT_ID_MAX) {
      throw corruptHistory(
        execution.instanceId,
        `it has the event id ${event.eventId} beyond ${EVENT_ID_MAX}`,
      );
    }
    execution.isReplaying = isRecorded;
    execution.historyLength += 1;
    execution.lastEventId = Math.max(execution.lastEventId, event.eventId);
    execution.nowMs = Math.max(execution.nowMs, event.timestampMs);
    this.#nextEventId = Math.max(this.#nextEventId, event.eventId + 1);
    if (isActionEvent(event)) {
      this.#match(event);
      return undefined;
    }
    return this.#applyArrival(event);
  }

  // One case per kind of event: splitting the switch would hide that it is complete.
  #applyArrival(event: Exclude<RecordedEvent, ActionEvent>): (() => void) | undefined {
    const execution = this.#execution;
    switch (event.kind) {
      case "OrchestrationStarted":
        if (execution.started !== undefined)
          throw corruptHistory(execution.instanceId, "it has two OrchestrationStarted");
        return () => {
          execution.start(event);
        };
      case "ActivityCompleted":
      case "SubOrchestrationCompleted":
        return this.#complete(event, (operation) => {
          operation.resolve(event.result);
        });
      case "TimerFired":
        return this.#complete(event, (operation) => {
          operation.resolve(undefined);
        });
      case "ActivityFailed":
        return this.#fail(
          event,
          (operation) => new ActivityError(operation.name, event.attempt ?? 1, event.failure),
        );
      case "SubOrchestrationFailed":
        return this.#fail(
          event,
          (operation) =>
            new SubOrchestrationError(operation.name, operation.childId ?? "", event.failure),
        );
      case "ExternalEvent": {
        const operation = execution.mailbox.findWait(event.name);
        if (operation === undefined) warnOfEvent(execution, event.name);
        return this.#serve(operation, event.data);
      }
      case "QueueMessage": {
        // The execution has ended: this message is for the next one.
        const operation = this.#isOver() ? undefined : execution.mailbox.findDequeue(event.name);
        if (operation === undefined) {
          execution.mailbox.buffer(event.name, event.data);
          warnOfMessage(execution, event.name);
        }
        return this.#serve(operation, event.data);
      }
      case "OrchestrationCancelRequested":
        this.#cancelReason ??= event.reason;
        return undefined;
      case "ActivityCancelRequested":
      case "TimerCancelled":
      case "ExternalSubscribedCancelled":
      case "QueueSubscribedCancelled":
      case "SubOrchestrationCancelRequested":
        this.#applyBreadcrumb(event);
        return undefined;
      case "OrchestrationCompleted":
      case "OrchestrationFailed":
      case "OrchestrationContinuedAsNew":
        return undefined;
    }
  }

  #serve(operation: Operation | undefined, data: EncodedValue): (() => void) | undefined {
    if (operation === undefined || this.#isOver()) return undefined;
    return () => {
      this.#execution.forget(operation);
      this.#served = { subscription: operation, window: this.#execution.windowCount };
      this.#execution.lostMessages.noteServed(operation);
      operation.resolve(data);
    };
  }

  /** After a window: whether the code did anything with a message, see `LostMessages`. */
  #noteReaction(): void {
    const served = this.#served;
    if (served === undefined) return;
    this.#served = undefined;
    const { subscription, window } = served;
    const { lastUseWindow, lostMessages, end } = this.#execution;
    const hasMovedOn = lastUseWindow > subscription.window && lastUseWindow < window;
    // What a branch of a combination does is seen by its combination.
    const isByHand = subscription.scope.isRoot && subscription.awaitCount > 0;
    if (hasMovedOn && isByHand && end === undefined) lostMessages.noteUnread(subscription);
  }

  /** Deliveries end with the function, and before a failure that user code must not see. */
  #isOver(): boolean {
    return this.#execution.end !== undefined || this.#systemFailure !== undefined;
  }

  #fail(
    event: Extract<RecordedEvent, { failure: Failure; sourceEventId: number }>,
    toError: (operation: Operation) => Error,
  ): (() => void) | undefined {
    const { failure } = event;
    if (failure.category !== "application") {
      // (Semantics 6.1, last row.) Recorded; the turn fails with it.
      if (this.#findOperation(event)?.isOpen === true) this.#systemFailure ??= failure;
      return undefined;
    }
    return this.#complete(event, (operation) => {
      operation.reject(toError(operation));
    });
  }

  #complete(
    event: Extract<RecordedEvent, { sourceEventId: number }>,
    settle: (operation: Operation) => void,
  ): (() => void) | undefined {
    const operation = this.#findOperation(event);
    if (operation?.isOpen !== true || this.#isOver()) return undefined;
    return () => {
      settle(operation);
    };
  }

  /** The operation that a completion belongs to; marks it as completed. */
  #findOperation(event: Extract<RecordedEvent, { sourceEventId: number }>): Operation | undefined {
    const { ledger, operations } = this.#execution;
    const source = event.sourceEventId;
    const expected = event.kind.startsWith("Activity")
      ? "activity"
      : event.kind === "TimerFired"
        ? "timer"
        : "subOrchestration";
    const actual = ledger.kindOf(source);
    if (actual !== expected || ledger.isCompleted(source))
      throw orphanCompletion(event, expected, actual);
    ledger.complete(source);
    const operation = operations.get(source);
    // Also when the code has just cancelled it: there is nothing left to cancel.
    if (operation !== undefined) this.#execution.forget(operation);
    return operation;
  }

  /** A recorded cancellation must be one that the code has made, too. */
  #applyBreadcrumb(event: Extract<RecordedEvent, { reason: string; sourceEventId: number }>): void {
    const operation = this.#execution.operations.get(event.sourceEventId);
    if (operation?.isOpen === false) {
      this.#execution.forget(operation);
      return;
    }
    // Before a terminal event the engine itself cancels what is left.
    if (this.#recordedEnd !== undefined) return;
    throw missing(this.#execution, event, "no such cancellation");
  }

  #match(event: ActionEvent): void {
    const execution = this.#execution;
    const action = execution.actions.shift();
    if (action === undefined) throw missing(execution, event, "nothing more");
    if (!isMatch(action, event, execution.isSame)) throw otherAction(execution, event, action);
    execution.bind(action, event);
  }
}
