/**
 * Transactions that the user's statements share with the store's operations.
 *
 * Boundary: opens and ends them, or checks those of others; what operations do in them is `write.ts`.
 *
 * I1. At most one is open in this process; the engine's own writes wait for its end (`gate.ts`). In a
 *     file it has a connection of its own, so that reads go on; in memory there is but one, and reads
 *     wait as well.
 * I2. A transaction ends exactly once, and after that its object does nothing any more.
 * I3. Operations that fail leave the user's transaction as it was before them.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { statSync } from "node:fs";

import { UsageError } from "../../foundation/errors.ts";
import {
  assertStatement,
  assertTransactionWork,
  type QueryResult,
  type Transaction,
} from "../../foundation/transaction.ts";
import type {
  ProviderTransactions,
  WriteOperation,
  WriteOutcome,
} from "../../provider/provider.ts";
import { waitWhileBusy } from "./busy.ts";
import { Connection, isInTransaction, type SqliteDatabase } from "./driver.ts";
import type { Gate } from "./gate.ts";
import { isSameLibrary } from "./library.ts";
import type { OpenStore } from "./open-store.ts";
import { isStoreFault, toProviderError } from "./store-errors.ts";
import { prepareTables, type Tables } from "./tables.ts";
import { parseStatement, runStatement, toValues } from "./user-statement.ts";
import { applyOperations } from "./write.ts";

/** A connection and our tables on it. */
interface Desk {
  readonly connection: Connection;
  readonly tables: Tables;
}

export interface TransactionsParts {
  readonly store: OpenStore;
  /** Of the store's own connection. */
  readonly tables: Tables;
  readonly gate: Gate;
  readonly busyTimeoutMs: number;
  readonly nowMs: () => number;
  /** Called after a commit that contains operations. */
  readonly onCommitted: () => void;
}

/** A transaction of {@link Transactions.run}. */
class OpenTransaction implements Transaction {
  readonly owner: Transactions;
  readonly #desk: Desk;
  readonly #subject: string;
  /** Whether the store's operations are in it. */
  hasOperations = false;
  /** The error with which SQLite has ended it. */
  fault: unknown;
  isOver = false;

  constructor(owner: Transactions, desk: Desk, subject: string) {
    this.owner = owner;
    this.#desk = desk;
    this.#subject = subject;
  }

  get connection(): unknown {
    return this.database;
  }

  get desk(): Desk {
    if (!this.isOver) return this.#desk;
    throw new UsageError(
      "closed",
      "Cannot use the transaction: it has ended; await everything before its function returns",
    );
  }

  get database(): SqliteDatabase {
    return this.desk.connection.database;
  }

  async query<Row = Record<string, unknown>>(
    sql: string,
    parameters: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    const { database } = this;
    assertStatement(sql, parameters);
    const statement = parseStatement(sql);
    const values = toValues(statement, parameters);
    try {
      return runStatement(database, statement, values) as QueryResult<Row>;
    } catch (error) {
      this.noteError(error);
      throw isStoreFault(error) ? toProviderError(error, "use", this.#subject) : error;
    }
  }

  /** After some errors SQLite has rolled back by itself: what follows would land on its own. */
  noteError(error: unknown): void {
    if (this.isOver || isInTransaction(this.database)) return;
    this.fault = error;
    this.isOver = true;
  }
}

export class Transactions implements ProviderTransactions {
  readonly #parts: TransactionsParts;
  readonly #current = new AsyncLocalStorage<OpenTransaction>();
  /** The transaction that is open, if any (I1). */
  #open: OpenTransaction | undefined;
  /** The connection of transactions; kept for the next one. */
  #spare: Desk | undefined;
  /** Databases of users on which our tables have been prepared. */
  readonly #foreign = new WeakMap<object, Desk>();

  constructor(parts: TransactionsParts) {
    this.#parts = parts;
  }

  async run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    assertTransactionWork(work);
    const { gate } = this.#parts;
    if (this.#current.getStore()?.isOver === false) {
      throw new UsageError(
        "invalid_argument",
        "Cannot open a transaction inside another one of the same store: it would wait for itself; " +
          "use the one that is open",
      );
    }
    await gate.enter();
    try {
      return await this.#run(await this.#begin(), work);
    } finally {
      gate.leave();
    }
  }

  async write(
    transaction: unknown,
    operations: readonly WriteOperation[],
  ): Promise<readonly WriteOutcome[]> {
    const { store, nowMs } = this.#parts;
    const open = this.#findOpen(transaction);
    const { connection, tables } = open?.desk ?? this.#deskOf(transaction);
    store.place?.assert();
    try {
      const outcomes = connection.part(() => applyOperations(tables, nowMs(), operations)); // (I3)
      if (open !== undefined) open.hasOperations = true;
      return outcomes;
    } catch (error) {
      open?.noteError(error);
      throw toProviderError(error, "write to", store.subject);
    }
  }

  /** Called when no transaction is open any more. */
  close(): void {
    const { store } = this.#parts;
    const spare = this.#spare?.connection;
    if (spare !== undefined && spare !== store.connection) store.disconnect(spare);
    this.#spare = undefined;
  }

  async #begin(): Promise<Desk> {
    const { store, tables, gate, busyTimeoutMs } = this.#parts;
    try {
      return await waitWhileBusy(busyTimeoutMs, () => {
        store.place?.assert(); // Or one more connection would create another file.
        if (this.#spare === undefined) {
          const connection = store.connectAgain();
          const isOwn = connection !== store.connection;
          this.#spare = { connection, tables: isOwn ? prepareTables(connection) : tables };
        }
        this.#spare.connection.begin();
        gate.noteTransaction();
        return this.#spare;
      });
    } catch (error) {
      throw toProviderError(error, "begin a transaction in", store.subject);
    }
  }

  async #run<T>(desk: Desk, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const transaction = new OpenTransaction(this, desk, this.#parts.store.subject);
    this.#open = transaction;
    try {
      const result = await this.#current.run(transaction, () => work(transaction));
      this.#commit(transaction, desk);
      if (transaction.hasOperations) this.#parts.onCommitted();
      return result;
    } catch (error) {
      // (I2) Nothing happens here after a commit.
      desk.connection.rollBack();
      throw error;
    } finally {
      transaction.isOver = true;
      this.#open = undefined;
    }
  }

  #commit({ fault }: OpenTransaction, { connection }: Desk): void {
    const { subject } = this.#parts.store;
    const doing = "commit a transaction in";
    if (fault !== undefined) throw toProviderError(fault, doing, subject);
    try {
      connection.commit();
      this.#parts.store.place?.assert();
    } catch (error) {
      throw toProviderError(error, doing, subject);
    }
  }

  /** The transaction of {@link run} that is meant, by itself or by its connection. */
  #findOpen(transaction: unknown): OpenTransaction | undefined {
    if (transaction instanceof OpenTransaction) {
      if (transaction.owner === this) return transaction;
      throw notShared("it belongs to another store; pass one of this store");
    }
    if (this.#open?.isOver === false && this.#open.database === transaction) return this.#open;
    return undefined;
  }

  /** Our tables on a database that the user has opened. */
  #deskOf(transaction: unknown): Desk {
    const database = transaction as SqliteDatabase;
    const { exec, prepare } = (transaction ?? {}) as Partial<SqliteDatabase>;
    if (typeof exec !== "function" || typeof prepare !== "function") {
      throw notShared(
        `it is a value of type ${transaction === null ? "null" : typeof transaction}; pass the ` +
          "transaction of store.transaction(), or a SQLite database on which you have run `begin`",
      );
    }
    let desk = this.#foreign.get(database);
    if (desk === undefined) {
      this.#assertSameFile(database);
      this.#assertSameLibrary(database);
      const connection = new Connection(database, false);
      desk = { connection, tables: prepareTables(connection) };
      this.#foreign.set(database, desk);
    }
    if (isInTransaction(database)) return desk;
    throw notShared("none is open on the database; run `begin immediate` on it first");
  }

  #assertSameFile(database: SqliteDatabase): void {
    const { store } = this.#parts;
    if (store.file === undefined) {
      throw notShared("a store in memory has no other connections; use store.transaction()");
    }
    // Also tells whether the database gives numbers as numbers, which our rows need.
    const rows = database.prepare("pragma database_list").all() as {
      readonly seq: unknown;
      readonly file: unknown;
    }[];
    const path = rows.find(({ seq }) => seq === 0)?.file;
    if (typeof path === "string" && isSameFile(path, store.file)) return;
    throw notShared(
      `its database is not the file of ${store.subject}, or reads integers as bigints; ` +
        "open the same file with the binding's defaults",
    );
  }

  /** Libraries do not see each other's locks within a process, and drop them, see `open-files.ts`. */
  #assertSameLibrary(database: SqliteDatabase): void {
    if (isSameLibrary(database, this.#parts.store.connection.database)) return;
    throw notShared(
      "another SQLite library than that of the store has opened it, and neither sees the locks of " +
        "the other; use store.transaction(), or open the store with the class of your connection " +
        "as `binding`",
    );
  }
}

function isSameFile(path: string, file: string): boolean {
  const [one, other] = [path, file].map((name) => statSync(name, { throwIfNoEntry: false }));
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

function notShared(why: string): UsageError {
  return new UsageError("invalid_argument", `Cannot use this as a transaction: ${why}`);
}
