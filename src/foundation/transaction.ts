/** A database transaction that the user's own statements share with the store. */

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
