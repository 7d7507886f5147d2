/**
 * A SQLite binding that counts what a store asks of it, and says which statements walk over a table.
 *
 * Counts hold on any machine, where times do not: growth and cost are checked with them.
 */

import { findBinding } from "../../src/providers/sqlite/binding.ts";
import {
  openDatabase,
  type SqliteBinding,
  type SqliteDatabase,
  type SqliteStatement,
  type SqlValue,
} from "../../src/providers/sqlite/driver.ts";

/** What was asked of a store, from when it was opened. */
export interface StoreCounts {
  readonly statements: number;
  /** Transactions that wrote, empty ones included. */
  readonly commits: number;
  readonly rowsWritten: number;
  readonly rowsRead: number;
}

export interface CountingBinding {
  readonly binding: SqliteBinding;
  counts(): StoreCounts;
  /** Statements that were run and read a table from one end to the other, each with its plan. */
  walks(): readonly string[];
}

const WRITES = /^\s*(insert|update|delete)/i;

export async function createCountingBinding(): Promise<CountingBinding> {
  const inner = await findBinding();
  const counts = { statements: 0, commits: 0, rowsWritten: 0, rowsRead: 0 };
  const texts = new Set<string>();
  let opened: SqliteDatabase | undefined;

  function countStatement(sql: string, statement: SqliteStatement): SqliteStatement {
    const isWrite = WRITES.test(sql);
    const isCommit = sql === "commit";
    const isPoll = sql === "pragma data_version";
    const note = (): void => {
      if (isPoll) return; // It comes with time, not with work.
      counts.statements += 1;
      if (isCommit) counts.commits += 1;
      texts.add(sql);
    };
    const noteRows = (count: number): void => {
      if (isWrite) counts.rowsWritten += count;
      else counts.rowsRead += count;
    };
    return {
      run(...values: SqlValue[]) {
        note();
        const result = statement.run(...values);
        if (isWrite) counts.rowsWritten += Number(result.changes);
        return result;
      },
      get(...values: SqlValue[]) {
        note();
        const row = statement.get(...values);
        noteRows(row === undefined ? 0 : 1);
        return row;
      },
      all(...values: SqlValue[]) {
        note();
        const rows = statement.all(...values);
        noteRows(rows.length);
        return rows;
      },
    };
  }

  class CountingDatabase implements SqliteDatabase {
    readonly #database: SqliteDatabase;

    constructor(file: string, options?: { readonly readOnly?: boolean }) {
      this.#database = openDatabase(inner, file, options?.readOnly === true);
      opened = this.#database;
    }

    exec(sql: string): unknown {
      counts.statements += 1;
      return this.#database.exec(sql);
    }

    prepare(sql: string): SqliteStatement {
      return countStatement(sql, this.#database.prepare(sql));
    }

    close(): unknown {
      return this.#database.close();
    }
  }

  return {
    binding: { DatabaseSync: CountingDatabase },
    counts: () => ({ ...counts }),
    walks: () => (opened === undefined ? [] : findWalks(opened, texts)),
  };
}

function findWalks(database: SqliteDatabase, texts: ReadonlySet<string>): string[] {
  return [...texts].filter(canBeExplained).flatMap((sql) => {
    // Parameters stay unbound: the plan does not depend on them.
    const rows = database.prepare(`explain query plan ${sql}`).all() as { detail: string }[];
    return rows
      .filter(({ detail }) => detail.startsWith("SCAN "))
      .map(({ detail }) => `${detail}: ${sql.trim().replaceAll(/\s+/g, " ")}`);
  });
}

function canBeExplained(sql: string): boolean {
  return /^\s*(select|insert|update|delete|with)/i.test(sql);
}

/** What happened between two looks. */
export function countsSince(before: StoreCounts, after: StoreCounts): StoreCounts {
  return {
    statements: after.statements - before.statements,
    commits: after.commits - before.commits,
    rowsWritten: after.rowsWritten - before.rowsWritten,
    rowsRead: after.rowsRead - before.rowsRead,
  };
}
