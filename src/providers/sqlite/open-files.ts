/**
 * Which connections of this process have a file open.
 *
 * Boundary: counts descriptors and compares libraries; knows no table.
 *
 * POSIX drops every lock that a process holds on a file when the process closes any descriptor of it.
 * Within one SQLite library that is taken care of, for all connections of all threads: it closes no
 * descriptor while it holds a lock. Two libraries in one process know nothing of each other: neither
 * sees the other's locks, and a connection that one closes drops the locks of both.
 *
 * I1. Nothing here opens the file, its log or its index: descriptors are counted, and none is made.
 * I2. A library has one descriptor of the log's index, whatever the number of its connections and
 *     threads: two descriptors are two libraries.
 * I3. A connection that stands beside one of another library is kept, and not closed.
 * I4. Copies of this package in one thread share one register, by a symbol of the process. Threads find
 *     each other's stores by their notes (`open-notes.ts`).
 * I5. The end of a thread closes what is kept in it (I3). So a thread other than the main one opens
 *     nothing beside a connection that may be of another library.
 */

import { readFileSync, statSync, type Stats } from "node:fs";
import { isMainThread } from "node:worker_threads";

import { ProviderError } from "../../provider/errors.ts";
import { countDescriptors } from "./descriptors.ts";
import {
  type Connection,
  openDatabase,
  type SqliteBinding,
  type SqliteDatabase,
} from "./driver.ts";
import { hasOtherLibrary, isSameLibrary, readMark } from "./library.ts";
import { leaveNote, readNotes } from "./open-notes.ts";
import { BusyError } from "./store-errors.ts";

/** The last byte of the index that is locked within transactions; the next one is locked for good. */
const INDEX_LOCK_MAX = 127;

interface Register {
  /** The connections of open stores, by file. */
  readonly open: Map<string, Set<WeakRef<SqliteDatabase>>>;
  /** (I3) */
  readonly kept: Map<string, SqliteDatabase>;
}

const REGISTER = Symbol.for("duroxide-ts.sqlite.open-files");

function register(): Register {
  const holder = globalThis as { [REGISTER]?: Register };
  const found = holder[REGISTER] ?? { open: new Map(), kept: new Map() };
  holder[REGISTER] = found;
  return found;
}

/** A file on its way to be opened, and who else of this process has it open. */
export class FileOpening {
  readonly #path: string;
  readonly #subject: string;
  /** Undefined while the file does not exist. */
  readonly #key: string | undefined;

  /**
   * @param path - Without symbolic links
   * @throws ProviderError `store_unsafe` when another library has it open
   * @throws BusyError while a transaction of this process has it locked
   */
  constructor(binding: SqliteBinding, path: string, subject: string) {
    this.#path = path;
    this.#subject = subject;
    const stats = statSync(path, { throwIfNoEntry: false });
    this.#key = stats && toKey(stats);
    const known = this.#key === undefined ? [] : readOpen(this.#key);
    if (countLibraries(path) > 1 || isForeign(binding, known)) throw this.#unsafe();
    if (stats === undefined || known.length > 0 || countDescriptors(stats) === 0) return;
    const libraries = readNotes(toKey(stats));
    if (libraries.length > 0 && !hasMark(binding, libraries)) throw this.#unsafe();
    if (libraries.length === 0 && !isMainThread && hasOtherLibrary(binding)) throw this.#unknown();
    this.#assertNoTransaction(stats);
  }

  /** A connection that had to be kept when the file was looked at before. */
  get kept(): SqliteDatabase | undefined {
    return this.#key === undefined ? undefined : register().kept.get(this.#key);
  }

  /** Closes a connection that has only looked at the file, unless that harms others (I3). */
  close(database: SqliteDatabase): void {
    if (countLibraries(this.#path) > 1) this.#keep(database);
    else database.close();
  }

  /** @throws ProviderError `store_unsafe` when `database` stands beside one of another library */
  assertAlone(database: SqliteDatabase): void {
    if (countLibraries(this.#path) <= 1) return;
    this.#keep(database);
    throw this.#unsafe();
  }

  #keep(database: SqliteDatabase): void {
    if (this.#key !== undefined) register().kept.set(this.#key, database);
  }

  /**
   * Whose the connections are that this thread does not know is found out by opening one more; within
   * a transaction of another library that would do harm.
   */
  #assertNoTransaction(stats: Stats): void {
    const index = statSync(`${this.#path}-shm`, { throwIfNoEntry: false });
    const isLocked = index === undefined ? hasLock(stats) : hasLock(index, INDEX_LOCK_MAX);
    if (isLocked) throw new BusyError();
  }

  #unsafe(): ProviderError {
    return new ProviderError(
      "store_unsafe",
      `Cannot open ${this.#subject}: another SQLite library of this process has its file open, and ` +
        "each would drop the locks of the other; open both by one library (option binding), or in " +
        "processes of their own",
      { retryable: false },
    );
  }

  /** (I5) */
  #unknown(): ProviderError {
    return new ProviderError(
      "store_unsafe",
      `Cannot open ${this.#subject} in this thread: a connection of this process that is not a ` +
        "store's has its file open, and may be of another SQLite library that is loaded; open the " +
        "store before that connection, or in the main thread",
      { retryable: false },
    );
  }
}

/** Notes that a store has a file open. @returns What takes the note back */
export function noteOpen(path: string, database: SqliteDatabase): () => void {
  const { open } = register();
  const key = toKey(statSync(path));
  const entries = open.get(key) ?? new Set();
  const entry = new WeakRef(database);
  open.set(key, entries.add(entry));
  const takeBack = leaveNote(key, readMark(database));
  return () => {
    takeBack();
    entries.delete(entry);
    if (entries.size === 0 && open.get(key) === entries) open.delete(key);
  };
}

function isForeign(binding: SqliteBinding, known: readonly SqliteDatabase[]): boolean {
  if (known.length === 0) return false;
  const own = openDatabase(binding, ":memory:");
  try {
    return known.some((database) => !isSameLibrary(own, database));
  } finally {
    own.close();
  }
}

function hasMark(binding: SqliteBinding, libraries: readonly number[]): boolean {
  const own = openDatabase(binding, ":memory:");
  try {
    return libraries.includes(readMark(own));
  } finally {
    own.close();
  }
}

/** Closes a connection of a store, or moves its log into the file and keeps it (I3). */
export function disconnect(path: string, connection: Connection): void {
  if (countLibraries(path) <= 1) {
    connection.close();
    return;
  }
  connection.moveLog();
  register().kept.set(toKey(statSync(path)), connection.database);
}

/** Connections to files that are gone. */
const abandoned: Connection[] = [];

/**
 * Keeps a connection whose file, log or index was removed or replaced: closing it would copy its
 * stale log over what others have written to the file since.
 */
export function abandon(connection: Connection): void {
  abandoned.push(connection);
}

function readOpen(key: string): readonly SqliteDatabase[] {
  const entries = register().open.get(key) ?? [];
  return [...entries].map((entry) => entry.deref()).filter((it) => it !== undefined);
}

/** (I2) 0 when there is no log, or the system does not say. */
function countLibraries(path: string): number {
  const stats = statSync(`${path}-shm`, { throwIfNoEntry: false });
  return stats === undefined ? 0 : countDescriptors(stats);
}

/** Whether this process holds a lock on a file, as far as the system says. */
function hasLock({ ino }: Stats, byteMax: number = Number.MAX_SAFE_INTEGER): boolean {
  return readLocks().some((lock) => {
    const [first] = lock.trim().split(" ").slice(-2);
    const isOurs = lock.includes(` ${process.pid} `) && lock.includes(`:${ino} `);
    return isOurs && Number(first) <= byteMax;
  });
}

function readLocks(): readonly string[] {
  try {
    return readFileSync("/proc/locks", "latin1").split("\n");
  } catch {
    return []; // Not Linux.
  }
}

function toKey({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}
