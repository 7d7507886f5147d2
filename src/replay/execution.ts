/**
 * One execution of an orchestration, alive in memory: the suspended function, its open operations,
 * and everything that decides what the next event means.
 *
 * Boundary: pure. No I/O, no clock, no store; `turn.ts` feeds it and collects what it did. It stays
 * usable between turns (a resident instance), and a fresh one fed with the same history is in the
 * same state.
 *
 * I1. Actions queue up in the order in which the code emits them and become events in that order.
 * I2. After `continueAsNew`, or once the function has returned, nothing more can be scheduled.
 * I3. A call from outside the execution's own window is refused and condemns the turn: something
 *     that is not durable resumed the code.
 * I4. Code that catches refusals in a loop is put to sleep, so that it cannot keep the host busy.
 */

import { AsyncContext } from "../foundation/async-context.ts";
import { UsageError } from "../foundation/errors.ts";
import { Fifo } from "../foundation/fifo.ts";
import { notAValue, type Codec } from "../foundation/json.ts";
import { assertPayloadSize, OPERATIONS_AT_ONCE_MAX } from "../foundation/limits.ts";
import { createSeededRandom, type SeededRandom } from "../foundation/random.ts";
import { isSameValue } from "../foundation/same-value.ts";
import { readStack, takeStack } from "../foundation/stack.ts";
import { validateSync } from "../foundation/standard-schema.ts";
import type { EncodedValue, OrchestrationStarted, ParentLink } from "../history/event.ts";
import type { TraceFields } from "../orchestration/context.ts";
import type { InputPolicy, OrchestrationDefinition } from "../orchestration/define.ts";
import { NondeterminismError, type Divergence } from "../orchestration/errors.ts";
import { endlessTurn } from "./divergence.ts";
import type { Action, ActionDraft, ActionEvent } from "./action.ts";
import type { FunctionEnd } from "./function-end.ts";
import type { GuardMode } from "./guards.ts";
import { hostCodec } from "./host-codec.ts";
import { KeyValueView, type KeyValueEntry } from "./kv-view.ts";
import { Ledger } from "./ledger.ts";
import { lostMessage, LostMessages, type SubscriptionKind } from "./lost-messages.ts";
import { LiveContext } from "./live-context.ts";
import { Mailbox } from "./mailbox.ts";
import { Operation, type OperationOwner } from "./operation.ts";
import { Scope } from "./scope.ts";
import { findUserFrame } from "./source.ts";
import { activityCode } from "./thread.ts";
import { turnLoop, type WindowTask } from "./turn-loop.ts";

export type TraceLevel = "debug" | "info" | "warn" | "error";

/** A line that the orchestration logged. */
export interface TraceLine {
  readonly level: TraceLevel;
  readonly message: string;
  readonly fields: TraceFields | undefined;
}

export interface ExecutionOptions {
  readonly definition: OrchestrationDefinition;
  readonly instanceId: string;
  readonly codec: Codec;
  readonly guards: GuardMode;
  /**
   * Where the code of the user runs.
   *
   * @default the context of the caller
   */
  readonly context?: AsyncContext | undefined;
  /** Largest encoded value in UTF-8 bytes. */
  readonly payloadBytesMax: number;
  /** Records the line of user code behind each action; costs time, used to explain a divergence. */
  readonly isExplaining?: boolean | undefined;
  /**
   * The key-value store as it was when this execution started, not as it is now: what the execution
   * wrote since comes from its history.
   *
   * @default empty
   */
  readonly keyValues?: ReadonlyMap<string, KeyValueEntry> | undefined;
}

/** Refused calls before code that goes on trying is put to sleep. */
const REFUSALS_MAX = 100;

export class Execution implements OperationOwner {
  readonly instanceId: string;
  readonly guards: GuardMode;
  readonly context: AsyncContext;
  readonly ledger: Ledger = new Ledger();
  /** Emitted, not yet numbered or matched, oldest first. */
  readonly actions: Fifo<Action> = new Fifo<Action>();
  /** Scheduled and unresolved, by event id; a cancelled one stays until its breadcrumb is recorded. */
  readonly operations: Map<number, Operation> = new Map<number, Operation>();
  /** Cancelled, and no breadcrumb recorded yet. */
  readonly cancelled: Set<Operation> = new Set<Operation>();
  /** Lines logged since the last turn was concluded. */
  traces: TraceLine[] = [];
  isReplaying = false;
  historyLength = 0;
  /** The highest event id so far. */
  lastEventId = 0;
  nowMs = 0;
  /** How far {@link nowMs} is ahead of the wall clock, which may have been set back. */
  aheadMs = 0;
  customStatus: EncodedValue;
  /** The turn that runs now. */
  turn: WindowTask | undefined;
  /** Number of windows so far. */
  windowCount = 0;
  /** Actions of the latest window that had any. */
  #emitCount = 0;
  #emitWindow = -1;
  /** The window in which the code used its context last. */
  lastUseWindow = 0;
  /** Settlements that wait for the next window. */
  readonly deferred: Fifo<() => void> = new Fifo<() => void>();
  /** What condemns the current turn, if anything. */
  violation: Divergence | undefined;

  readonly #options: ExecutionOptions;
  readonly #definition: OrchestrationDefinition;
  readonly #codec: Codec;
  readonly #payloadBytesMax: number;
  readonly #isExplaining: boolean;
  readonly #rootScope = new Scope();
  // Made when they are used: most executions use neither.
  #mailbox: Mailbox | undefined;
  #lostMessages: LostMessages | undefined;
  #keyValues: KeyValueView | undefined;
  #started: OrchestrationStarted<EncodedValue> | undefined;
  #random: SeededRandom | undefined;
  #end: FunctionEnd | undefined;
  #lastSource: string | undefined;
  #refusalCount = 0;

  constructor(options: ExecutionOptions) {
    this.context = options.context ?? AsyncContext.capture();
    this.#options = { ...options, context: this.context };
    this.#definition = options.definition;
    this.instanceId = options.instanceId;
    this.#codec = hostCodec(options.codec);
    this.guards = options.guards;
    this.#payloadBytesMax = options.payloadBytesMax;
    this.#isExplaining = options.isExplaining ?? false;
  }

  /** The same execution before its first event, to be fed again from the start. */
  reborn(isExplaining: boolean): Execution {
    return new Execution({ ...this.#options, isExplaining });
  }

  /** The next execution of the same instance. */
  next(definition: OrchestrationDefinition): Execution {
    const keyValues = this.keyValues.entries;
    return new Execution({ ...this.#options, definition, keyValues, isExplaining: false });
  }

  get mailbox(): Mailbox {
    return (this.#mailbox ??= new Mailbox());
  }
  get lostMessages(): LostMessages {
    return (this.#lostMessages ??= new LostMessages());
  }
  get keyValues(): KeyValueView {
    return (this.#keyValues ??= new KeyValueView(this.#options.keyValues));
  }
  get started(): OrchestrationStarted<EncodedValue> | undefined {
    return this.#started;
  }
  get executionId(): number {
    return this.#started?.executionId ?? 1;
  }
  get name(): string {
    return this.#started?.name ?? this.#definition.name;
  }
  get version(): string {
    return this.#started?.version ?? this.#definition.version;
  }
  get parent(): ParentLink | undefined {
    return this.#started?.parent;
  }
  get random(): SeededRandom {
    return (this.#random ??= createSeededRandom(this.#started?.seed ?? this.instanceId));
  }
  /** The instance was ended from outside: no window of it begins any more. */
  isAbandoned = false;

  /** Undefined while the function is under way. */
  get end(): FunctionEnd | undefined {
    return this.#end;
  }
  /** The line of user code of the latest call on `ctx`, when a divergence is being explained. */
  get lastSource(): string | undefined {
    return this.#lastSource;
  }

  /** Calls the user's function. */
  start(event: OrchestrationStarted<EncodedValue>): void {
    this.#started = event;
    this.customStatus = event.customStatus;
    const { run, input, output, name } = this.#definition;
    const context = LiveContext.create(this, this.#rootScope);
    let hasBegun = false;
    const body = async (): Promise<FunctionEnd> => {
      const decoded: unknown = validateSync(
        input,
        this.decode(event.input),
        `the input of orchestration "${name}"`,
      );
      hasBegun = true;
      const value: unknown = await run(context, decoded as never);
      const subject = `the output of orchestration "${name}"`;
      const encoded = this.encode(validateSync(output, value, subject), subject);
      return { kind: "returned", output: encoded, value };
    };
    body().then(
      (end) => {
        this.#finish(end);
      },
      (error: unknown) => {
        this.#finish({ kind: "threw", error, isInputRefused: !hasBegun });
      },
    );
  }

  continueAsNew(input: EncodedValue, version: string | undefined): void {
    this.#end = { kind: "continuedAsNew", input, version };
  }

  #finish(end: FunctionEnd): void {
    if (this.#end !== undefined) return; // A continue-as-new counts, whatever the function does afterwards.
    if (!this.#isInWindow()) this.#condemnForeignResumption();
    this.#end = end;
  }

  /** @throws UsageError when the call cannot be part of this execution's story */
  assertUsable(scope: Scope): void {
    if (this.#isExplaining) this.#lastSource = findUserFrame(takeStack("call"));
    if (this.#end !== undefined) {
      this.#refusalCount += 1;
      throw new UsageError(
        "execution_ended",
        `Cannot use the context of "${this.instanceId}": its execution has ${
          this.#end.kind === "continuedAsNew" ? "continued as new" : "ended"
        }; schedule before that`,
      );
    }
    if (scope.isClosed) {
      this.#refusalCount += 1;
      throw new UsageError(
        "scope_closed",
        `Cannot schedule in a branch of "${this.instanceId}": the branch has lost its race; let it end`,
      );
    }
    this.#assertInWindow();
    this.lastUseWindow = this.windowCount;
  }

  /** Whether calls that would be refused get a future that never settles instead. (I4) */
  isAsleep(scope: Scope): boolean {
    return this.#refusalCount >= REFUSALS_MAX && (this.#end !== undefined || scope.isClosed);
  }

  /** Whether an operation may still be cancelled by the code. */
  allowsCancel(): boolean {
    if (this.#isInWindow()) return true;
    if (this.#end !== undefined) return false;
    this.#assertInWindow();
    return true;
  }

  #assertInWindow(): void {
    if (this.#isInWindow()) return;
    if (activityCode.current === true) {
      throw new UsageError(
        "outside_turn",
        `Cannot use the context of "${this.instanceId}" here: an activity has called it; call it in the orchestration, ` +
          "and pass to activities what they need as their input",
      );
    }
    this.#condemnForeignResumption();
    throw new UsageError(
      "outside_turn",
      `Cannot use the context of "${this.instanceId}" here: the code was resumed by something that is not durable; ` +
        "await only operations of the context, and do everything else in activities",
    );
  }

  /** @param inputs - Whether the recorded input stands, whatever the code passes now */
  emit(draft: ActionDraft, operation?: Operation, inputs?: InputPolicy): void {
    this.#assertNotEndless();
    const ignoresInput = inputs === "ignore";
    this.actions.push({ draft, operation, source: this.#lastSource, ignoresInput });
  }

  /** By text first; by value where that differs, so that the order of keys does not count. */
  readonly isSame = (a: EncodedValue, b: EncodedValue): boolean => {
    if (a === b) return true;
    if (a === undefined || b === undefined) return false;
    try {
      return isSameValue(this.#codec.decode(a), this.#codec.decode(b));
    } catch {
      return false; // What the codec cannot read is not what the code has just written.
    }
  };

  /** Ties an action to the event that records it. */
  bind({ operation }: Action, event: ActionEvent): void {
    if (operation === undefined) return;
    operation.bind(event);
    this.ledger.open(event.eventId, event.kind);
    // A cancelled one stays, although it has settled, until its breadcrumb is there.
    if (operation.settlement === undefined || operation.cancelReason !== undefined)
      this.operations.set(event.eventId, operation);
  }

  /** Once an operation is served, or its cancellation recorded: what comes later finds nothing. */
  forget(operation: Operation): void {
    this.cancelled.delete(operation);
    if (operation.id !== undefined) this.operations.delete(operation.id);
  }

  setCustomStatus(status: EncodedValue): void {
    this.customStatus = status;
    this.emit({ kind: "CustomStatusUpdated", status });
  }

  /** Lines of a replay, and of code that something else than this execution resumed, are not kept. */
  trace(level: TraceLevel, message: string, fields: TraceFields | undefined): void {
    if (!this.isReplaying && this.#isInWindow())
      this.traces.push({ level, message, fields: fields && toTraceable(fields) });
  }

  /** A line of the engine in the log of the orchestration, with the turn that it belongs to. */
  warn(message: string, fields: TraceFields): void {
    if (!this.isReplaying) this.traces.push({ level: "warn", message, fields });
  }

  /** Warns of a message that an earlier subscription took, when the code subscribes again. */
  warnOfLostMessage(kind: SubscriptionKind, name: string): void {
    this.#warnOfTaker(this.#lostMessages?.take(kind, name), "again");
  }

  /** The same when the code continues as new. */
  warnOfLostMessages(): void {
    this.#warnOfTaker(this.#lostMessages?.takeAny(), "continuesAsNew");
  }

  /** A combination was decided without the value of this future. */
  noteDropped(source: object): void {
    if (source instanceof Operation && (source.kind === "queue" || source.kind === "event"))
      this.lostMessages.noteUnread(source);
  }

  /** A branch has lost. */
  noteClosed(scope: Scope): void {
    this.#lostMessages?.noteClosed(scope);
  }

  #warnOfTaker(taker: Operation | undefined, reason: "again" | "continuesAsNew"): void {
    if (taker === undefined) return;
    const source = findUserFrame(takeStack("call"));
    const { kind, name, id } = taker;
    this.warn(lostMessage(taker, reason, source), { [kind]: name, eventId: id });
  }

  onCancelled(operation: Operation): void {
    this.cancelled.add(operation);
  }

  assertReason(reason: string): void {
    assertPayloadSize(reason, "the reason of a cancellation", this.#payloadBytesMax);
  }

  encode(value: unknown, subject: string, bytesMax: number = this.#payloadBytesMax): EncodedValue {
    if (value === undefined) return undefined;
    const text = this.#codec.encode(value, subject);
    assertPayloadSize(text, subject, Math.min(bytesMax, this.#payloadBytesMax));
    return text;
  }

  /** A value that cannot be read condemns the turn: the store is damaged, or has another codec. */
  decode(value: EncodedValue): unknown {
    if (value === undefined) return undefined;
    try {
      return this.#codec.decode(value);
    } catch (error) {
      this.violation ??= {
        code: "history_corrupt",
        eventId: this.lastEventId,
        actual: "a value that the codec cannot read",
        message:
          `Cannot replay "${this.instanceId}": the codec "${this.#codec.name}" cannot read a value up to event ${this.lastEventId}; ` +
          "use the codec that wrote it, or restore the store from a backup",
        stack: readStack(error),
      };
      throw error;
    }
  }

  /** Code that schedules for ever never ends its window: no report would follow. */
  #assertNotEndless(): void {
    if (this.#emitWindow !== this.windowCount) {
      this.#emitWindow = this.windowCount;
      this.#emitCount = 0;
    }
    this.#emitCount += 1;
    if (this.#emitCount <= OPERATIONS_AT_ONCE_MAX) return;
    this.violation ??= endlessTurn(this, findUserFrame(takeStack("endless")));
    throw new NondeterminismError(this.violation);
  }

  #isInWindow(): boolean {
    return this.turn !== undefined && turnLoop.current === this.turn;
  }

  /** (I3) */
  #condemnForeignResumption(): void {
    const { stack } = new Error("resumed by something that is not durable");
    const source = findUserFrame(stack);
    this.violation ??= {
      code: "foreign_await",
      actual: "the code was resumed by a promise that no durable operation resolves",
      message:
        `Cannot go on with "${this.instanceId}": the code was resumed by something that is not durable` +
        `${source === undefined ? "" : ` (${source})`}; await only operations of the context, and do everything else in activities`,
      source,
      stack,
    };
  }
}

/** A logger would stumble over an operation that was not awaited. */
function toTraceable(fields: TraceFields): TraceFields {
  const entries = Object.entries(fields);
  if (entries.every(([, value]) => notAValue(value) === undefined)) return fields;
  return Object.fromEntries(entries.map(([key, value]) => [key, notAValue(value)?.what ?? value]));
}
