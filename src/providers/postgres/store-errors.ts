/**
 * What PostgreSQL and its driver report, as the contract's errors.
 *
 * Boundary: sorts by SQLSTATE and by Node's error codes, never by the texts of messages.
 *
 * E1. Only what the statement itself cannot mend (a contradiction in the data, a right that is
 *     missing, a table that is not there) is permanent. Whatever is about the connection, the server,
 *     locks or space passes, and is tried again (guarantee G7).
 */

import { ProviderError, type ProviderErrorCode } from "../../provider/errors.ts";

interface Verdict {
  readonly code: ProviderErrorCode;
  readonly retryable: boolean;
  readonly is: string;
  readonly advice: string;
}

const UNREACHABLE: Verdict = {
  code: "store_unreachable",
  retryable: true,
  is: "the server cannot be reached",
  advice: "check that it runs, its address and the network",
};

const MISSING: Verdict = {
  code: "store_not_found",
  retryable: false,
  is: "the database, or a table of this schema, does not exist",
  advice: "create the database; let the provider migrate, or run its migration script",
};

const REFUSED: Verdict = {
  code: "store_unreachable",
  retryable: true,
  is: "the server refuses the login",
  advice: "check user, password and pg_hba.conf",
};

/** By SQLSTATE, whole or its class of two characters; the whole one counts first. */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  "08": UNREACHABLE,
  "22": {
    code: "store_failed",
    retryable: false,
    is: "a value cannot be stored",
    advice: "see the cause",
  },
  "23": {
    code: "store_failed",
    retryable: false,
    is: "a row contradicts one that is there already",
    advice: "report this with the cause",
  },
  "25006": {
    code: "store_read_only",
    retryable: true,
    is: "the server is read-only, as a standby is",
    advice: "connect to the primary",
  },
  "25P03": UNREACHABLE,
  "25P04": UNREACHABLE,
  "28": REFUSED,
  "3D000": MISSING,
  "3F000": MISSING,
  "40": {
    code: "store_busy",
    retryable: true,
    is: "another transaction was in the way",
    advice: "try again",
  },
  "42501": {
    code: "store_failed",
    retryable: false,
    is: "this user lacks a right",
    advice: "grant it, see docs/operations/least-privilege.md",
  },
  "42883": MISSING,
  "42P01": MISSING,
  "53": {
    code: "store_failed",
    retryable: true,
    is: "the server is out of connections, memory or disk",
    advice: "free some, or raise its limits",
  },
  "55": { code: "store_busy", retryable: true, is: "something is locked", advice: "try again" },
  "57": {
    code: "store_unreachable",
    retryable: true,
    is: "the server stops, starts or has ended the statement",
    advice: "try again",
  },
  "58": {
    code: "store_failed",
    retryable: true,
    is: "the server's disk reports an error",
    advice: "look after its disk",
  },
  XX001: {
    code: "store_corrupt",
    retryable: false,
    is: "the database is damaged",
    advice: "restore it from a backup",
  },
};

const TOO_LARGE: Verdict = {
  code: "store_failed",
  retryable: false,
  is: "what is to be written cannot be put into words",
  advice: "it is probably too large; see the cause",
};

const UNKNOWN: Verdict = {
  code: "store_failed",
  retryable: false,
  is: "PostgreSQL refuses",
  advice: "see the cause",
};

/** The SQLSTATE of an error; undefined when the server did not send it. */
export function sqlStateOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, severity } = error as Readonly<Record<string, unknown>>;
  const isState = typeof code === "string" && /^[0-9A-Z]{5}$/.test(code);
  return isState && severity !== undefined ? code : undefined;
}

/** Whether the connection can go on after the error. */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlStateOf(error);
  return (
    state === undefined ||
    state.startsWith("08") ||
    state.startsWith("57P") ||
    state === "25P03" ||
    state === "25P04"
  );
}

/**
 * Turns anything that was thrown into the contract's error.
 *
 * @param doing - The verb of the message, such as `write to`
 * @param subject - The object of the message, such as `schema "duroxide"`
 */
export function toProviderError(error: unknown, doing: string, subject: string): ProviderError {
  if (error instanceof ProviderError) return error;
  const state = sqlStateOf(error);
  const verdict = judge(error, state);
  return new ProviderError(
    verdict.code,
    `Cannot ${doing} ${subject}: ${verdict.is}; ${verdict.advice}`,
    {
      retryable: verdict.retryable,
      cause: error,
      ...(state !== undefined && { details: { sqlState: state } }),
    },
  );
}

function judge(error: unknown, state: string | undefined): Verdict {
  if (state !== undefined) return VERDICTS[state] ?? VERDICTS[state.slice(0, 2)] ?? UNKNOWN;
  return error instanceof RangeError || error instanceof TypeError ? TOO_LARGE : UNREACHABLE;
}
