/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The SQLite store: one file (or this process's memory), one connection, any number of processes.
 *
 * Boundary: turns the contract's methods into transactions and errors into `ProviderError`s; what
 * happens inside a transaction is `write.ts` and `claims.ts`.
 *
 * I1. Every method runs to its end in one go; only waiting for another process's lock, or for the end
 *     of a transaction of the user, is a wait. So calls land in the order in which they were made,
 *     unless one of them has to wait.
 * I2. Statements are prepared once, when the store is opened.
 * I3. What was acknowledged is durable (`write`); claims and leases need not be, see
 *     {@link Connection.fleetingTransaction}.
 * I4. Nothing is acknowledged that was written to files that have left their place (`file-in-place.ts`).
 */

import { assertMaker, guardMethods, MAKER } from "../../foundation/own-object.ts";
import { createDeferred, type Deferred } from "../../foundation/deferred.ts";
import type { Transaction } from "../../foundation/transaction.ts";
import { ProviderError } from "../../provider/errors.ts";
import {
  type ActivityClaim,
  type ClaimActivitiesRequest,
  type ClaimedActivity,
  type ClaimedInstance,
  type ClaimInstancesRequest,
  type ExecutionRow,
  type HeldInstanceWork,
  type HistoryRow,
  type InstanceRelease,
  type InstanceRow,
  type ListPage,
  type ListQuery,
  type NodeDescription,
  type NodeId,
  type NodeRow,
  type NodeTakeover,
  PROVIDER_CONTRACT_VERSION,
  type Provider,
  type ProviderTransactions,
  type QueuedMessage,
  type StallNote,
  type StoreChange,
  type WriteOperation,
  type WriteOutcome,
} from "../../provider/provider.ts";
import { waitWhileBusy } from "./busy.ts";
import { ChangeWatch } from "./change-watch.ts";
import { ClockSteps } from "./clock-steps.ts";
import {
  ANY_WORK,
  claimActivities,
  claimInstances,
  hasClaimableInstance,
  readHeldWork,
  toFilter,
} from "./claims.ts";
import { listExecutions } from "./executions.ts";
import { tellsOfWrites } from "./file-system.ts";
import { MEMORY, parseFileName } from "./file-name.ts";
import { Gate } from "./gate.ts";
import type { KeyValueMap } from "./key-values.ts";
import { Listing } from "./listing.ts";
import { type OpenStore, openStore } from "./open-store.ts";
import { parseOptions, type SqliteOptions, type StoreSettings } from "./options.ts";
import { type ProcessIdentity, readProcessIdentity } from "./process-identity.ts";
import { parseStall, toStallNote } from "./stall-note.ts";
import { isBusy, toProviderError } from "./store-errors.ts";
import { prepareTables, type Tables } from "./tables.ts";
import { Transactions } from "./transactions.ts";
import { applyOperations, isAwaited } from "./write.ts";

/** A store in a SQLite file. */
export class SqliteProvider implements Provider {
  readonly name: string = "sqlite";
  readonly contractVersion: number = PROVIDER_CONTRACT_VERSION;
  /** Some 4 ms of the event loop: larger ones are a few per cent faster, and pauses grow with them. */
  readonly batchMax: number = 96;

  readonly #store: OpenStore;
  readonly #settings: StoreSettings;
  readonly #tables: Tables;
  readonly #listing: Listing;
  readonly #watch: ChangeWatch;
  readonly #gate: Gate;
  readonly #shared: Transactions;
  readonly #clockSteps: ClockSteps;
  readonly #self: ProcessIdentity;
  #callCount = 0;
  #idle: Deferred<void> | undefined;
  #closing: Promise<void> | undefined;

  static {
    guardMethods(this, "store", (it) => #store in it);
  }

  private constructor(maker: typeof MAKER, store: OpenStore, settings: StoreSettings) {
    assertMaker(maker, "store", "await SqliteProvider.open(file)");
    this.#store = store;
    this.#settings = settings;
    this.#tables = prepareTables(store.connection);
    this.#clockSteps = new ClockSteps(store.connection, settings.clock);
    this.#listing = new Listing(store.connection, this.#tables.instances);
    const { place, file } = store; // No other process can reach this memory.
    this.#watch = new ChangeWatch(store.connection, {
      file,
      place,
      pollMs: settings.changePollMs,
      isTold: file === undefined || tellsOfWrites(file),
    });
    this.#gate = new Gate(settings.busyTimeoutMs, store.subject);
    this.#shared = new Transactions({
      store,
      tables: this.#tables,
      gate: this.#gate,
      busyTimeoutMs: settings.busyTimeoutMs,
      nowMs: () => this.nowMs(),
      onCommitted: () => this.#watch.announce(),
    });
    this.#self = readProcessIdentity();
  }

  /**
   * Opens a file, and creates it when it does not exist.
   *
   * @param file - A path, or a URL of a file; `:memory:` for a store that lives in this process alone
   * @throws ProviderError
   * - `store_not_found`: its folder does not exist; also thrown by every call once the file, its log
   *   or its index was removed or replaced
   * - `store_not_ours`: it is no SQLite database, or one of another program; it was not touched
   * - `store_too_new`: a newer version of this package wrote it; it was not touched
   * - `store_read_only`: the file or its folder cannot be written
   * - `store_unsafe`: another SQLite library of this process has it open, or it has a second name
   * - `store_busy`: another process kept it locked for longer than `busyTimeout`
   * - `store_corrupt`: it is damaged; also thrown by every call once it was cut while it was open
   * - `sqlite_binding_missing`: there is no SQLite for this Node
   * @throws UsageError `invalid_duration` for an option; `invalid_argument` for what is no path, such
   *   as a connection string
   */
  static async open(file: string | URL, options: SqliteOptions = {}): Promise<SqliteProvider> {
    const settings = parseOptions(options);
    return new SqliteProvider(MAKER, await openStore(parseFileName(file), settings), settings);
  }

  /** Opens a store that lives in this process and ends with it; any number of runtimes may share it. */
  static inMemory(options: SqliteOptions = {}): Promise<SqliteProvider> {
    return SqliteProvider.open(MEMORY, options);
  }

  get location(): string {
    return this.#store.subject;
  }

  readonly transactions: ProviderTransactions = {
    run: (work) => this.#underWay(() => this.#shared.run(work)),
    write: (transaction, operations) => this.#shared.write(transaction, operations),
  };

  /**
   * Runs `work` in a transaction of the database. Pass it to methods of a client, and they land
   * together with your own rows or not at all.
   *
   * While it is open nothing else is written to the store, and a store in memory is not read either:
   * keep it short, and await nothing in it that needs the store without it.
   *
   * @returns What `work` returns, after the commit
   * @throws what `work` throws, after everything was rolled back; ProviderError when the store fails
   * @throws UsageError `invalid_argument` inside another transaction of this store
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.transactions.run(work);
  }

  nowMs(): number {
    return this.#settings.clock.nowMs();
  }

  write(operations: readonly WriteOperation[]): Promise<readonly WriteOutcome[]> {
    const { connection, place } = this.#store;
    return this.#call("write to", () => {
      const outcomes = this.#followClock(
        (work) => connection.transaction(work),
        () => applyOperations(this.#tables, this.nowMs(), operations),
      );
      if (operations.some(isAwaited))
        place?.assert(); // (I4)
      else place?.assertNowAndThen("writes");
      return outcomes;
    });
  }

  claimInstances(request: ClaimInstancesRequest): Promise<readonly ClaimedInstance[]> {
    return this.#call("claim instances of", () => {
      const nowMs = this.nowMs();
      // Most calls find nothing, and then the write lock is not theirs to take.
      const filter = toFilter(this.#tables, request);
      if (filter === undefined || !hasClaimableInstance(this.#tables, nowMs, filter)) return [];
      return this.#store.connection.fleetingTransaction(() =>
        claimInstances(this.#tables, nowMs, request),
      );
    });
  }

  claimActivities(request: ClaimActivitiesRequest): Promise<readonly ClaimedActivity[]> {
    return this.#call("claim activities of", () => {
      const nowMs = this.nowMs();
      const filter = toFilter(this.#tables, request);
      if (filter === undefined || !this.#tables.activities.hasWaiting(nowMs, filter)) return [];
      return this.#store.connection.fleetingTransaction(() =>
        claimActivities(this.#tables, nowMs, request),
      );
    });
  }

  hasClaimableWork(): Promise<boolean> {
    return this.#read(() => {
      const nowMs = this.nowMs();
      return (
        hasClaimableInstance(this.#tables, nowMs, ANY_WORK) ||
        this.#tables.activities.hasWaiting(nowMs, ANY_WORK)
      );
    });
  }

  readHeldWork(node: NodeId, limit: number): Promise<readonly HeldInstanceWork[]> {
    return this.#read(() => readHeldWork(this.#tables, this.nowMs(), node as number, limit));
  }

  nextDueMs(afterMs: number): Promise<number | undefined> {
    return this.#read(() => {
      const { messages, timers, activities, instances } = this.#tables;
      const due = [
        messages.nextDueMs(afterMs),
        timers.nextDueMs(afterMs),
        activities.nextDueMs(afterMs),
        instances.nextRetryMs(afterMs),
      ].filter((ms) => ms !== undefined);
      return due.length === 0 ? undefined : Math.min(...due);
    });
  }

  findLostActivities(claims: readonly ActivityClaim[]): Promise<readonly ActivityClaim[]> {
    return this.#read(() => {
      const { nodes, activities } = this.#tables;
      return claims.filter((claim) => !nodes.has(claim.node) || !activities.isClaimed(claim));
    });
  }

  unblockWork(): Promise<void> {
    return this.#call("write to", () => {
      const nowMs = this.nowMs();
      this.#store.connection.fleetingTransaction(() => {
        this.#tables.messages.unblock(nowMs);
        this.#tables.instances.unblock(nowMs);
        this.#tables.activities.unblock(nowMs);
      });
    });
  }

  registerNode(description: NodeDescription): Promise<NodeId> {
    return this.#call("write to", () =>
      this.#store.connection.fleetingTransaction(() =>
        this.#tables.nodes.insert(description, this.#self),
      ),
    );
  }

  renewNode(node: NodeId): Promise<boolean> {
    return this.#call("write to", () => {
      this.#store.place?.assert();
      const { connection } = this.#store;
      return this.#followClock(
        (work) => connection.fleetingTransaction(work),
        () => {
          const isRenewed = this.#tables.nodes.renew(node);
          if (!isRenewed) this.#takeBackCrash(node);
          return isRenewed;
        },
      );
    });
  }

  listNodes(): Promise<readonly NodeRow[]> {
    return this.#read(() => this.#tables.nodes.readAll(this.#self));
  }

  removeNode(node: NodeId, takeover?: NodeTakeover): Promise<boolean> {
    const { nodes, activities } = this.#tables;
    return this.#call("write to", () =>
      this.#store.connection.fleetingTransaction(() => {
        if (takeover !== undefined) this.#settleTurns(node, takeover);
        const isRemoved = nodes.remove(node, takeover?.ifRenewals);
        if (isRemoved) activities.releaseNode(node);
        else if (takeover === undefined) this.#takeBackCrash(node);
        return isRemoved;
      }),
    );
  }

  /** Runs `work` in a transaction that first moves what a clock that was set back would hold up. */
  #followClock<T>(transaction: (work: () => T) => T, work: () => T): T {
    let onMoved: (() => void) | undefined;
    const result = transaction(() => {
      onMoved = this.#clockSteps.follow();
      return work();
    });
    if (onMoved === undefined) return result;
    onMoved();
    this.#watch.announce(); // What is due next is due earlier now.
    return result;
  }

  /** (P8, P9) Runs inside a transaction, while the node is still there. */
  #settleTurns(node: NodeId, { ifRenewals, isCrash }: NodeTakeover): void {
    const { nodes, activities, instances } = this.#tables;
    const found = nodes.readStall(node, ifRenewals);
    if (found === undefined) return;
    if (isCrash) {
      activities.countCrash(node);
      instances.countCrash(node, this.nowMs());
    }
    const { stall } = found;
    if (stall !== null) applyOperations(this.#tables, this.nowMs(), [parseStall(stall)]);
  }

  /** See {@link Provider.stallNote}; undefined in memory, and with a binding of the user. */
  stallNote(release: InstanceRelease): StallNote | undefined {
    const hasOwnBinding = this.#settings.binding !== undefined;
    return toStallNote(release, { file: this.#store.file, self: this.#self, hasOwnBinding });
  }

  /** (P8) Runs inside a transaction. */
  #takeBackCrash(node: NodeId): void {
    this.#tables.activities.takeBackCrash(node);
    this.#tables.instances.takeBackCrash(node);
  }

  readInstances(instanceIds: readonly string[]): Promise<readonly InstanceRow[]> {
    return this.#read(() => {
      const rows: InstanceRow[] = [];
      for (const id of instanceIds) {
        const row = this.#tables.instances.readById(id);
        if (row !== undefined) rows.push(row);
      }
      return rows;
    });
  }

  readHistory(instanceId: string, executionId: number): Promise<readonly HistoryRow[] | undefined> {
    return this.#read(() => {
      const row = this.#tables.instances.readById(instanceId);
      if (row === undefined || executionId < 1 || executionId > row.executionId) return undefined;
      return this.#tables.history.read(row.key as number, executionId);
    });
  }

  readMessages(instanceId: string): Promise<readonly QueuedMessage[]> {
    return this.#read(() => {
      const receiver = this.#tables.instances.readReceiver(instanceId);
      if (receiver === undefined) return [];
      return this.#tables.messages.read([receiver.seq]).get(receiver.seq) ?? [];
    });
  }

  listExecutions(instanceId: string): Promise<readonly ExecutionRow[]> {
    return this.#read(() => listExecutions(this.#tables, instanceId));
  }

  listInstances(query: ListQuery): Promise<ListPage> {
    return this.#read(() => this.#listing.read(query));
  }

  listChildren(instanceId: string): Promise<readonly InstanceRow[]> {
    return this.#read(() => this.#tables.instances.readChildren(instanceId));
  }

  readKeyValues(instanceId: string): Promise<KeyValueMap | undefined> {
    return this.#read(() => {
      const receiver = this.#tables.instances.readReceiver(instanceId);
      return receiver && this.#tables.keyValues.readMerged(receiver.seq);
    });
  }

  watch(listener: (change: StoreChange) => void): () => void {
    return this.#closing === undefined ? this.#watch.add(listener) : () => undefined;
  }

  close(): Promise<void> {
    // Listeners that are notified find the store closed.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** In a file, reads go on beside an open transaction. */
  #read<T>(work: () => T): Promise<T> {
    if (this.#store.file === undefined) return this.#call("read", work);
    return this.#call("read", work, (read) => waitWhileBusy(this.#settings.busyTimeoutMs, read));
  }

  #call<T>(doing: string, work: () => T, wait?: (work: () => T) => Promise<T>): Promise<T> {
    return (
      this.#callAtOnce(doing, work, wait) ??
      this.#callInTurn(doing, work, wait ?? ((write) => this.#gate.pass(write)))
    );
  }

  /** The common case, without a wait and its promises. @returns Undefined when it has to wait */
  #callAtOnce<T>(doing: string, work: () => T, wait: unknown): Promise<T> | undefined {
    if (wait !== undefined || this.#gate.isTaken) return undefined;
    try {
      this.#assertOpen();
      this.#store.place?.assertNowAndThen("reads");
      return Promise.resolve(work());
    } catch (error) {
      if (isBusy(error)) return undefined;
      return Promise.reject(toProviderError(error, doing, this.#store.subject));
    }
  }

  #callInTurn<T>(doing: string, work: () => T, wait: (work: () => T) => Promise<T>): Promise<T> {
    return this.#underWay(async () => {
      try {
        this.#store.place?.assertNowAndThen("reads");
        return await wait(work);
      } catch (error) {
        throw toProviderError(error, doing, this.#store.subject);
      }
    });
  }

  async #underWay<T>(work: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    this.#callCount += 1;
    try {
      return await work();
    } finally {
      this.#callCount -= 1;
      if (this.#callCount === 0) this.#idle?.resolve();
    }
  }

  async #close(): Promise<void> {
    this.#watch.close();
    if (this.#callCount > 0) {
      this.#idle = createDeferred();
      await this.#idle.promise;
    }
    try {
      this.#shared.close();
      this.#store.disconnect(this.#store.connection);
    } catch (error) {
      throw toProviderError(error, "close", this.#store.subject);
    }
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new ProviderError(
      "closed",
      `Cannot use ${this.#store.subject}: it is closed; open it again`,
      { retryable: false },
    );
  }
}
