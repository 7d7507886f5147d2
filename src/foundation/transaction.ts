/** A database transaction that the user's own statements share with the store. */

import { UsageError } from "./errors.ts";
import { showValue } from "./option-values.ts";

/** What a statement gives back. */
export interface QueryResult<Row = Record<string, unknown>> {
  /** The rows, columns by name; empty for a statement that returns none. */
  readonly rows: readonly Row[];
  /** Rows returned, or changed by a statement that returns none. */
  readonly rowCount: number;
}

/**
 * An open transaction. The code that opened it ends it; after that every call rejects.
 *
 * The same type serves every store, so that code with statements that both databases understand runs
 * on both.
 */
export interface Transaction {
  /**
   * Runs one statement.
   *
   * @param sql - One statement in the database's own language, with `$1`, `$2` for parameters; none
   *   that begins or ends a transaction
   * @param parameters - Texts, numbers, booleans, bigints, byte arrays, dates and null; what else is
   *   possible is the driver's to say
   * @throws the driver's own error; ProviderError when the database itself cannot go on, such as a
   *   lost connection or a full disk
   */
  query<Row = Record<string, unknown>>(
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<QueryResult<Row>>;
  /** The driver's own connection: a `pg` client, or a SQLite database; for query builders. */
  readonly connection: unknown;
}

/** @throws UsageError `invalid_argument` unless it is a function */
export function assertTransactionWork(work: unknown): void {
  if (typeof work === "function") return;
  throw new UsageError(
    "invalid_argument",
    `Cannot open a transaction: its work is ${showValue(work)}; pass an async function that takes the transaction`,
  );
}

/** @throws UsageError `invalid_argument` unless they are a text and a list */
export function assertStatement(sql: unknown, parameters: unknown): void {
  if (typeof sql !== "string") {
    throw new UsageError(
      "invalid_argument",
      `Cannot run this statement: it is a value of type ${typeof sql}; pass a text`,
    );
  }
  if (Array.isArray(parameters)) return;
  throw new UsageError(
    "invalid_argument",
    `Cannot run this statement: its parameters are a value of type ${parameters === null ? "null" : typeof parameters}; ` +
      "pass a list of them, such as [id]",
  );
}
