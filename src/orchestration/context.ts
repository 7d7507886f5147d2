/** What an orchestration works with: the first parameter of its function. */

import type { OptionNames } from "../foundation/known-options.ts";
import type { DurationInput } from "../foundation/duration.ts";
import type {
  ActivityDefinition,
  EventDefinition,
  OrchestrationDefinition,
  QueueDefinition,
} from "./define.ts";
import type {
  AllValues,
  Branch,
  BranchValue,
  DurableFuture,
  JoinedOutcomes,
  SelectedIndex,
  SelectedKey,
} from "./durable-future.ts";

/** The input of a call: optional exactly where the definition accepts `undefined`. */
export type CallArguments<In, Options> = undefined extends In
  ? [input?: In, options?: Options]
  : [input: In, options?: Options];

export interface SubOrchestrationOptions {
  /**
   * The child's id. Not starting with `sub::`.
   *
   * @default `<parent>::sub::<event id>`, with the execution before the event id from execution 2 on;
   *   where that exceeds 1,024 bytes, `<parent>` is its first 512 bytes, `~` and a digest of all of it
   */
  readonly instanceId?: string;
  /** The version to run. @default what the registry's policy says when the child starts */
  readonly version?: string;
}

export const SUB_ORCHESTRATION_OPTIONS: OptionNames<SubOrchestrationOptions> = {
  instanceId: true,
  version: true,
};

export interface SelectOptions {
  /**
   * Leaves the losers as they are, for a later `select` or an await. Every branch is then an operation:
   * functions are started anew by each `select`.
   *
   * @default false
   */
  readonly keep?: boolean;
}

export const SELECT_OPTIONS: OptionNames<SelectOptions> = { keep: true };

export interface VersionOption {
  /** The version to run. @default what the registry's policy says */
  readonly version?: string;
}

export const VERSION_OPTIONS: OptionNames<VersionOption> = { version: true };

/**
 * The key-value store of an instance: small values that outlive an execution, for the orchestration
 * itself and for clients to read.
 *
 * Reads are local and see every write before them; nothing waits. A store holds at most 150 keys.
 */
export interface KeyValueStore {
  /** Undefined when the key is not there. */
  get<T = unknown>(key: string): T | undefined;
  /**
   * @param key - Any text of at most 1,024 UTF-8 bytes, also an empty one
   * @param value - At most 65,536 UTF-8 bytes once encoded; not `undefined`
   * @throws UsageError `limit_exceeded` when the key is new and the store is full
   * @throws UsageError `payload_too_large` or `not_serializable`
   */
  set(key: string, value: unknown): void;
  /** @returns Whether the key was there */
  delete(key: string): boolean;
  clear(): void;
  /** Sorted by their UTF-16 units. */
  keys(): string[];
  /** In the order of {@link keys}. */
  entries<T = unknown>(): [key: string, value: T][];
  readonly size: number;
  /**
   * Removes the keys that were last written before a point in time.
   *
   * A cutoff at or after the time of this turn ({@link OrchestrationContext.utcNowMs}) removes
   * everything written up to this point, the writes of this turn included.
   *
   * @param cutoff - A date, or milliseconds since the Unix epoch; one before this turn is compared
   *   with the recorded time of the turn that wrote the key
   * @returns How many keys were removed
   */
  pruneUpdatedBefore(cutoff: Date | number): number;
}

/** Fields beside a trace line; JSON values. */
export type TraceFields = Readonly<Record<string, unknown>>;

/**
 * The orchestration's view of the world. Everything on it is deterministic: on replay it gives what
 * it gave the first time.
 *
 * Every method but the traces throws `UsageError` with code `outside_turn` when something that is not
 * durable resumed the code, `scope_closed` in a branch that lost its race, and `execution_ended`
 * after {@link continueAsNew} or after the function returned.
 */
export interface OrchestrationContext {
  readonly instanceId: string;
  /** From 1; grows with each continue-as-new. */
  readonly executionId: number;
  readonly orchestrationName: string;
  readonly orchestrationVersion: string;
  /** Id of the instance that started this one as its child. */
  readonly parentInstanceId: string | undefined;
  /** True while what runs has run before. */
  readonly isReplaying: boolean;
  /** Number of events recorded in this execution up to the current point. */
  readonly historyLength: number;
  /** True from 10,000 events on: time to {@link continueAsNew}. */
  readonly continueAsNewSuggested: boolean;

  /**
   * Schedules an activity. It starts after the turn is committed.
   *
   * @throws ActivityError when awaited, if the activity failed
   * @throws ValidationError at the call, if the input does not satisfy the activity's schema
   * @throws UsageError at the call, `not_serializable` or `payload_too_large`
   */
  scheduleActivity<In, Out>(
    activity: ActivityDefinition<In, Out>,
    ...args: CallArguments<In, undefined>
  ): DurableFuture<Out>;
  scheduleActivity<Out = unknown>(name: string, input?: unknown): DurableFuture<Out>;

  /**
   * Schedules a timer; it survives restarts and keeps no thread busy.
   *
   * @param delay - How long from now (the time of the turn), or `{ until }` for a point in time; one
   *   in the past fires at once
   */
  scheduleTimer(delay: DurationInput | { readonly until: Date }): DurableFuture<void>;

  /**
   * Waits for one external event of this name. Events raised before the wait are lost; use
   * {@link dequeueEvent} when none may be.
   */
  scheduleWait<T>(event: EventDefinition<T>): DurableFuture<T>;
  scheduleWait<T = unknown>(name: string): DurableFuture<T>;

  /** Takes the next message of a queue: kept from the moment it was sent, first in, first out. */
  dequeueEvent<T>(queue: QueueDefinition<T>): DurableFuture<T>;
  dequeueEvent<T = unknown>(name: string): DurableFuture<T>;

  /**
   * Starts a child and gives its result.
   *
   * @throws SubOrchestrationError when awaited, if the child failed, was canceled, or its id is in use
   */
  scheduleSubOrchestration<In, Out>(
    orchestration: OrchestrationDefinition<In, Out>,
    ...args: CallArguments<In, SubOrchestrationOptions>
  ): DurableFuture<Out>;
  scheduleSubOrchestration<Out = unknown>(
    name: string,
    input?: unknown,
    options?: SubOrchestrationOptions,
  ): DurableFuture<Out>;

  /**
   * Starts an independent instance and does not wait for it. An id in use is left alone and logged.
   *
   * @param instanceId - The exact id of the new instance
   */
  scheduleOrchestration<In>(
    orchestration: OrchestrationDefinition<In>,
    instanceId: string,
    ...args: CallArguments<In, VersionOption>
  ): void;
  scheduleOrchestration(
    name: string,
    instanceId: string,
    input?: unknown,
    options?: VersionOption,
  ): void;

  /**
   * The first branch to finish wins; the others are canceled, unless `{ keep: true }` is given. When
   * several are finished already, the leftmost wins. A winner that failed throws: the error says
   * which one it was, as `index` or `key`.
   *
   * In a branch that is a function, what it awaits then throws `CanceledError` (`branch_lost`), and it
   * may clean up, before the code after the `select` goes on.
   *
   * @throws UsageError `invalid_argument` for a branch that an earlier combination has canceled
   */
  select<const B extends readonly Branch[]>(
    branches: B,
    options?: SelectOptions,
  ): DurableFuture<SelectedIndex<B>>;
  select<B extends Readonly<Record<string, Branch>>>(
    branches: B,
    options?: SelectOptions,
  ): DurableFuture<SelectedKey<B>>;
  /** {@link select} of two. */
  select2<A extends Branch, B extends Branch>(
    a: A,
    b: B,
    options?: SelectOptions,
  ): DurableFuture<
    | { readonly index: 0; readonly value: BranchValue<A> }
    | { readonly index: 1; readonly value: BranchValue<B> }
  >;
  /** Waits for all; every outcome in argument order, failures as values. */
  join<const B extends readonly Branch[]>(branches: B): DurableFuture<JoinedOutcomes<B>>;
  /** Waits for all values in argument order; the first failure throws and cancels the rest. */
  all<const B extends readonly Branch[]>(branches: B): DurableFuture<AllValues<B>>;

  /**
   * Ends this execution and starts the next one with an empty history. Never resolves; write
   * `return ctx.continueAsNew(input)`.
   *
   * Unfinished activities, timers, waits and children are canceled; unread queue messages are kept.
   */
  continueAsNew(input?: unknown, options?: VersionOption): Promise<never>;

  /** A random UUID of version 4, the same on replay. */
  newGuid(): string;
  /**
   * Milliseconds since the Unix epoch at the turn being run. Never goes back, in later executions of
   * the instance neither; turns may share a millisecond.
   */
  utcNowMs(): number;
  /** {@link utcNowMs} as a date. */
  utcNow(): Date;
  /** A random number in [0, 1), the same on replay. */
  random(): number;

  /** Sets what clients see as `customStatus` once the turn is committed. */
  setCustomStatus(value: unknown): void;
  resetCustomStatus(): void;
  getCustomStatus(): unknown;

  /** The key-value store of this instance. */
  readonly kv: KeyValueStore;

  /** Logs once: never on replay, and only when the turn that logged is committed. */
  traceDebug(message: string, fields?: TraceFields): void;
  traceInfo(message: string, fields?: TraceFields): void;
  traceWarn(message: string, fields?: TraceFields): void;
  traceError(message: string, fields?: TraceFields): void;
}
