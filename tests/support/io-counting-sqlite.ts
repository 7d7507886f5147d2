/**
 * A SQLite binding with hardly any memory for pages, so that each page that a statement needs is read
 * from the file anew, and a count of the bytes that were read: what others have stored costs a
 * statement something only where it is read. Linux counts for each thread.
 */

import { existsSync, readFileSync } from "node:fs";

import { findBinding } from "../../src/providers/sqlite/binding.ts";
import {
  openDatabase,
  type SqliteBinding,
  type SqliteDatabase,
  type SqliteStatement,
} from "../../src/providers/sqlite/driver.ts";

const COUNTERS = "/proc/thread-self/io";
const PAGES_KEPT = 20;

export const canCountReads: boolean = existsSync(COUNTERS);

/** Bytes that this thread has read so far, from anywhere. */
export function bytesRead(): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(COUNTERS, "utf8"))?.[1]);
}

export interface ForgetfulBinding {
  readonly binding: SqliteBinding;
  /** Moves the log into the file, so that no later commit has to. */
  checkpoint(): void;
}

export async function createForgetfulBinding(): Promise<ForgetfulBinding> {
  const inner = await findBinding();
  const opened: SqliteDatabase[] = [];

  class ForgetfulDatabase implements SqliteDatabase {
    readonly #database: SqliteDatabase;

    constructor(file: string, options?: { readonly readOnly?: boolean }) {
      this.#database = openDatabase(inner, file, options?.readOnly === true);
      opened.push(this.#database);
    }

    exec(sql: string): unknown {
      return this.#database.exec(
        sql.startsWith("pragma cache_size") ? `pragma cache_size = ${PAGES_KEPT}` : sql,
      );
    }

    prepare(sql: string): SqliteStatement {
      return this.#database.prepare(sql);
    }

    close(): unknown {
      opened.splice(opened.indexOf(this.#database), 1);
      return this.#database.close();
    }
  }

  return {
    binding: { DatabaseSync: ForgetfulDatabase },
    checkpoint() {
      for (const database of opened) database.prepare("pragma wal_checkpoint(truncate)").all();
    },
  };
}
