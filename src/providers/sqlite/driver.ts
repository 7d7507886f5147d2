/**
 * The seam: the few methods that are needed of any SQLite binding, and transactions on top of them.
 *
 * Boundary: knows no table. `node:sqlite` and its look-alikes, and better-sqlite3 and its
 * look-alikes, already share these methods; they differ in how they are constructed.
 *
 * I1. No transaction is open between two calls, but for one that the user shares
 *     (`transactions.ts`): every one ends with `commit` or is rolled back.
 * I2. Values are texts, numbers and null; placeholders are plain `?`, which every binding binds in
 *     the same way.
 */

import { escapeText, parseStoredJson, unescapeText } from "../../provider/texts.ts";

/** What a statement takes and gives. */
export type SqlValue = string | number | null;

/** A prepared statement of a binding. */
export interface SqliteStatement {
  run(...values: SqlValue[]): {
    readonly changes: number | bigint;
    readonly lastInsertRowid: number | bigint;
  };
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
}

/** An open database of a binding. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): unknown;
}

/** How a binding opens a database. */
export type SqliteConstructor = new (
  file: string,
  options?: { readonly readOnly?: boolean; readonly readonly?: boolean },
) => SqliteDatabase;

/** A SQLite binding: a module of the shape of `node:sqlite` or of better-sqlite3, or its class. */
export type SqliteBinding =
  | SqliteConstructor
  | { readonly DatabaseSync: SqliteConstructor }
  | { readonly default: SqliteConstructor };

/** Whether it has the shape of one. */
export function isBinding(value: unknown): value is SqliteBinding {
  if (typeof value === "function") return true;
  if (typeof value !== "object" || value === null) return false;
  const { DatabaseSync, default: whole } = value as Partial<
    Record<"DatabaseSync" | "default", unknown>
  >;
  return typeof (DatabaseSync ?? whole) === "function";
}

/** Opens a file through any binding. */
export function openDatabase(
  binding: SqliteBinding,
  file: string,
  isReadOnly = false,
): SqliteDatabase {
  const { Database, isBuiltInShape } = findConstructor(binding);
  if (!isReadOnly) return new Database(file);
  // better-sqlite3 throws at the built-in module's spelling, which in turn ignores the other one.
  return new Database(file, isBuiltInShape ? { readOnly: true } : { readonly: true });
}

function findConstructor(binding: SqliteBinding): {
  readonly Database: SqliteConstructor;
  readonly isBuiltInShape: boolean;
} {
  if ("DatabaseSync" in binding) return { Database: binding.DatabaseSync, isBuiltInShape: true };
  const Database = "default" in binding ? binding.default : binding;
  return { Database, isBuiltInShape: Database.name === "DatabaseSync" };
}

/** A statement whose texts may contain any character, whatever the binding makes of U+0000. */
class EscapingStatement implements SqliteStatement {
  readonly #statement: SqliteStatement;

  constructor(statement: SqliteStatement) {
    this.#statement = statement;
  }

  run(...values: SqlValue[]): ReturnType<SqliteStatement["run"]> {
    return this.#statement.run(...escapeAll(values));
  }

  get(...values: SqlValue[]): unknown {
    return unescapeRow(this.#statement.get(...escapeAll(values)));
  }

  all(...values: SqlValue[]): unknown[] {
    const rows = this.#statement.all(...escapeAll(values));
    for (const row of rows) unescapeRow(row);
    return rows;
  }
}

// Both work in place: the arrays and rows are ours, and nearly nothing in them ever changes.
function escapeAll(values: SqlValue[]): SqlValue[] {
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (typeof value === "string") values[i] = escapeText(value);
  }
  return values;
}

const PACKED = "packed";

/**
 * Columns that a {@link Connection.preparePacked} statement selects as one text: a value that crosses
 * the binding costs as much as many characters of it. Texts that may be long stay columns of their
 * own, since inside the other text each of them would be escaped once more.
 *
 * @param columns - Expressions by name
 */
export function pack(columns: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(columns).map(([name, sql]) => `'${name}', ${sql}`);
  return `json_object(${pairs.join(", ")}) as ${PACKED}`;
}

/** A statement that selects {@link pack}, and gives rows as if nothing was packed. */
class PackedStatement extends EscapingStatement {
  override get(...values: SqlValue[]): unknown {
    return unpackRow(super.get(...values));
  }

  override all(...values: SqlValue[]): unknown[] {
    return super.all(...values).map(unpackRow);
  }
}

function unpackRow(row: unknown): unknown {
  if (row === undefined) return undefined;
  const columns = row as Record<string, unknown>;
  const unpacked = parseStoredJson(columns[PACKED] as string) as Record<string, unknown>;
  for (const column in columns) if (column !== PACKED) unpacked[column] = columns[column];
  return unpacked;
}

function unescapeRow(row: unknown): unknown {
  if (row === undefined) return undefined;
  const columns = row as Record<string, unknown>;
  for (const column in columns) {
    const value = columns[column];
    if (typeof value === "string") columns[column] = unescapeText(value);
  }
  return row;
}

/** Whether a transaction is open, begun by the store or by the user. */
export function isInTransaction(database: SqliteDatabase): boolean {
  const { isTransaction, inTransaction } = database as {
    readonly isTransaction?: unknown;
    readonly inTransaction?: unknown;
  };
  if (typeof isTransaction === "boolean") return isTransaction;
  if (typeof inTransaction === "boolean") return inTransaction;
  try {
    database.exec("begin");
  } catch {
    return true;
  }
  rollBack(database);
  return false;
}

/** Ends a transaction without a trace, whether or not SQLite has already done so. */
export function rollBack(database: SqliteDatabase): void {
  try {
    database.exec("rollback");
  } catch {
    // After a full disk or an I/O error SQLite has rolled back itself and there is nothing left.
  }
}

/** One connection to the store. */
export class Connection {
  readonly #database: SqliteDatabase;
  readonly #isFullyDurable: boolean;
  readonly #begin: SqliteStatement;
  readonly #commit: SqliteStatement;

  constructor(database: SqliteDatabase, isFullyDurable: boolean) {
    this.#database = database;
    this.#isFullyDurable = isFullyDurable;
    this.#begin = database.prepare("begin immediate");
    this.#commit = database.prepare("commit");
  }

  /** What the binding opened. */
  get database(): SqliteDatabase {
    return this.#database;
  }

  prepare(sql: string): SqliteStatement {
    return new EscapingStatement(this.#database.prepare(sql));
  }

  /** @param sql - Selects {@link pack} and any other columns */
  preparePacked(sql: string): SqliteStatement {
    return new PackedStatement(this.#database.prepare(sql));
  }

  /** Begins a write transaction that lasts beyond the call (the one exception to I1). */
  begin(): void {
    this.#begin.run();
  }

  commit(): void {
    this.#commit.run();
  }

  rollBack(): void {
    rollBack(this.#database);
  }

  /** Runs `work` in a part of an open transaction that leaves nothing behind when it throws. */
  part<T>(work: () => T): T {
    this.#database.exec("savepoint duroxide_part");
    try {
      const result = work();
      this.#database.exec("release duroxide_part");
      return result;
    } catch (error) {
      try {
        this.#database.exec("rollback to duroxide_part; release duroxide_part");
      } catch {
        // SQLite has rolled back everything itself; the end of the transaction reports it.
      }
      throw error;
    }
  }

  /** Runs `work` in a write transaction that is as durable as the store's setting says. */
  transaction<T>(work: () => T): T {
    this.#begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      rollBack(this.#database);
      throw error;
    }
  }

  /**
   * Runs `work` in a write transaction that may be lost with the power, together with everything
   * after it: claims and leases mean nothing once every process of the machine is gone. Commits
   * that follow in the log are durable only with it, so order is kept; and no disk is waited for.
   */
  fleetingTransaction<T>(work: () => T): T {
    if (!this.#isFullyDurable) return this.transaction(work);
    this.#database.exec("pragma synchronous = normal");
    try {
      return this.transaction(work);
    } finally {
      this.#database.exec("pragma synchronous = full");
    }
  }

  /**
   * Moves the log into the file and closes it.
   *
   * Some bindings really close only when the last statement was collected as garbage, and until then
   * the log would not be moved: a copy of the file would lack the newest commits.
   */
  close(): void {
    this.moveLog();
    this.#database.close();
  }

  /** Moves the log into the file, as far as others do not need it. */
  moveLog(): void {
    try {
      this.#database.exec("pragma wal_checkpoint(truncate)");
    } catch {
      // Nothing is lost: the log stays beside the file, and the next one to open it reads both.
    }
  }
}
