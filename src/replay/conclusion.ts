/**
 * The end of a turn: numbers what the code did, writes breadcrumbs, decides the outcome, and lists
 * the effects that have to land with the events.
 *
 * The order of events is fixed: arrivals, actions, breadcrumbs (activities, children, waits, queue
 * waits, timers), then the terminal event. Precedence of outcomes: canceled, then a failure that user
 * code must not see, then continue-as-new, then what the function returned or threw.
 * (Semantics sections 3, 5 steps 8 to 10, 8, 11, 12; weaknesses R2, R8, R9, R19.)
 */

import { invariant } from "../foundation/invariant.ts";
import type { EncodedValue, OrchestrationStarted, RecordedEvent } from "../history/event.ts";
import { canceledFailure, toFailure, type Failure } from "../history/failure.ts";
import type { CarriedMessage } from "../history/message.ts";
import { childInstanceId, type Action, type ActionDraft, type ActionEvent } from "./action.ts";
import type { Execution, TraceLine } from "./execution.ts";
import type { KeyValueDelta } from "./kv-view.ts";
import type { Operation, OperationKind } from "./operation.ts";

export type TurnOutcome =
  | { readonly kind: "running" }
  | { readonly kind: "completed"; readonly output: EncodedValue }
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "canceled"; readonly failure: Failure }
  | {
      readonly kind: "continuedAsNew";
      readonly input: EncodedValue;
      readonly version: string | undefined;
      readonly carried: readonly CarriedMessage[];
      readonly customStatus: EncodedValue;
    };

export interface ScheduledTimer {
  readonly eventId: number;
  readonly fireAtMs: number;
  readonly isRelative?: boolean | undefined;
}

export interface CancelledChild {
  /** Of its schedule in this execution. */
  readonly eventId: number;
  readonly instanceId: string;
  readonly reason: string;
  /** It ends without its code, as its parent did. */
  readonly isTerminated?: boolean | undefined;
}

export interface ScheduledStart {
  readonly eventId: number;
  readonly name: string;
  readonly instanceId: string;
  readonly input: EncodedValue;
  readonly version: string | undefined;
}

/** What a turn decided. */
export interface TurnConclusion {
  readonly outcome: TurnOutcome;
  /** New events in order; empty when nothing has to be recorded. */
  readonly events: readonly RecordedEvent[];
  readonly activities: readonly {
    readonly eventId: number;
    readonly name: string;
    readonly input: EncodedValue;
  }[];
  readonly cancelledActivities: readonly number[];
  readonly timers: readonly ScheduledTimer[];
  readonly cancelledTimers: readonly ScheduledTimer[];
  readonly children: readonly ScheduledStart[];
  readonly cancelledChildren: readonly CancelledChild[];
  readonly detached: readonly ScheduledStart[];
  readonly customStatus: { readonly value: EncodedValue } | undefined;
  /** What this turn changed in the key-value store. */
  readonly keyValues: KeyValueDelta | undefined;
  readonly traces: readonly TraceLine[];
  /** How the execution began, where its code has not been run: it is not known otherwise. */
  readonly started?: OrchestrationStarted<EncodedValue> | undefined;
}

export interface ConclusionInput {
  readonly messageEvents: readonly RecordedEvent[];
  readonly nextEventId: number;
  readonly cancelReason: string | undefined;
  readonly systemFailure: Failure | undefined;
  /** History has its terminal event already. */
  readonly isOver: boolean;
}

const BREADCRUMB_OF: Readonly<Record<OperationKind, RecordedEvent["kind"]>> = {
  activity: "ActivityCancelRequested",
  subOrchestration: "SubOrchestrationCancelRequested",
  event: "ExternalSubscribedCancelled",
  queue: "QueueSubscribedCancelled",
  timer: "TimerCancelled",
};
const BREADCRUMB_ORDER = Object.keys(BREADCRUMB_OF) as OperationKind[];

/** Why the children of an instance that ended are canceled. */
const CHILD_CANCEL_REASON: Readonly<Record<Exclude<TurnOutcome["kind"], "running">, string>> = {
  completed: "parent completed",
  failed: "parent failed",
  canceled: "parent canceled",
  continuedAsNew: "parent continued as new",
};
const CHILD_DROP_REASON = "parent dropped sub-orchestration future";

/** Events of an execution from which on the log says what to do. */
const HISTORY_LENGTH_WARNED = 20_000;

const TERMINAL = "orchestration_terminal";

type Cancelled = Pick<
  TurnConclusion,
  "cancelledActivities" | "cancelledTimers" | "cancelledChildren"
>;

type Mutable<T> = {
  -readonly [K in keyof T]: T[K] extends readonly (infer Item)[] ? Item[] : T[K];
};
type Scheduled = Mutable<Pick<TurnConclusion, "activities" | "timers" | "children" | "detached">>;

// Most turns cancel nothing.
const NONE: readonly Operation[] = [];
const NOTHING_CANCELLED: Cancelled = {
  cancelledActivities: [],
  cancelledTimers: [],
  cancelledChildren: [],
};

export function concludeTurn(execution: Execution, input: ConclusionInput): TurnConclusion {
  return new Conclusion(execution, input).run();
}

class Conclusion {
  readonly #execution: Execution;
  readonly #input: ConclusionInput;
  readonly #events: RecordedEvent[];
  readonly #outcome: TurnOutcome;
  #nextEventId: number;
  /** Scheduled in this very turn: nothing outside knows of them yet. */
  readonly #fresh = new Set<Operation>();
  readonly #bound: { readonly action: Action; readonly event: ActionEvent }[] = [];

  constructor(execution: Execution, input: ConclusionInput) {
    this.#execution = execution;
    this.#input = input;
    this.#events = [...input.messageEvents];
    this.#nextEventId = input.nextEventId;
    this.#outcome = input.isOver ? { kind: "running" } : decideOutcome(execution, input);
  }

  run(): TurnConclusion {
    const execution = this.#execution;
    if (!this.#input.isOver) this.#bindActions();
    // A finished history takes nothing more, whatever the code would do today.
    const dropped = this.#input.isOver ? NONE : this.#writeDropBreadcrumbs();
    const outstanding = this.#outcome.kind === "running" ? NONE : this.#writeTerminalEvents();
    this.#warnOfLength();
    const { traces } = execution;
    execution.traces = [];
    return {
      outcome: this.#outcome,
      events: this.#events,
      ...this.#toScheduled(),
      ...this.#toCancelled(dropped, outstanding),
      traces,
    };
  }

  /** Once per execution: in the turn in which history grows beyond what is good for it. */
  #warnOfLength(): void {
    const { historyLength, instanceId } = this.#execution;
    const before = historyLength - this.#events.length;
    if (historyLength < HISTORY_LENGTH_WARNED || before >= HISTORY_LENGTH_WARNED) return;
    this.#execution.warn(
      `Cannot keep "${instanceId}" quick: its history has ${historyLength} events, and all of them are replayed when it is loaded; ` +
        "continue as new (ctx.continueAsNew) where ctx.continueAsNewSuggested says so, or give parts of the work to children",
      { historyLength },
    );
  }

  /** What the code wants that it did not want before. */
  #toScheduled() {
    const isLive = this.#outcome.kind === "running";
    const scheduled: Scheduled = { activities: [], timers: [], children: [], detached: [] };
    let hasStatus = false;
    let hasKeyValues = false;
    for (const { action, event } of this.#bound) {
      if (isLive && action.operation?.isOpen === true) addOperation(scheduled, event);
      // Detached starts are honoured in every outcome (weakness R8).
      else if (event.kind === "OrchestrationChained") scheduled.detached.push(toStart(event));
      else if (event.kind === "CustomStatusUpdated") hasStatus = true;
      else if (isKeyValueEvent(event)) hasKeyValues = true;
    }
    return {
      ...scheduled,
      customStatus: hasStatus ? { value: this.#execution.customStatus } : undefined,
      keyValues: hasKeyValues ? toKeyValueDelta(this.#bound.map(({ event }) => event)) : undefined,
    };
  }

  /** The operations that are no longer wanted and that the store knows of. */
  #toCancelled(dropped: readonly Operation[], outstanding: readonly Operation[]): Cancelled {
    if (dropped.length === 0 && outstanding.length === 0) return NOTHING_CANCELLED;
    const cancelled = [...dropped, ...outstanding].filter(
      (operation) => !this.#fresh.has(operation),
    );
    const reason = this.#outcome.kind === "running" ? "" : CHILD_CANCEL_REASON[this.#outcome.kind];
    return {
      cancelledActivities: cancelled.filter(({ kind }) => kind === "activity").map(idOf),
      cancelledTimers: cancelled
        .filter(({ kind }) => kind === "timer")
        .map((operation) => ({ eventId: idOf(operation), fireAtMs: operation.fireAtMs })),
      cancelledChildren: [
        ...this.#childCancels(dropped, CHILD_DROP_REASON),
        ...this.#childCancels(outstanding, reason),
      ],
    };
  }

  /** Gives the actions that replay did not match their ids. */
  #bindActions(): void {
    const execution = this.#execution;
    for (const action of execution.actions.drain()) {
      const event = this.#record(this.#complete(action.draft)) as ActionEvent;
      execution.bind(action, event);
      execution.historyLength += 1;
      if (action.operation !== undefined) this.#fresh.add(action.operation);
      this.#bound.push({ action, event });
    }
  }

  /** A generated child id contains the event id. */
  #complete(draft: ActionDraft): ActionDraft {
    if (draft.kind !== "SubOrchestrationScheduled" || draft.isExplicitId) return draft;
    const { instanceId, executionId } = this.#execution;
    return { ...draft, instanceId: childInstanceId(instanceId, executionId, this.#nextEventId) };
  }

  #record(draft: object): RecordedEvent {
    const event = {
      ...draft,
      eventId: this.#nextEventId,
      timestampMs: this.#execution.nowMs,
    } as RecordedEvent;
    this.#nextEventId += 1;
    this.#events.push(event);
    this.#execution.lastEventId = event.eventId;
    return event;
  }

  #writeDropBreadcrumbs(): readonly Operation[] {
    if (this.#execution.cancelled.size === 0) return NONE;
    const dropped = sortForBreadcrumbs([...this.#execution.cancelled]);
    for (const operation of dropped)
      this.#writeBreadcrumb(operation, operation.cancelReason ?? TERMINAL);
    return dropped;
  }

  /** Breadcrumbs for what is still open, then the terminal event. */
  #writeTerminalEvents(): readonly Operation[] {
    const outcome = this.#outcome;
    invariant(outcome.kind !== "running", "only an ended execution has terminal events");
    const open = [...this.#execution.operations.values()].filter((operation) => operation.isOpen);
    const outstanding = sortForBreadcrumbs(open);
    for (const operation of outstanding) {
      const reason = terminalReason(operation.kind, outcome.kind);
      if (reason !== undefined) this.#writeBreadcrumb(operation, reason);
    }
    if (outcome.kind === "completed") {
      this.#record({ kind: "OrchestrationCompleted", output: outcome.output });
    } else if (outcome.kind === "continuedAsNew") {
      this.#record({
        kind: "OrchestrationContinuedAsNew",
        input: outcome.input,
        version: outcome.version,
      });
    } else {
      this.#record({ kind: "OrchestrationFailed", failure: outcome.failure });
    }
    return outstanding;
  }

  #writeBreadcrumb(operation: Operation, reason: string): void {
    this.#record({ kind: BREADCRUMB_OF[operation.kind], sourceEventId: idOf(operation), reason });
    this.#execution.historyLength += 1;
    this.#execution.forget(operation);
  }

  #childCancels(operations: readonly Operation[], reason: string): CancelledChild[] {
    return operations
      .filter((operation) => operation.kind === "subOrchestration" && !this.#fresh.has(operation))
      .map((operation) => ({
        eventId: idOf(operation),
        instanceId: operation.childId ?? "",
        reason,
      }));
  }
}

function decideOutcome(execution: Execution, input: ConclusionInput): TurnOutcome {
  const { end } = execution;
  if (input.cancelReason !== undefined)
    return { kind: "canceled", failure: canceledFailure(input.cancelReason) };
  if (input.systemFailure !== undefined) return { kind: "failed", failure: input.systemFailure };
  if (end === undefined) return { kind: "running" };
  if (end.kind === "returned") return { kind: "completed", output: end.output };
  if (end.kind === "threw")
    return { kind: "failed", failure: toFailure(end.error, "orchestration_failed") };
  const carried = execution.mailbox.unread();
  return { ...end, carried, customStatus: execution.customStatus };
}

function addOperation(scheduled: Scheduled, event: ActionEvent): void {
  if (event.kind === "ActivityScheduled") {
    scheduled.activities.push({ eventId: event.eventId, name: event.name, input: event.input });
  } else if (event.kind === "TimerCreated") {
    const { eventId, fireAtMs, isRelative } = event;
    scheduled.timers.push({ eventId, fireAtMs, isRelative });
  } else if (event.kind === "SubOrchestrationScheduled") {
    scheduled.children.push(toStart(event));
  }
}

function isKeyValueEvent({ kind }: ActionEvent): boolean {
  return kind === "KeyValueSet" || kind === "KeyValueCleared" || kind === "KeyValuesCleared";
}

/** The last change of each key, as far as it came after the last time that everything was cleared. */
function toKeyValueDelta(events: readonly ActionEvent[]): KeyValueDelta | undefined {
  const changes = new Map<string, KeyValueDelta["changes"][number]>();
  let isCleared = false;
  for (const event of events) {
    if (event.kind === "KeyValuesCleared") {
      isCleared = true;
      changes.clear();
    } else if (event.kind === "KeyValueSet" || event.kind === "KeyValueCleared") {
      const { key, timestampMs: updatedMs } = event;
      const value = event.kind === "KeyValueSet" ? { value: event.value } : {};
      changes.set(key, { key, ...value, updatedMs });
    }
  }
  return isCleared || changes.size > 0 ? { isCleared, changes: [...changes.values()] } : undefined;
}

/** Undefined where no breadcrumb is written: timers vanish, and so do the children of a canceled parent. */
function terminalReason(
  kind: OperationKind,
  outcome: Exclude<TurnOutcome["kind"], "running">,
): string | undefined {
  if (kind === "timer") return undefined;
  if (kind === "subOrchestration") return outcome === "canceled" ? undefined : TERMINAL;
  if (kind !== "activity") return TERMINAL;
  if (outcome === "continuedAsNew") return `${TERMINAL}_continued_as_new`;
  return `${TERMINAL}_${outcome === "completed" ? "completed" : "failed"}`;
}

function sortForBreadcrumbs(operations: Operation[]): Operation[] {
  return operations.sort(
    (a, b) =>
      BREADCRUMB_ORDER.indexOf(a.kind) - BREADCRUMB_ORDER.indexOf(b.kind) || idOf(a) - idOf(b),
  );
}

function idOf(operation: Operation): number {
  invariant(operation.id !== undefined, "an operation has an event id once its turn is numbered");
  return operation.id;
}

function toStart(event: Extract<ActionEvent, { instanceId: string }>): ScheduledStart {
  const { eventId, name, instanceId, input, version } = event;
  return { eventId, name, instanceId, input, version };
}
