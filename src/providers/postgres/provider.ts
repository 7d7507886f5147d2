/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The PostgreSQL store: any number of processes on one schema of one database.
 *
 * Boundary: turns the contract's methods into calls of the schema's functions and errors into
 * `ProviderError`s; what happens inside a transaction is written in `schema/`.
 *
 * I1. A batch, a claim, a read of held work: each is one statement, one round trip, one transaction.
 * I2. Commits, claims, renewals and reads have connections of their own (see `lane.ts`).
 * I3. All times are the server's (see `clock.ts`).
 * I4. An answer that is lost changes nothing (see `batch-writer.ts`, `claimer.ts`, `transactions.ts`).
 * I5. Nothing is kept in a session but the listening: it works behind a pooler in transaction mode.
 */

import { systemClock } from "../../foundation/clock.ts";
import { assertMaker, guardMethods, MAKER } from "../../foundation/own-object.ts";
import { systemRandom } from "../../foundation/random.ts";
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
  type StoreChange,
  type WriteOperation,
  type WriteOutcome,
} from "../../provider/provider.ts";
import { waitForStore } from "../../provider/wait-for-store.ts";
import { escapeText, parseStoredJson } from "../../provider/texts.ts";
import type { Transaction } from "../../provider/transaction.ts";
import { describeStore } from "./address.ts";
import { BatchWriter } from "./batch-writer.ts";
import { type ClaimAnswer, Claimer, type ClaimTicket, toClaimValues } from "./claimer.ts";
import { ServerClock } from "./clock.ts";
import {
  type ClaimedActivityAnswer,
  type ClaimedInstanceAnswer,
  type HeldWorkAnswer,
  type KeyValueMap,
  toClaimedActivity,
  toClaimedInstance,
  toHeldWork,
  toInstanceRow,
  type InstanceAnswer,
} from "./decode.ts";
import type { PgPool } from "./driver.ts";
import { Connections } from "./connections.ts";
import { encodeCode, toStorableJson } from "./encode.ts";
import { readExecutions, readHistory, readKeyValues, readMessages } from "./executions.ts";
import { type LaneName, type Lanes, openLanes } from "./lane.ts";
import { ChangeListener } from "./listener.ts";
import { listInstances } from "./listing.ts";
import { channelOf, inSchema, migrate, toScript } from "./migrate.ts";
import {
  type MigrationScriptOptions,
  parseOptions,
  parseScriptOptions,
  type PostgresOptions,
  type StoreSettings,
  withoutListening,
} from "./options.ts";
import {
  CLAIM_ACTIVITIES,
  CLAIM_INSTANCES,
  FIND_LOST,
  HAS_WORK,
  LIST_CHILDREN,
  LIST_NODES,
  NEXT_DUE,
  OPEN,
  READ_HELD,
  READ_INSTANCES,
  READ_VERSION,
  REGISTER,
  REMOVE_NODE,
  RENEW,
  TAKE_BACK_CRASH,
  UNBLOCK,
  WRITE,
} from "./statements.ts";
import { toProviderError } from "./store-errors.ts";
import { openPool, type OpenedPool } from "./pool.ts";
import { settledWithin } from "./time-limit.ts";
import { Transactions } from "./transactions.ts";

/** Rows of processes that have not written for so long are taken away, in milliseconds. */
const WRITER_MS_MAX = 86_400_000;

/** Of the lanes, and one that listens; with fewer the lanes share what there is. */
const CONNECTIONS_NEEDED = 6;
/** One listens, one has a transaction of the user, and one does the work. */
const CONNECTIONS_TO_LISTEN = 3;
/** Longest wait for what is under way at the end, in milliseconds. */
const CLOSE_MS_MAX = 10_000;

/** A store in a PostgreSQL database. */
export class PostgresProvider implements Provider {
  readonly name: string = "postgres";
  readonly contractVersion: number = PROVIDER_CONTRACT_VERSION;
  /** More at once would be a little faster, and hold the event loop up for longer than 10 ms. */
  readonly batchMax: number = 128;
  readonly transactions: ProviderTransactions;
  readonly stallNote: OpenedPool["stallNote"];

  readonly #pool: PgPool;
  readonly #isPoolOurs: boolean;
  readonly #connections: Connections;
  readonly #settings: StoreSettings;
  readonly #subject: string;
  readonly #writerId: string = systemRandom.uuid();
  readonly #clock = new ServerClock(systemClock);
  readonly #lanes: Lanes;
  readonly #writer: BatchWriter;
  readonly #instanceClaims = new Claimer();
  readonly #activityClaims = new Claimer();
  readonly #listener: ChangeListener;
  readonly #localListeners = new Set<(change: StoreChange) => void>();
  /** Statements with the name of the schema. */
  readonly #texts = new Map<string, string>();
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  /** Without password. */
  get location(): string {
    return this.#subject;
  }

  static {
    guardMethods(this, "store", (it) => #pool in it);
  }

  private constructor(maker: typeof MAKER, opened: OpenedPool, settings: StoreSettings) {
    assertMaker(maker, "store", "await PostgresProvider.connect(url)");
    const { pool, isOurs, at, stallNote } = opened;
    this.#pool = pool;
    this.stallNote = stallNote;
    this.#isPoolOurs = isOurs;
    this.#subject = describeStore(settings.schema, at);
    const timeoutMs = settings.queryTimeoutMs;
    const connections = new Connections(pool, { timeoutMs, subject: this.#subject });
    this.#connections = connections;
    this.#settings =
      connections.size < CONNECTIONS_TO_LISTEN ? withoutListening(settings) : settings;
    this.#lanes = openLanes(connections);
    this.#writer = new BatchWriter(
      (batch, { operations, keys, ids, nodes }) =>
        this.#ask("commits", WRITE, [this.#writerId, batch, operations, keys, ids, nodes]),
      (ms, sentMs) => this.#clock.note(ms, sentMs),
    );
    this.#listener = new ChangeListener({
      connections,
      channel: channelOf(settings.schema),
      writer: this.#writerId,
      hasNotifications: this.#settings.hasNotifications,
      pollMs: this.#settings.pollMs,
      timeoutMs,
      readVersion: () => this.#ask("reads", READ_VERSION, [this.#writerId]),
    });
    this.transactions = new Transactions({
      connections,
      width: Math.max(1, connections.size - CONNECTIONS_NEEDED),
      timeoutMs,
      schema: settings.schema,
      subject: this.#subject,
      ask: (sql, values) => this.#ask("control", sql, values),
      onCommitted: () => {
        for (const listener of [...this.#localListeners]) listener({ hasWork: true });
      },
    });
  }

  /**
   * Connects to a database and brings the store's tables up to date.
   *
   * @param target - A URL such as `postgres://user:secret@host/database`, or a pool of `pg` that is
   *   yours: it is not ended by {@link close}, and has 6 connections or more, better than fewer
   * @throws ProviderError
   * - `store_unreachable`: no server answers, or it refuses the login
   * - `store_not_found`: the database does not exist, or its tables lack and `migrate` is false
   * - `store_not_ours`: the schema holds tables of another program; it was not touched
   * - `store_too_new`: a newer version of this package has migrated it; it was not touched
   * - `store_failed`: the driver `pg` is not installed, or a right is missing
   * - `store_busy`: all connections of the pool are in use
   * @throws UsageError `invalid_argument`, `invalid_duration` for an option, or for a target that is no
   *   URL and no pool
   */
  static async connect(
    target: string | PgPool,
    options: PostgresOptions = {},
  ): Promise<PostgresProvider> {
    const settings = parseOptions(options);
    const provider = new PostgresProvider(MAKER, await openPool(target, settings), settings);
    try {
      await waitForStore(settings.waitForStoreMs, () => provider.#open());
      return provider;
    } catch (error) {
      await provider.close();
      throw error;
    }
  }

  /**
   * The SQL that creates everything, for an administrator to run when the application's user may not.
   *
   * @param options.role - The application's user, who gets exactly the rights that it needs
   * @throws UsageError `invalid_argument` for an unusable schema name
   */
  static migrationScript(options: MigrationScriptOptions = {}): string {
    const { schema, role } = parseScriptOptions(options);
    return toScript(schema, role);
  }

  /**
   * Runs `work` in a transaction of the database, see {@link ProviderTransactions.run}. Pass the
   * transaction to a client's methods, and they land together with your own rows or not at all.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    this.#assertOpen();
    return this.transactions.run(work);
  }

  /** Statements sent so far, listening not included; tests and benchmarks count them. */
  get queryCount(): number {
    return Object.values(this.#lanes).reduce((sum, lane) => sum + lane.queryCount, 0);
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  write(operations: readonly WriteOperation[]): Promise<readonly WriteOutcome[]> {
    return this.#call("write to", () => this.#writer.write(operations));
  }

  claimInstances(request: ClaimInstancesRequest): Promise<readonly ClaimedInstance[]> {
    const { node, limit, remembered, crashes } = request;
    const ask = async (ticket: ClaimTicket): Promise<ClaimAnswer<ClaimedInstance>> => {
      const known = JSON.stringify(Object.fromEntries(remembered));
      const values = [...toClaimValues(node, ticket, limit, crashes), known];
      const answer = await this.#askItems<ClaimedInstanceAnswer>(CLAIM_INSTANCES, values);
      return { ...answer, items: answer.items.map((item) => toClaimedInstance(item, node)) };
    };
    return this.#call("claim instances of", () => this.#instanceClaims.claim(node, crashes, ask));
  }

  claimActivities(request: ClaimActivitiesRequest): Promise<readonly ClaimedActivity[]> {
    const { node, limit, crashes } = request;
    const ask = async (ticket: ClaimTicket): Promise<ClaimAnswer<ClaimedActivity>> => {
      const values = toClaimValues(node, ticket, limit, crashes);
      const answer = await this.#askItems<ClaimedActivityAnswer>(CLAIM_ACTIVITIES, values);
      return { ...answer, items: answer.items.map((item) => toClaimedActivity(item, node)) };
    };
    return this.#call("claim activities of", () => this.#activityClaims.claim(node, crashes, ask));
  }

  hasClaimableWork(): Promise<boolean> {
    return this.#call("read", async () => (await this.#ask("claims", HAS_WORK, [])) === "true");
  }

  readHeldWork(node: NodeId, limit: number): Promise<readonly HeldInstanceWork[]> {
    return this.#call("read", async () =>
      (await this.#askItems<HeldWorkAnswer>(READ_HELD, [node, limit])).items.map(toHeldWork),
    );
  }

  nextDueMs(afterMs: number): Promise<number | undefined> {
    return this.#call("read", async () => {
      const due = await this.#askOptional("claims", NEXT_DUE, [Math.floor(afterMs)]);
      return due === undefined ? undefined : Number(due);
    });
  }

  findLostActivities(claims: readonly ActivityClaim[]): Promise<readonly ActivityClaim[]> {
    return this.#call("read", async () => {
      const keys = claims.map((it) => [
        Number(it.key),
        it.executionId,
        it.activityId,
        Number(it.node),
        it.attempt,
      ]);
      const lost = JSON.parse(
        await this.#ask("control", FIND_LOST, [JSON.stringify(keys)]),
      ) as number[];
      return lost.map((i) => claims[i] as ActivityClaim);
    });
  }

  unblockWork(): Promise<void> {
    return this.#call("write to", async () => {
      await this.#lanes.control.query(this.#sql(UNBLOCK), [this.#writerId]);
    });
  }

  registerNode({ label, leaseMs, code }: NodeDescription): Promise<NodeId> {
    const codeJson = code === undefined ? null : toStorableJson(encodeCode(code));
    const values = [this.#writerId, escapeText(label), Math.ceil(leaseMs), codeJson];
    return this.#call("write to", async () => Number(await this.#ask("control", REGISTER, values)));
  }

  renewNode(node: NodeId): Promise<boolean> {
    return this.#call("write to", async () => {
      const { rowCount } = await this.#lanes.control.query(this.#sql(RENEW), [node]);
      if (rowCount !== 1) await this.#ask("control", TAKE_BACK_CRASH, [node]); // (P8)
      return rowCount === 1;
    });
  }

  listNodes(): Promise<readonly NodeRow[]> {
    return this.#call("read", async () => {
      const { rows } = await this.#lanes.control.query(this.#sql(LIST_NODES));
      return rows.map((row) => ({
        id: Number(row["id"]),
        label: String(row["label"]),
        leaseMs: Number(row["lease_ms"]),
        renewals: Number(row["renewals"]),
        isProvablyDead: false,
        isProvablyAlive: false,
      }));
    });
  }

  removeNode(node: NodeId, takeover?: NodeTakeover): Promise<boolean> {
    return this.#call("write to", async () => {
      const { ifRenewals = null, isCrash = false } = takeover ?? {};
      const values = [this.#writerId, node, ifRenewals, isCrash];
      const isRemoved = (await this.#ask("control", REMOVE_NODE, values)) === "true";
      this.#instanceClaims.forget(node);
      this.#activityClaims.forget(node);
      return isRemoved;
    });
  }

  readInstances(instanceIds: readonly string[]): Promise<readonly InstanceRow[]> {
    return this.#call("read", async () => {
      const answers = await this.#askAll(READ_INSTANCES, [instanceIds.map(escapeText)]);
      return answers.map((answer) => toInstanceRow(answer as InstanceAnswer));
    });
  }

  readHistory(instanceId: string, executionId: number): Promise<readonly HistoryRow[] | undefined> {
    return this.#call("read", () => readHistory(this.#askAll, instanceId, executionId));
  }

  readMessages(instanceId: string): Promise<readonly QueuedMessage[]> {
    return this.#call("read", () => readMessages(this.#askAll, instanceId));
  }

  listExecutions(instanceId: string): Promise<readonly ExecutionRow[]> {
    return this.#call("read", () => readExecutions(this.#askAll, instanceId));
  }

  listInstances(query: ListQuery): Promise<ListPage> {
    return this.#call("read", () => listInstances(this.#askAll, query));
  }

  listChildren(instanceId: string): Promise<readonly InstanceRow[]> {
    return this.#call("read", async () => {
      const answers = await this.#askAll(LIST_CHILDREN, [escapeText(instanceId)]);
      return answers.map((answer) => toInstanceRow(answer as InstanceAnswer));
    });
  }

  readKeyValues(instanceId: string): Promise<KeyValueMap | undefined> {
    return this.#call("read", () => readKeyValues(this.#askAll, instanceId));
  }

  watch(listener: (change: StoreChange) => void): () => void {
    if (this.#closing !== undefined) return () => undefined;
    const entry = (change: StoreChange): void => listener(change);
    const end = this.#listener.add(entry);
    // Without notifications this process would not learn of its own shared transactions.
    if (!this.#settings.hasNotifications) this.#localListeners.add(entry);
    return () => {
      end();
      this.#localListeners.delete(entry);
    };
  }

  close(): Promise<void> {
    // Listeners that are notified find the store closed.
    this.#closing ??= Promise.resolve().then(() => this.#close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open(): Promise<void> {
    const { schema, mayMigrate } = this.#settings;
    try {
      const connection = await this.#connections.take();
      try {
        await migrate(connection, { schema, subject: this.#subject, mayMigrate });
      } finally {
        connection.release();
      }
      const [nowMs, ...isolation] = (await this.#ask("control", OPEN, [WRITER_MS_MAX])).split(" ");
      assertReadCommitted(isolation.join(" "), this.#subject);
      this.#clock.note(Number(nowMs), systemClock.monotonicMs());
    } catch (error) {
      throw toProviderError(error, "connect to", this.#subject);
    }
  }

  /** Bounded also when the server does not answer: what is under way then is rejected. */
  async #close(): Promise<void> {
    const listening = this.#listener.close();
    await settledWithin(
      Math.min(this.#settings.queryTimeoutMs, CLOSE_MS_MAX),
      Promise.allSettled([...this.#underWay]),
    );
    this.#connections.close();
    await listening;
    if (this.#isPoolOurs) await this.#pool.end();
  }

  async #call<T>(doing: string, work: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    const answer = work();
    this.#underWay.add(answer);
    try {
      return await answer;
    } catch (error) {
      throw toProviderError(error, doing, this.#subject);
    } finally {
      this.#underWay.delete(answer);
    }
  }

  /** One row with one column. */
  async #ask(lane: LaneName, sql: string, values: unknown[]): Promise<string> {
    return (await this.#askOptional(lane, sql, values)) ?? "";
  }

  async #askOptional(lane: LaneName, sql: string, values: unknown[]): Promise<string | undefined> {
    const { rows } = await this.#lanes[lane].query(this.#sql(sql), values);
    return (rows[0]?.["answer"] ?? undefined) as string | undefined;
  }

  /** Items that come with the server's time. */
  async #askItems<T>(sql: string, values: unknown[]): Promise<ClaimAnswer<T>> {
    const sentMs = systemClock.monotonicMs();
    const answer = parseStoredJson(await this.#ask("claims", sql, values));
    this.#clock.note((answer as { readonly now: number }).now, sentMs);
    return answer as ClaimAnswer<T>;
  }

  /** Rows with one column of JSON each. */
  readonly #askAll = async (sql: string, values: unknown[]): Promise<unknown[]> => {
    const { rows } = await this.#lanes.reads.query(this.#sql(sql), values);
    return rows.map((row) => parseStoredJson(row["answer"] as string));
  };

  #sql(text: string): string {
    let sql = this.#texts.get(text);
    if (sql === undefined) {
      sql = inSchema(text, this.#settings.schema);
      this.#texts.set(text, sql);
    }
    return sql;
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new ProviderError("closed", `Cannot use ${this.#subject}: it is closed; connect again`, {
      retryable: false,
    });
  }
}

/** The functions of the store read what others have committed while they waited for a lock. */
function assertReadCommitted(isolation: string, subject: string): void {
  if (isolation === "read committed") return;
  throw new ProviderError(
    "store_failed",
    `Cannot use ${subject}: transactions of this user are "${isolation}" by default and have to be ` +
      '"read committed"; set default_transaction_isolation for the role, the database or the pool',
    { retryable: false },
  );
}
