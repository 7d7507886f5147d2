/** A SQLite binding that fails where a test wants it to. */

import { findBinding } from "../../src/providers/sqlite/binding.ts";
import {
  openDatabase,
  type SqliteBinding,
  type SqliteDatabase,
  type SqliteStatement,
} from "../../src/providers/sqlite/driver.ts";

/** What SQLite reports: its result code in the form of `node:sqlite`. */
export class SqliteFault extends Error {
  readonly code = "ERR_SQLITE_ERROR";
  readonly errcode: number;

  constructor(errcode: number) {
    super(`fault ${errcode}`);
    this.errcode = errcode;
  }
}

export interface Faults {
  readonly binding: SqliteBinding;
  /** Called with each statement before it runs; throws to make it fail. */
  hook: (sql: string) => void;
  /** Fails the next statement, or the next one that contains `sql`, once. */
  failOnce(errcode: number, sql?: string): void;
}

export async function createFaults(): Promise<Faults> {
  const inner = await findBinding();
  const faults = { hook: (_sql: string): void => {} };
  class DatabaseSync implements SqliteDatabase {
    readonly #database: SqliteDatabase;

    constructor(file: string, options?: { readonly readOnly?: boolean }) {
      faults.hook("open");
      this.#database = openDatabase(inner, file, options?.readOnly === true);
    }

    exec(sql: string): void {
      faults.hook(sql);
      this.#database.exec(sql);
    }

    prepare(sql: string): SqliteStatement {
      const statement = this.#database.prepare(sql);
      const before = <A extends unknown[], R>(call: (...values: A) => R) => {
        return (...values: A): R => {
          faults.hook(sql);
          return call(...values);
        };
      };
      return {
        run: before(statement.run.bind(statement)),
        get: before(statement.get.bind(statement)),
        all: before(statement.all.bind(statement)),
      };
    }

    close(): void {
      this.#database.close();
    }
  }
  return Object.assign(faults, {
    binding: { DatabaseSync },
    failOnce(errcode: number, part = ""): void {
      faults.hook = (sql) => {
        if (!sql.includes(part)) return;
        faults.hook = () => {};
        throw new SqliteFault(errcode);
      };
    },
  });
}
