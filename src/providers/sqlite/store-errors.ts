/**
 * What SQLite reports, as the contract's errors.
 *
 * Boundary: sorts by SQLite's numeric result codes and not by the texts of messages (R30); the one
 * exception is a binding that forgets the number, see {@link resultCodeOf}.
 */

import { UsageError } from "../../foundation/errors.ts";
import { hasNoDescriptors } from "../../foundation/free-descriptors.ts";
import { ProviderError, type ProviderErrorCode } from "../../provider/errors.ts";

const BUSY = 5;
const LOCKED = 6;
const CANTOPEN = 14;
const NOTADB = 26;

/** Primary result codes of SQLite that this store tells apart. */
const PRIMARY_CODES: Readonly<Record<string, number>> = {
  ERROR: 1,
  INTERNAL: 2,
  PERM: 3,
  ABORT: 4,
  BUSY,
  LOCKED,
  NOMEM: 7,
  READONLY: 8,
  INTERRUPT: 9,
  IOERR: 10,
  CORRUPT: 11,
  NOTFOUND: 12,
  FULL: 13,
  CANTOPEN,
  PROTOCOL: 15,
  SCHEMA: 17,
  TOOBIG: 18,
  CONSTRAINT: 19,
  MISMATCH: 20,
  MISUSE: 21,
  AUTH: 23,
  RANGE: 25,
  NOTADB,
};

/** SQLite's own, fixed names of result codes (`sqlite3_errstr`). */
const CODES_BY_NAME: ReadonlyMap<unknown, number> = new Map([
  ["database is locked", BUSY],
  ["database table is locked", LOCKED],
  ["out of memory", 7],
  ["attempt to write a readonly database", 8],
  ["interrupted", 9],
  ["disk I/O error", 10],
  ["database disk image is malformed", 11],
  ["database or disk is full", 13],
  ["unable to open database file", 14],
  ["locking protocol", 15],
  ["database schema has changed", 17],
  ["file is not a database", NOTADB],
]);

interface Verdict {
  readonly code: ProviderErrorCode;
  readonly retryable: boolean;
  readonly is: string;
  readonly advice: string;
}

const RETRY_FAILED = { code: "store_failed", retryable: true } as const;

const VERDICTS: Readonly<Record<number, Verdict>> = {
  [BUSY]: {
    code: "store_busy",
    retryable: true,
    is: "another process or connection holds its lock",
    advice: "end its transaction, or raise busyTimeout",
  },
  7: { ...RETRY_FAILED, is: "SQLite is out of memory", advice: "give the process more memory" },
  8: {
    code: "store_read_only",
    retryable: false,
    is: "it is read-only",
    advice: "make the file and its folder writable for this user",
  },
  9: { ...RETRY_FAILED, is: "SQLite was interrupted", advice: "try again" },
  10: { ...RETRY_FAILED, is: "the disk reports an error", advice: "check the disk" },
  11: {
    code: "store_corrupt",
    retryable: false,
    is: "the file is damaged",
    advice: "restore it from a backup",
  },
  13: { ...RETRY_FAILED, is: "the disk is full", advice: "free some space" },
  [CANTOPEN]: {
    ...RETRY_FAILED,
    is: "a file of the store cannot be opened",
    advice: "check the folder and its permissions",
  },
  15: { ...RETRY_FAILED, is: "another process is changing its lock", advice: "try again" },
  17: { ...RETRY_FAILED, is: "its tables were changed meanwhile", advice: "try again" },
  19: {
    code: "store_failed",
    retryable: false,
    is: "a row contradicts one that is there already",
    advice: "report this with the cause",
  },
  [NOTADB]: {
    code: "store_corrupt",
    retryable: false,
    is: "the file is no SQLite database any more",
    advice: "restore it from a backup",
  },
};

const NO_DESCRIPTORS: Verdict = {
  ...RETRY_FAILED,
  is: "this process has no free file descriptors",
  advice: "close files and sockets, or raise their limit (`ulimit -n`)",
};

const UNKNOWN: Verdict = {
  code: "store_failed",
  retryable: false,
  is: "SQLite refuses",
  advice: "see the cause",
};

/**
 * The numeric result code of a binding's error, extended where the binding says so.
 *
 * @returns `undefined` when the error is none of SQLite's
 */
export function resultCodeOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { errcode, rawCode, code, message } = error as Readonly<Record<string, unknown>>;
  if (typeof errcode === "number") return errcode;
  if (typeof rawCode === "number") return rawCode;
  // `all()` of @photostructure/sqlite 1.2.1 throws without the number. A lock taken for a permanent
  // error would fail orchestrations, so here the whole message, and nothing less, is looked up.
  if (code === "ERR_SQLITE_ERROR") return CODES_BY_NAME.get(message);
  // better-sqlite3 names its codes, such as SQLITE_BUSY_SNAPSHOT: the second word is the primary one.
  const [prefix, primary] = typeof code === "string" ? code.split("_") : [];
  return prefix === "SQLITE" ? PRIMARY_CODES[primary ?? ""] : undefined;
}

/** Thrown where SQLite is not asked because it would only say that it is busy. */
export class BusyError extends Error {
  readonly errcode: number = BUSY;
}

/** Thrown where SQLite is not asked because it could not open the file. */
export class CannotOpenError extends Error {
  readonly errcode: number = CANTOPEN;
}

/** Whether waiting for another connection helps. */
export function isBusy(error: unknown): boolean {
  const primary = primaryCodeOf(error);
  return primary === BUSY || primary === LOCKED;
}

/** Busy, locked, out of memory, read-only, interrupted, disk, damage, full, cannot open, protocol. */
const FAULTS: ReadonlySet<number | undefined> = new Set([5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26]);

/** Whether the trouble lies with the store and not with a statement. */
export function isStoreFault(error: unknown): boolean {
  return FAULTS.has(primaryCodeOf(error));
}

/** Whether SQLite says that the file is no database. */
export function isNotDatabase(error: unknown): boolean {
  return primaryCodeOf(error) === NOTADB;
}

/**
 * Turns anything that was thrown into the contract's error.
 *
 * @param doing - The verb of the message, such as `write to`
 * @param subject - The object of the message, such as `store "orders.db"`
 */
export function toProviderError(
  error: unknown,
  doing: string,
  subject: string,
): ProviderError | UsageError {
  // A mistake of the caller is no fault of the store.
  if (error instanceof ProviderError || error instanceof UsageError) return error;
  const resultCode = resultCodeOf(error);
  const primary = primaryCodeOf(error) ?? -1;
  // SQLite does not say why it could not open a file.
  const isShort = primary === CANTOPEN && hasNoDescriptors();
  const known = VERDICTS[primary === LOCKED ? BUSY : primary] ?? UNKNOWN;
  const verdict = isShort ? NO_DESCRIPTORS : known;
  return new ProviderError(
    verdict.code,
    `Cannot ${doing} ${subject}: ${verdict.is}; ${verdict.advice}`,
    {
      retryable: verdict.retryable,
      cause: error,
      ...(resultCode !== undefined && { details: { resultCode } }),
    },
  );
}

function primaryCodeOf(error: unknown): number | undefined {
  const code = resultCodeOf(error);
  return code === undefined ? undefined : code & 0xff;
}
