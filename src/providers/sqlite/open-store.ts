/**
 * Opens a file as a store, or says exactly why it cannot.
 *
 * Boundary: only SQLite opens the file, its log and its index, see `open-files.ts`.
 *
 * I1. A file that turns out not to be ours is closed as it was found: it is inspected through a
 *     read-only connection before anything is set.
 * I2. Waiting for another process does not block the event loop: SQLite's own busy handler is off.
 */

import { accessSync, constants, realpathSync, statSync, type Stats } from "node:fs";
import { dirname, resolve } from "node:path";

import type { UsageError } from "../../foundation/errors.ts";
import { hasNoDescriptors } from "../../foundation/free-descriptors.ts";
import { ProviderError } from "../../provider/errors.ts";
import { findBinding } from "./binding.ts";
import { Connection, openDatabase, type SqliteBinding, type SqliteDatabase } from "./driver.ts";
import { MEMORY } from "./file-name.ts";
import { FileInPlace } from "./file-in-place.ts";
import { type Pages, readPagesOf } from "./file-size.ts";
import { checkSchema, migrate, notOurs } from "./migrate.ts";
import { abandon, disconnect, FileOpening, noteOpen } from "./open-files.ts";
import type { StoreSettings } from "./options.ts";
import { CannotOpenError, isNotDatabase, resultCodeOf, toProviderError } from "./store-errors.ts";
import { waitWhileBusy } from "./busy.ts";

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
  /** Absolute path without symbolic links, where log and index lie; absent in memory. */
  readonly file: string | undefined;
  /** Absent in memory. */
  readonly place: FileInPlace | undefined;
  /** Opens one more connection to the same file; in memory there is but the one. */
  readonly connectAgain: () => Connection;
  /** Closes one of its connections. */
  readonly disconnect: (connection: Connection) => void;
}

/** @throws ProviderError each `store_...` code, `sqlite_binding_missing` */
export async function openStore(file: string, settings: StoreSettings): Promise<OpenStore> {
  const subject = `store "${file.slice(0, 1_000)}"`;
  if (file !== MEMORY && hasNoDescriptors()) {
    throw toProviderError(new CannotOpenError(), "open", subject);
  }
  const binding = settings.binding ?? (await findBinding());
  const opening = { settings, subject };
  try {
    if (file === MEMORY) {
      const connection = connect(binding, MEMORY, opening);
      const disconnect = (): void => connection.close();
      const connectAgain = (): Connection => connection;
      return { connection, subject, file: undefined, place: undefined, connectAgain, disconnect };
    }
    const path = resolve(file);
    const connection = await waitWhileBusy(settings.busyTimeoutMs, () =>
      openFile(binding, path, opening),
    );
    return toFileStore(connection, { binding, name: path, opening });
  } catch (error) {
    throw toOpenError(error, subject);
  }
}

function toFileStore(
  connection: Connection,
  from: { readonly binding: SqliteBinding; readonly name: string; readonly opening: Opening },
): OpenStore {
  const { binding, name, opening } = from;
  const path = realpathSync(name);
  const forget = noteOpen(path, connection.database);
  const readPages = (): Pages => readPagesOf(connection.database);
  const place = new FileInPlace(path, opening.subject, { name, readPages });
  return {
    connection,
    subject: opening.subject,
    file: path,
    place,
    connectAgain: () => connectTo(binding, path, opening),
    disconnect: (one) => {
      if (one === connection) forget();
      if (place.isGone()) abandon(one);
      else disconnect(path, one);
    },
  };
}

interface Opening {
  readonly settings: StoreSettings;
  readonly subject: string;
}

function openFile(binding: SqliteBinding, name: string, opening: Opening): Connection {
  const stats = checkPath(name, opening.subject);
  const path = stats === undefined ? name : realpathSync(name);
  const file = new FileOpening(binding, path, opening.subject);
  if (stats !== undefined && stats.size > 0) inspect(binding, path, { file, ...opening });
  const connection = connect(binding, path, opening);
  file.assertAlone(connection.database);
  return connection;
}

function inspect(
  binding: SqliteBinding,
  path: string,
  { file, subject }: { readonly file: FileOpening; readonly subject: string },
): void {
  const database = file.kept ?? openDatabase(binding, path, true);
  try {
    database.exec("pragma busy_timeout = 0");
    checkSchema(database, subject);
  } catch (error) {
    file.close(database);
    throw error;
  }
  file.assertAlone(database);
  file.close(database);
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
  if (stats !== undefined) {
    assertWritable(path, "the file", subject);
    assertOneName(stats, subject);
  }
  return stats;
}

/** SQLite names log and index after the file: under two names, two logs would belong to one file. */
function assertOneName({ nlink }: Stats, subject: string): void {
  if (nlink <= 1) return;
  throw new ProviderError(
    "store_unsafe",
    `Cannot open ${subject}: it has ${nlink} names (hard links), and each would get a log of its ` +
      "own; remove the other names, or make copies of the file instead",
    { retryable: false },
  );
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

function toOpenError(error: unknown, subject: string): ProviderError | UsageError {
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
