/** A SQLite file that several connections share, and that dies where a case wants it to. */

import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ConformanceStore } from "../../src/conformance/index.ts";
import { type SqliteBinding, SqliteProvider } from "../../src/providers/sqlite/index.ts";
import {
  openDatabase,
  type SqliteDatabase,
  type SqliteStatement,
} from "../../src/providers/sqlite/driver.ts";
import { HandClock } from "./conformance.ts";
import { createFaults, SqliteFault } from "./sqlite-faults.ts";

const DISK_ERROR = 10;

/** @param adapt - Makes the SQLite binding worse */
export async function openSqliteFile(
  adapt: (binding: SqliteBinding) => SqliteBinding = (binding) => binding,
): Promise<ConformanceStore> {
  const folder = mkdtempSync(join(tmpdir(), "duroxide-conformance-"));
  const file = join(folder, "store.db");
  const left = join(folder, "left.db");
  const clock = new HandClock();
  const settings = { clock, durability: "process", changePollInterval: 1 } as const;
  const faults = await createFaults();
  const provider = await SqliteProvider.open(file, { ...settings, binding: adapt(faults.binding) });
  let hasCrashed = false;
  return {
    provider,
    advanceClock: clock.advance,
    connect: () => SqliteProvider.open(file, settings),
    crashes: {
      arm: (statement) => {
        let count = 0;
        faults.hook = () => {
          count += 1;
          if (count < statement) return;
          // The files as a killed process leaves them; what it does from now on reaches nobody.
          if (!hasCrashed) copyStore(file, left);
          hasCrashed = true;
          throw new SqliteFault(DISK_ERROR);
        };
      },
      hasCrashed: () => hasCrashed,
      reopen: () => SqliteProvider.open(left, settings),
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function copyStore(from: string, to: string): void {
  for (const suffix of ["", "-wal"]) {
    if (existsSync(`${from}${suffix}`)) copyFileSync(`${from}${suffix}`, `${to}${suffix}`);
  }
}

const BOUNDARY = /^(begin|commit|rollback|savepoint|release)/;

/** A binding on which each statement is a transaction of its own. */
export function withoutTransactions(binding: SqliteBinding): SqliteBinding {
  class DatabaseSync implements SqliteDatabase {
    readonly #database: SqliteDatabase;

    constructor(file: string, options?: { readonly readOnly?: boolean }) {
      this.#database = openDatabase(binding, file, options?.readOnly === true);
    }

    exec(sql: string): void {
      if (!BOUNDARY.test(sql)) this.#database.exec(sql);
    }

    prepare(sql: string): SqliteStatement {
      return this.#database.prepare(BOUNDARY.test(sql) ? "select 1" : sql);
    }

    close(): void {
      this.#database.close();
    }
  }
  return { DatabaseSync };
}
