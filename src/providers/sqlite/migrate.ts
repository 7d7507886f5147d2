/**
 * Brings the file to the schema of this version, in numbered steps.
 *
 * I1. A step is applied once, under the write lock: any number of processes may open at once.
 * I2. A file that is not ours is never changed. Ours carry `application_id` and `user_version`, and
 *     list their steps in `migrations`.
 * I3. A file of a newer version is opened only if every step that we do not know is marked
 *     `compatible`, and never changed otherwise.
 */

import { ProviderError } from "../../provider/errors.ts";
import { rollBack, type SqliteDatabase } from "./driver.ts";
import { initial } from "./schema/0001-initial.ts";

/** Marks our files for SQLite and for `file(1)`: the letters `dts1`. */
export const APPLICATION_ID = 0x64747331;

/** One step of the schema. */
export interface Migration {
  /** Counted from 1 without gaps. */
  readonly number: number;
  readonly name: string;
  /** Whether versions that do not know the step may go on using the file. */
  readonly kind: "compatible" | "breaking";
  readonly sql: string;
}

/** Every step, in order; append only. */
export const MIGRATIONS: readonly Migration[] = [initial];

const CREATE_MIGRATIONS = `
create table if not exists migrations (
  number integer primary key,
  name text not null,
  kind text not null,
  applied_ms integer not null
) strict`;

const INSERT_MIGRATION = `
insert into migrations (number, name, kind, applied_ms)
values (?, ?, ?, ?)`;

const FIND_UNKNOWN_BREAKING = `
select number
from migrations
where number > ?
  and kind <> 'compatible'
limit 1`;

const COUNT_TABLES = "select count(*) as count from sqlite_schema";

/**
 * Refuses a file that is not ours or too new for us. Reads only, and reads one state: another
 * process may be creating the store right now, and half of it would look like a stranger's.
 *
 * @param subject - The store in error messages, such as `store "orders.db"`
 * @returns The number of the file's last step; 0 for an empty file
 * @throws ProviderError `store_not_ours`, `store_too_new`
 */
export function checkSchema(
  database: SqliteDatabase,
  subject: string,
  migrations: readonly Migration[] = MIGRATIONS,
): number {
  database.exec("begin");
  try {
    return checkInTransaction(database, subject, migrations);
  } finally {
    rollBack(database);
  }
}

function checkInTransaction(
  database: SqliteDatabase,
  subject: string,
  migrations: readonly Migration[],
): number {
  const applicationId = readNumber(database, "pragma application_id", "application_id");
  const version = readNumber(database, "pragma user_version", "user_version");
  if (applicationId !== APPLICATION_ID) {
    const isEmpty = applicationId === 0 && readNumber(database, COUNT_TABLES, "count") === 0;
    if (isEmpty && version === 0) return 0;
    throw notOurs(subject, "it is the SQLite database of another program");
  }
  if (
    version > migrations.length &&
    database.prepare(FIND_UNKNOWN_BREAKING).get(migrations.length) !== undefined
  ) {
    throw new ProviderError(
      "store_too_new",
      `Cannot open ${subject}: its schema is ${version} and this version of duroxide-ts knows ` +
        `${migrations.length}; install the version that wrote it, or a newer one`,
      { retryable: false, details: { schema: version, known: migrations.length } },
    );
  }
  return version;
}

/** Applies the steps that the file lacks, and checks it again under the lock. */
export function migrate(
  database: SqliteDatabase,
  target: {
    readonly subject: string;
    readonly nowMs: number;
    readonly migrations?: readonly Migration[];
  },
): void {
  const migrations = target.migrations ?? MIGRATIONS;
  if (checkSchema(database, target.subject, migrations) >= migrations.length) return;
  database.exec("begin immediate");
  try {
    // Another process may have been faster.
    const version = checkInTransaction(database, target.subject, migrations);
    database.exec(CREATE_MIGRATIONS);
    const insert = database.prepare(INSERT_MIGRATION);
    for (const step of migrations.slice(version)) {
      database.exec(step.sql);
      insert.run(step.number, step.name, step.kind, target.nowMs);
    }
    database.exec(`pragma application_id = ${APPLICATION_ID}`);
    database.exec(`pragma user_version = ${Math.max(version, migrations.length)}`);
    database.exec("commit");
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

/** The refusal of a file that this package did not write. */
export function notOurs(subject: string, is: string): ProviderError {
  return new ProviderError(
    "store_not_ours",
    `Cannot open ${subject}: ${is}; name a new file, or one that duroxide-ts has written`,
    { retryable: false },
  );
}

function readNumber(database: SqliteDatabase, sql: string, column: string): number {
  const row = database.prepare(sql).get() as Record<string, unknown>;
  return Number(row[column]);
}
