/**
 * Opens a file as a store, or says exactly why it cannot.
 *
 * I1. A file that turns out not to be ours is closed as it was found: it is inspected through a
 *     read-only connection before anything is set.
 * I2. Waiting for another process does not block the event loop: SQLite's own busy handler is off.
 */

import {
  accessSync,
  constants,
  readSync,
  openSync,
  closeSync,
  statSync,
  type Stats,
} from "node:fs";
import { dirname, resolve } from "node:path";

import { ProviderError } from "../../provider/errors.ts";
import { findBinding } from "./binding.ts";
import { Connection, openDatabase, type SqliteBinding, type SqliteDatabase } from "./driver.ts";
import { checkSchema, migrate, notOurs } from "./migrate.ts";
import type { StoreSettings } from "./options.ts";
import { isNotDatabase, resultCodeOf, toProviderError } from "./store-errors.ts";
import { waitWhileBusy } from "./busy.ts";

/** The name of a store that lives in this process alone. */
export const MEMORY = ":memory:";

const MAGIC = "SQLite format 3\0";

/**
 * A checkpoint rewrites each page once however often it changed, so a longer log means fewer
 * writes; 4000 pages are 16 MB.
 */
const CHECKPOINT_PAGES = 4_000;
const CACHE_KIB = 32_768;
const LOG_BYTES_KEPT = 67_108_864;

/** An open store and how it is called in messages. */
export interface OpenStore {
  readonly connection: Connection;
  readonly subject: string;
  /** Absolute path; absent in memory. */
  readonly file: string | undefined;
  /** Opens one more connection to the same file; in memory there is but the one. */
  readonly connectAgain: () => Connection;
}

/** @throws ProviderError each `store_...` code, `sqlite_binding_missing` */
export async function openStore(file: string, settings: StoreSettings): Promise<OpenStore> {
  const binding = settings.binding ?? (await findBinding());
  const path = file === MEMORY ? undefined : resolve(file);
  const subject = `store "${file.slice(0, 1_000)}"`;
  try {
    const connection = await waitWhileBusy(settings.busyTimeoutMs, () =>
      path === undefined
        ? connect(binding, MEMORY, { settings, subject })
        : openFile(binding, path, { settings, subject }),
    );
    const connectAgain = (): Connection =>
      path === undefined ? connection : connectTo(binding, path, { settings, subject });
    return { connection, subject, file: path, connectAgain };
  } catch (error) {
    throw toOpenError(error, subject);
  }
}

interface Opening {
  readonly settings: StoreSettings;
  readonly subject: string;
}

function openFile(binding: SqliteBinding, path: string, opening: Opening): Connection {
  const stats = checkPath(path, opening.subject);
  if (stats !== undefined && stats.size > 0) {
    checkMagic(path, opening.subject);
    inspect(binding, path, opening.subject);
  }
  return connect(binding, path, opening);
}

function inspect(binding: SqliteBinding, path: string, subject: string): void {
  const database = openDatabase(binding, path, true);
  try {
    database.exec("pragma busy_timeout = 0");
    checkSchema(database, subject);
  } finally {
    database.close();
  }
}

/** Connects to a store that has its tables, or gets them now. */
function connect(binding: SqliteBinding, path: string, opening: Opening): Connection {
  return connectTo(binding, path, opening, (database) => {
    migrate(database, { subject: opening.subject, nowMs: opening.settings.clock.nowMs() });
  });
}

function connectTo(
  binding: SqliteBinding,
  path: string,
  { settings, subject }: Opening,
  prepare?: (database: SqliteDatabase) => void,
): Connection {
  const database = openDatabase(binding, path);
  try {
    database.exec("pragma busy_timeout = 0");
    if (path !== MEMORY) useLog(database, subject);
    database.exec(`pragma synchronous = ${settings.isFullyDurable ? "full" : "normal"}`);
    database.exec(`pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.exec(`pragma journal_size_limit = ${LOG_BYTES_KEPT}`);
    database.exec(`pragma cache_size = -${CACHE_KIB}`);
    database.exec("pragma temp_store = memory");
    prepare?.(database);
    return new Connection(database, settings.isFullyDurable && path !== MEMORY);
  } catch (error) {
    database.close();
    throw error;
  }
}

function useLog(database: SqliteDatabase, subject: string): void {
  const row = database.prepare("pragma journal_mode = wal").get();
  if ((row as { journal_mode: unknown }).journal_mode === "wal") return;
  throw new ProviderError(
    "store_failed",
    `Cannot open ${subject}: its file system has no shared memory, which SQLite's log needs; ` +
      "use a local disk",
    { retryable: false },
  );
}

/** @returns The file's facts; `undefined` when it does not exist yet */
function checkPath(path: string, subject: string): Stats | undefined {
  const folder = dirname(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new ProviderError(
      "store_not_found",
      `Cannot open ${subject}: the folder "${folder}" does not exist; create it`,
      { retryable: false },
    );
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isFile()) throw notOurs(subject, "it is not a file");
  assertWritable(folder, "the folder", subject);
  if (stats !== undefined) assertWritable(path, "the file", subject);
  return stats;
}

function assertWritable(path: string, what: string, subject: string): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw new ProviderError(
      "store_read_only",
      `Cannot open ${subject}: ${what} "${path}" is not writable; ` +
        "make the file and its folder writable for this user",
      { retryable: false, cause: error },
    );
  }
}

function checkMagic(path: string, subject: string): void {
  const bytes = Buffer.alloc(MAGIC.length);
  const descriptor = openSync(path, "r");
  try {
    readSync(descriptor, bytes, 0, bytes.length, 0);
  } finally {
    closeSync(descriptor);
  }
  if (bytes.toString("latin1") !== MAGIC) throw notOurs(subject, "it is not a SQLite database");
}

function toOpenError(error: unknown, subject: string): ProviderError {
  if (isNotDatabase(error)) return notOurs(subject, "SQLite cannot read it as a database");
  if (resultCodeOf(error) !== undefined || error instanceof ProviderError) {
    return toProviderError(error, "open", subject);
  }
  return new ProviderError(
    "store_failed",
    `Cannot open ${subject}: the file system or the binding refuses; see the cause`,
    { retryable: false, cause: error },
  );
}
