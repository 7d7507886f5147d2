/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The contract between this package and a store.
 *
 * Boundary: storage only. A provider never looks into events, inputs or messages: they are opaque
 * texts. What it must index (status, names, parents, timers, custom status, key-values) is handed
 * over beside them. It makes no decision that belongs to orchestration.
 *
 * A store keeps, for each instance, one row of facts, its history (one row per turn), a queue of
 * messages, its timers, and its outstanding activities. Work is *claimed* by nodes:
 *
 * - A **node** is one runtime. `registerNode` adds it to the store's list of live nodes; leaving the
 *   list (by `removeNode`, or by another node that watched its `renewals` counter stand still for a
 *   whole lease) voids at once everything that the node has claimed. No wall clock is compared
 *   between machines.
 * - An **instance claim** is (node, epoch). `epoch` grows with each claim and is the fencing token.
 * - An **activity claim** is (node, attempt). `attempt` grows with each claim.
 *
 * P1. `write` applies its operations in order, in one transaction, and resolves after it is durable
 *     as far as the store's durability setting says. Either all operations land or none does.
 * P2. An operation that is refused (a lost claim, an unknown instance) has no effect at all, says so
 *     in its outcome, and does not disturb the other operations of the batch.
 * P3. A turn, a heartbeat or a release of a node that is not registered, or whose epoch or attempt is
 *     no longer current, is refused; so is the failure of an activity. The result of an activity counts
 *     from any node, as long as the activity is outstanding: a process that was taken for dead and
 *     lives has done the work.
 * P4. At most one node holds an instance, and at most one node holds an activity.
 * P5. Messages are delivered in the order in which they were written; only messages that a turn
 *     names are removed by it.
 * P6. Ids (events, executions) come from the runtime; a duplicate (instance, execution, first event)
 *     in history is refused as an error of the whole batch.
 * P7. Errors are `ProviderError`s that say whether they are retryable. After a retryable error of
 *     `write` nothing of the batch has happened; or, where the answer was lost on its way, the store
 *     knows the operation objects again when the same ones are written once more, and answers for
 *     those that have landed as it would have the first time.
 * P8. A crash is counted against the work that a node was busy with when another took it off the list
 *     (`NodeTakeover.isCrash`), and against nothing else. The next sign of life of the node takes it
 *     back: its process lives.
 * P9. A note of a stall (`Provider.stallNote`) stands with its node until this is renewed or removed.
 *     Another node that takes the node over while it stands applies the noted release in the same
 *     transaction, after the crash is counted, if its claim is still current.
 * (Semantics sections 18, 20, 21, 26, 27, 30; weaknesses R1, R21, R22, R24, R25, R28, R30.)
 */

import type { EncodedValue, ParentLink } from "../history/event.ts";
import type { Failure } from "../history/failure.ts";
import type { Transaction } from "./transaction.ts";

/** The version of this contract; grows when an existing provider would no longer be correct. */
export const PROVIDER_CONTRACT_VERSION = 1;

/** The store's own name for an instance, never reused; opaque to everyone else. */
export type InstanceKey = number | string;
/** The store's own name for a queued message. */
export type MessageId = number | string;
/** The store's own name for a live runtime, never reused. */
export type NodeId = number | string;

/** Where an instance stands. `Pending`: accepted, no turn yet. */
export type InstanceStatus = "Pending" | "Running" | "Completed" | "Failed" | "Canceled";
/** Where one execution stands. */
export type ExecutionStatus = InstanceStatus | "ContinuedAsNew";

/** The events of one turn, as one opaque row. */
export interface HistoryRow {
  readonly executionId: number;
  readonly firstEventId: number;
  readonly lastEventId: number;
  readonly eventCount: number;
  /** Time of the turn in milliseconds since the Unix epoch. */
  readonly timestampMs: number;
  /** Version of the history format in which `data` is written. */
  readonly format: number;
  readonly data: string;
}

export interface TimerKey {
  readonly executionId: number;
  readonly eventId: number;
  readonly fireAtMs: number;
}

export interface NewTimer extends TimerKey {
  /**
   * True for a timer that waits for a delay rather than for a time of day: a store that sees its wall
   * clock set back moves it, so that it waits no longer than the delay.
   *
   * @default false
   */
  readonly isRelative?: boolean | undefined;
}

export interface ActivityKey {
  readonly executionId: number;
  readonly activityId: number;
}

/** A message for an instance; `body` is opaque. */
export interface OutgoingMessage {
  readonly instanceId: string;
  readonly body: string;
  /**
   * Deliver only to the instance whose `seed` (see {@link StartRequest.runId}) is this one; guards
   * against an instance that was deleted and started again under the same id.
   */
  readonly runId?: string | undefined;
  /**
   * Also wakes a receiver that is parked or whose start is delayed: it is claimable at once, with
   * everything that is queued for it.
   *
   * @default false
   */
  readonly isUrgent?: boolean | undefined;
}

export interface NewActivity {
  readonly activityId: number;
  readonly name: string;
  readonly body: string;
  readonly tag?: string | undefined;
  readonly sessionId?: string | undefined;
  /** Claimed for the committing node from the start, as attempt 1. */
  readonly isClaimed: boolean;
}

/**
 * What happens when the id is in use. `replaceFinished` removes an instance that has finished, if its
 * `runId` is another, with everything that belongs to it and with all of its descendants, finished or
 * not: the next life will want their ids again.
 */
export type IdReusePolicy = "reject" | "ignore" | "replaceFinished";

export interface StartRequest {
  readonly instanceId: string;
  readonly name: string;
  /** The version asked for; empty when the registry's policy decides. */
  readonly version?: string | undefined;
  /** Unique for this start; lets a repeated start of the same request be recognised as itself. */
  readonly runId: string;
  readonly parent?: ParentLink | undefined;
  /** The first message of the instance. */
  readonly body: string;
  /** Not before this time, in milliseconds since the Unix epoch. */
  readonly notBeforeMs?: number | undefined;
  readonly idReuse: IdReusePolicy;
  /** Delivered to `instanceId` when the start is refused because the id is in use. */
  readonly onConflict?: OutgoingMessage | undefined;
}

/** The facts of the instance that a turn changes. */
export interface InstanceChange {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly status?: InstanceStatus | undefined;
  readonly output?: EncodedValue;
  readonly failure?: Failure | undefined;
  readonly customStatus?: { readonly value: EncodedValue } | undefined;
}

/** The end of an execution by continue-as-new; the next one has `executionId + 1`. */
export interface ContinuedExecution {
  readonly executionId: number;
  readonly name: string;
  readonly version: string;
  /** The input that the next execution starts with. */
  readonly output: EncodedValue;
  readonly startedMs: number;
  /** The first message of the next execution, put before all waiting ones. */
  readonly body: string;
}

/** Changes of one key; `value` is absent when the key was cleared. */
export interface KeyValueChange {
  readonly key: string;
  readonly value?: EncodedValue;
  readonly updatedMs: number;
}

export interface KeyValueChanges {
  /** Everything that was stored before goes first. */
  readonly isCleared: boolean;
  readonly changes: readonly KeyValueChange[];
}

/** What one turn of one instance writes (guarantee G1: all of it or nothing). */
export interface TurnEffects {
  /** The execution whose turn this is. */
  readonly executionId: number;
  readonly history: readonly HistoryRow[];
  readonly change?: InstanceChange | undefined;
  readonly continued?: ContinuedExecution | undefined;
  readonly newActivities: readonly NewActivity[];
  readonly cancelledActivities: readonly ActivityKey[];
  readonly newTimers: readonly NewTimer[];
  readonly cancelledTimers: readonly TimerKey[];
  readonly starts: readonly StartRequest[];
  readonly messages: readonly OutgoingMessage[];
  readonly keyValues?: KeyValueChanges | undefined;
}

/** What a turn took in; removed in the same transaction. */
export interface ConsumedWork {
  readonly messages: readonly MessageId[];
  readonly timers: readonly TimerKey[];
  /** Activities finished by this node whose completion is in this turn's history. */
  readonly activities: readonly (ActivityKey & { readonly attempt: number })[];
}

export interface InstanceClaim {
  readonly key: InstanceKey;
  readonly node: NodeId;
  readonly epoch: number;
}

export interface ActivityClaim extends ActivityKey {
  readonly key: InstanceKey;
  readonly node: NodeId;
  readonly attempt: number;
}

export type WriteOperation =
  /**
   * Creates an instance. With `firstTurn` its first turn lands in the same transaction and the
   * instance is held by `node` with epoch 1; the request's `body` is then not queued.
   */
  | {
      readonly kind: "startInstance";
      readonly request: StartRequest;
      readonly firstTurn?: { readonly node: NodeId; readonly effects: TurnEffects } | undefined;
    }
  /** Puts a message into the queue of an unfinished instance. */
  | { readonly kind: "sendMessage"; readonly message: OutgoingMessage }
  /** Lands a turn and resets the instance's count of crashes and its blocked reason. */
  | {
      readonly kind: "commitTurn";
      readonly claim: InstanceClaim;
      readonly consumed: ConsumedWork;
      readonly effects: TurnEffects;
    }
  /**
   * Lands the last turn of an unfinished instance for a caller without a claim:
   * parked, delayed and held instances alike. Every claim on it and on its activities is void then,
   * and nothing of it is left in any queue. Refused when a turn has landed that the caller has not read.
   */
  | {
      readonly kind: "endInstance";
      readonly key: InstanceKey;
      /** The last event of the execution that the caller has read; 0 when there was none. */
      readonly lastEventId: number;
      /** Those of a turn that ends the instance. */
      readonly effects: TurnEffects;
    }
  /** Puts the completion of an activity into its instance's queue and removes the activity. */
  | {
      readonly kind: "completeActivity";
      readonly claim: ActivityClaim;
      readonly body: string;
      /**
       * True for a result: it counts from any node as long as the activity is outstanding.
       * Another completion counts from the current holder only: a failure may come of losing the claim. (P3)
       *
       * @default false
       */
      readonly isResult?: boolean | undefined;
    }
  /** Hands an activity back, at once or after a delay. */
  | {
      readonly kind: "releaseActivity";
      readonly claim: ActivityClaim;
      readonly visibleAtMs: number;
      /** False takes the attempt back, never below 0. */
      readonly isAttemptCounted: boolean;
      /**
       * True counts as a crash: what it ended with can never land.
       *
       * @default false
       */
      readonly isCrash?: boolean | undefined;
    }
  /** Keeps the progress of a running activity for its next attempt. */
  | {
      readonly kind: "heartbeatActivity";
      readonly claim: ActivityClaim;
      readonly details: EncodedValue;
    }
  /** Hands an instance back, with everything still queued. */
  | {
      readonly kind: "releaseInstance";
      readonly claim: InstanceClaim;
      readonly visibleAtMs: number;
      /** Why it cannot go on, shown to clients until its next turn lands; null clears it. */
      readonly blocked?: BlockedReason | null | undefined;
    };

/** Hands an instance back. */
export type InstanceRelease = Extract<WriteOperation, { readonly kind: "releaseInstance" }>;

/** How another thread of this process writes a note into the store. */
export interface StallNote {
  /**
   * The body of a function of `require` and `data`, for `new Function`; what it returns is awaited.
   * It opens a connection of its own and closes it, and waits for locks a few seconds at most.
   */
  readonly source: string;
  /** A value that JSON can hold. */
  readonly data: unknown;
}

/** Why an instance is parked. */
export interface BlockedReason {
  readonly code: string;
  readonly message: string;
  readonly sinceMs: number;
  readonly eventId?: number | undefined;
  readonly expected?: string | undefined;
  readonly actual?: string | undefined;
  /** The line of user code, when known. */
  readonly source?: string | undefined;
}

/** A message that a committed operation put into a queue, so that its receiver needs no read. */
export interface DeliveredMessage {
  readonly instanceId: string;
  readonly key: InstanceKey;
  readonly message: QueuedMessage;
}

export type WriteOutcome =
  | {
      readonly kind: "started";
      readonly key: InstanceKey;
      readonly delivered: readonly DeliveredMessage[];
      /** Those of its first turn that were refused because their id is in use. */
      readonly refusedStarts: readonly string[];
    }
  /** `isSame`: the very same request (same `runId`) was accepted before. */
  | { readonly kind: "idInUse"; readonly existing: InstanceRow; readonly isSame: boolean }
  | {
      readonly kind: "committed";
      readonly delivered: readonly DeliveredMessage[];
      /** Outgoing messages whose receiver is unknown or finished, and messages left unread at the end. */
      readonly droppedMessageCount: number;
      /** Detached or child starts refused because the id is in use. */
      readonly refusedStarts: readonly string[];
      /**
       * The row of an instance that has ended with this turn, as a read would give it: where the store
       * has it at hand, those who wait for it need no read of their own.
       */
      readonly ended?: InstanceRow | undefined;
    }
  | { readonly kind: "accepted"; readonly delivered: readonly DeliveredMessage[] }
  | { readonly kind: "unknownInstance" }
  | { readonly kind: "finishedInstance" }
  /** The claim, or what the caller has read, is not current: another node took over, or the work is gone. */
  | { readonly kind: "claimLost"; readonly reason: string };

export interface QueuedMessage {
  readonly id: MessageId;
  readonly body: string;
}

/** An instance handed to a node, with everything needed to go on. */
export interface ClaimedInstance {
  readonly claim: InstanceClaim;
  readonly instanceId: string;
  /** The epoch before this claim: a node that held exactly that one may trust what it remembers. */
  readonly previousEpoch: number;
  /** Crashes of nodes that had a turn of it to do, since the last turn that landed. (P8) */
  readonly crashes: number;
  readonly row: InstanceRow;
  readonly messages: readonly QueuedMessage[];
  readonly dueTimers: readonly TimerKey[];
  /** History of the current execution; absent when `previousEpoch` equals the epoch the node said it remembers. */
  readonly history?: readonly HistoryRow[] | undefined;
  /** Key-values at the start of the current execution. */
  readonly keyValues: ReadonlyMap<
    string,
    { readonly value: EncodedValue; readonly updatedMs: number }
  >;
}

export interface ClaimedActivity {
  readonly claim: ActivityClaim;
  readonly instanceId: string;
  /** Deliveries of it that ended in a crash. (P8) */
  readonly crashes: number;
  readonly name: string;
  readonly body: string;
  readonly tag?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly heartbeat: EncodedValue;
}

/** What arrived for instances that the node holds already. */
export interface HeldInstanceWork {
  readonly key: InstanceKey;
  readonly messages: readonly QueuedMessage[];
  readonly dueTimers: readonly TimerKey[];
}

/**
 * Which work is wanted, by the crashes that it has behind it. Work that has outlived many processes
 * is tried alone, so that what is claimed beside a culprit is not taken for one.
 */
export interface CrashRange {
  readonly from: number;
  readonly below: number;
}

export interface ClaimInstancesRequest {
  readonly node: NodeId;
  /** Most instances to claim, at least 1. */
  readonly limit: number;
  /** Epochs of instances that the node remembers from earlier claims. */
  readonly remembered: ReadonlyMap<InstanceKey, number>;
  /** @default any */
  readonly crashes?: CrashRange | undefined;
}

export interface ClaimActivitiesRequest {
  readonly node: NodeId;
  readonly limit: number;
  /** @default any */
  readonly crashes?: CrashRange | undefined;
}

/**
 * The code that a node has. It is handed the work that it has code for, and work that no live node
 * has code for: the node parks that with its reason. A name alone fits an instance whose version has
 * not been chosen yet.
 */
export interface NodeCode {
  readonly orchestrations: readonly {
    readonly name: string;
    readonly versions: readonly string[];
  }[];
  readonly activities: readonly string[];
}

export interface NodeDescription {
  /** Where the node runs, for operators. */
  readonly label: string;
  readonly leaseMs: number;
  /** @default code for everything */
  readonly code?: NodeCode | undefined;
}

export interface NodeRow extends NodeDescription {
  readonly id: NodeId;
  /** Grows with each renewal; a node whose counter stands still for `leaseMs` is dead. */
  readonly renewals: number;
  /** True when the store can prove that the node's process is gone. */
  readonly isProvablyDead: boolean;
  /** True when the store can prove that it is there, however silent: paused, or busy. */
  readonly isProvablyAlive: boolean;
}

/** How a node is taken off the list by another one. */
export interface NodeTakeover {
  /** Only while its counter still has this value. */
  readonly ifRenewals: number;
  /** Whether this counts as a crash against what it was busy with. (P8) */
  readonly isCrash: boolean;
}

/** The stored facts of an instance. */
export interface InstanceRow {
  readonly key: InstanceKey;
  readonly instanceId: string;
  readonly name: string;
  /** Empty until the first turn has resolved it. */
  readonly version: string;
  readonly runId: string;
  readonly status: InstanceStatus;
  readonly executionId: number;
  readonly output: EncodedValue;
  readonly failure?: Failure | undefined;
  readonly customStatus: EncodedValue;
  /** Grows with each turn that sets or resets the custom status. */
  readonly customStatusVersion: number;
  readonly blocked?: BlockedReason | undefined;
  readonly parent?: ParentLink | undefined;
  readonly createdMs: number;
  /** Time of the last turn. */
  readonly updatedMs: number;
}

export interface ExecutionRow {
  readonly executionId: number;
  readonly name: string;
  readonly version: string;
  readonly status: ExecutionStatus;
  readonly output: EncodedValue;
  readonly failure?: Failure | undefined;
  readonly startedMs: number;
  readonly completedMs?: number | undefined;
  readonly eventCount: number;
}

export interface ListQuery {
  readonly statuses?: readonly InstanceStatus[] | undefined;
  readonly name?: string | undefined;
  readonly idPrefix?: string | undefined;
  readonly createdAfterMs?: number | undefined;
  readonly createdBeforeMs?: number | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface ListPage {
  /** Newest first. */
  readonly rows: readonly InstanceRow[];
  /** Absent on the last page. */
  readonly cursor?: string | undefined;
}

/** What another process may have changed. */
export interface StoreChange {
  /**
   * The instances whose rows are no longer the same, or of which activities that another node runs were
   * canceled; undefined when it may be any.
   */
  readonly instanceIds?: readonly string[] | undefined;
  /** Whether there may be something to claim, or news for an instance that is held. */
  readonly hasWork: boolean;
}

/** Transactions that the store's operations and the user's own statements share. */
export interface ProviderTransactions {
  /**
   * Runs `work` in a new transaction, which is committed when the promise fulfils and rolled back
   * when it rejects. One transaction may be open per call; calls do not wait for each other longer
   * than the store's own locks demand.
   *
   * @throws what `work` throws; ProviderError when the store fails. With a retryable error nothing
   *   has happened.
   */
  run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /**
   * Applies operations inside a transaction that the caller ends: they land if it does. P1 to P6
   * hold, but for durability. Other processes, and this one, learn of them after the commit.
   *
   * @param transaction - One of {@link run}, or the driver's own connection inside a transaction that
   *   the user has begun
   * @throws UsageError `invalid_argument` when it is neither
   */
  write(
    transaction: unknown,
    operations: readonly WriteOperation[],
  ): Promise<readonly WriteOutcome[]>;
}

/** A store. Every method rejects with `ProviderError` and nothing else. */
export interface Provider extends AsyncDisposable {
  /** Such as `sqlite`; shown in logs. */
  readonly name: string;
  readonly contractVersion: number;
  /** Which data it is, for errors, such as `store "/srv/orders.db"`; without secrets. */
  readonly location?: string;
  /**
   * Most operations that it wants in one {@link write}, at least 1: a store that keeps the event loop
   * from turning while it writes wants few. At most 512, which is the default.
   */
  readonly batchMax?: number;

  /** The store's time in milliseconds since the Unix epoch; all stored times come from it. */
  nowMs(): number;

  /** See P1 to P7. Outcomes are in the order of the operations. */
  write(operations: readonly WriteOperation[]): Promise<readonly WriteOutcome[]>;

  /**
   * Claims instances that have visible messages or due timers and no live holder, oldest work first.
   * What turns up late may be passed over for 5 s, while more waits than is asked for.
   */
  claimInstances(request: ClaimInstancesRequest): Promise<readonly ClaimedInstance[]>;
  /** Claims activities that are visible and have no live holder, oldest first, as `claimInstances`. */
  claimActivities(request: ClaimActivitiesRequest): Promise<readonly ClaimedActivity[]>;
  /** Whether a claim would find anything; changes nothing. */
  hasClaimableWork(): Promise<boolean>;
  /**
   * Reads what is queued for instances that the node holds. May repeat what the node has seen but
   * not yet consumed.
   */
  readHeldWork(node: NodeId, limit: number): Promise<readonly HeldInstanceWork[]>;
  /**
   * When the next timer, delayed message or delayed activity after `afterMs` becomes due, if any.
   * What was due before is claimable now, or is held by another node and its business.
   */
  nextDueMs(afterMs: number): Promise<number | undefined>;
  /** Which of these claims are no longer current. */
  findLostActivities(claims: readonly ActivityClaim[]): Promise<readonly ActivityClaim[]>;
  /**
   * Makes every parked instance and every activity that was handed back for later claimable at once;
   * called when a runtime with (perhaps) other code starts. Delayed starts keep waiting.
   */
  unblockWork(): Promise<void>;

  registerNode(description: NodeDescription): Promise<NodeId>;
  /**
   * False when the node is no longer registered: everything it held is void. Crashes that its removal
   * by another has counted are taken back then. (P8)
   */
  renewNode(node: NodeId): Promise<boolean>;
  listNodes(): Promise<readonly NodeRow[]>;
  /**
   * Takes a node off the list and frees what it held.
   *
   * @param takeover - Absent when the node itself leaves; should another have removed it before, then
   *   crashes that this has counted are taken back (P8)
   * @returns Whether it was removed
   */
  removeNode(node: NodeId, takeover?: NodeTakeover): Promise<boolean>;

  /**
   * Says how to note, from another thread, that the event loop of this process stands still inside a
   * turn: the note parks the instance should the node be taken over (P9). Called through the debugger
   * in the middle of anything: it must neither wait nor touch a connection. Absent, or undefined, where
   * another thread cannot reach the store: then the instance is only handed on.
   *
   * @param release - Of the claim whose turn is under way
   */
  stallNote?(release: InstanceRelease): StallNote | undefined;

  readInstances(instanceIds: readonly string[]): Promise<readonly InstanceRow[]>;
  readHistory(instanceId: string, executionId: number): Promise<readonly HistoryRow[] | undefined>;
  /**
   * What is queued for an instance, hidden or not, in the order of its delivery; empty when the
   * instance is unknown or has finished.
   */
  readMessages(instanceId: string): Promise<readonly QueuedMessage[]>;
  /** Oldest first; empty when the instance is unknown. */
  listExecutions(instanceId: string): Promise<readonly ExecutionRow[]>;
  listInstances(query: ListQuery): Promise<ListPage>;
  /** Direct children, oldest first. */
  listChildren(instanceId: string): Promise<readonly InstanceRow[]>;
  readKeyValues(
    instanceId: string,
  ): Promise<
    ReadonlyMap<string, { readonly value: EncodedValue; readonly updatedMs: number }> | undefined
  >;

  /**
   * Calls `listener` soon after another process may have changed the store, and misses nothing for
   * good: a store whose notifications may be lost asks again by itself, slowly. {@link close} calls it
   * once more, so that those who wait learn of it.
   *
   * @returns A function that ends the watch
   */
  watch(listener: (change: StoreChange) => void): () => void;

  /** Absent where no statements of the user can share a transaction with the store's own. */
  readonly transactions?: ProviderTransactions | undefined;

  /** Idempotent. Operations under way end first; later calls reject with `closed`. */
  close(): Promise<void>;
}
