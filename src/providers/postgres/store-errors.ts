/**
 * What PostgreSQL and its driver report, as the contract's errors.
 *
 * Boundary: sorts by SQLSTATE and by Node's error codes, never by the texts of messages.
 *
 * E1. Only what the statement itself cannot mend (a contradiction in the data, a right that is
 *     missing, a table that is not there) is permanent. Whatever is about the connection, the server,
 *     locks or space passes, and is tried again (guarantee G7).
 */

import { UsageError } from "../../foundation/errors.ts";
import { ProviderError, type ProviderErrorCode } from "../../provider/errors.ts";
import { NOT_POSTGRES } from "./guard.ts";

interface Verdict {
  readonly code: ProviderErrorCode;
  readonly retryable: boolean;
  readonly is: string;
  readonly advice: string;
  /** Whether the words of the server or the driver are quoted: names of objects, and no values. */
  readonly isQuoted?: boolean | undefined;
}

/** Longest quotation, in characters. */
const QUOTE_MAX = 200;

const UNREACHABLE: Verdict = {
  code: "store_unreachable",
  retryable: true,
  is: "the server cannot be reached",
  advice: "check that it runs, its address and the network",
};

const MISSING: Verdict = {
  code: "store_not_found",
  retryable: false,
  is: "a table or function of this schema does not exist",
  advice: "let the provider migrate, or run its migration script",
};

const DATABASE_MISSING: Verdict = {
  code: "store_not_found",
  retryable: false,
  is: "the database does not exist",
  advice: "create it, or correct its name",
  isQuoted: true,
};

const REFUSED: Verdict = {
  ...UNREACHABLE,
  is: "the server refuses the login",
  advice:
    "check that the user exists and may log in, and that pg_hba.conf admits it from here, with or without SSL (`sslmode`)",
  isQuoted: true,
};

const UNTRUSTED: Verdict = {
  ...UNREACHABLE,
  is: "the server's certificate is not trusted",
  advice:
    "pass the certificate of its authority (`sslrootcert`), and the name that it is issued for",
  isQuoted: true,
};

const NO_WAY: Verdict = {
  ...UNREACHABLE,
  is: "there is no way to it",
  advice: "check the address, the network and what filters it",
};

const NO_SOCKET: Verdict = {
  ...UNREACHABLE,
  is: "there is no socket of a server",
  advice: "check the folder, the port, and that the server runs",
};

const BROKEN_OFF: Verdict = {
  ...UNREACHABLE,
  is: "the connection was broken off",
  advice: "check that the server runs, and the network",
};

/** What Node reports of a connection, by its code. */
const NODE_VERDICTS: Readonly<Record<string, Verdict>> = {
  ECONNREFUSED: {
    ...UNREACHABLE,
    is: "nothing listens there",
    advice: "check host and port, and that the server runs and listens to TCP",
  },
  ENOTFOUND: {
    ...UNREACHABLE,
    is: "the name of the host is not known",
    advice:
      "check how it is spelled, and the name server; in a URL user and password are encoded with encodeURIComponent()",
  },
  EAI_AGAIN: {
    ...UNREACHABLE,
    is: "the name of the host cannot be looked up",
    advice: "check the name server and the network",
  },
  ENOENT: NO_SOCKET,
  ENOTDIR: NO_SOCKET,
  EACCES: { ...NO_SOCKET, is: "its socket may not be used by this process" },
  ETIMEDOUT: NO_WAY,
  EHOSTUNREACH: NO_WAY,
  ENETUNREACH: NO_WAY,
  ECONNRESET: BROKEN_OFF,
  EPIPE: BROKEN_OFF,
  [NOT_POSTGRES]: {
    ...UNREACHABLE,
    is: "what answers there is no PostgreSQL server, or does not speak this TLS",
    advice: "check host, port and `sslmode`",
  },
  ERR_SOCKET_BAD_PORT: {
    code: "store_failed",
    retryable: false,
    is: "its port is not from 1 to 65535",
    advice: "correct the port of the pool",
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_HAS_EXPIRED: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: UNTRUSTED,
};

/** What only the driver knows, such as a server without SSL. */
const DRIVER_FAILED: Verdict = {
  ...UNREACHABLE,
  is: "the connection failed",
  advice: "check the server and the network, and whether both sides want SSL (`sslmode`)",
  isQuoted: true,
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
  "28P01": {
    ...REFUSED,
    advice: "check user and password; in a URL both are encoded with encodeURIComponent()",
  },
  "3D000": DATABASE_MISSING,
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
    advice:
      "let an administrator run PostgresProvider.migrationScript({ role }), see docs/operations/least-privilege.md",
    isQuoted: true,
  },
  "42883": MISSING,
  "42P01": MISSING,
  "53": {
    code: "store_failed",
    retryable: true,
    is: "the server is out of connections, memory or disk",
    advice: "free some, or raise its limits",
    isQuoted: true,
  },
  "53300": {
    code: "store_failed",
    retryable: true,
    is: "the server has no connection left",
    advice: "close idle ones, lower `maxConnections`, or raise the server's max_connections",
    isQuoted: true,
  },
  "55": { code: "store_busy", retryable: true, is: "something is locked", advice: "try again" },
  "57": {
    code: "store_unreachable",
    retryable: true,
    is: "the server stops, or has ended the statement",
    advice: "try again",
    isQuoted: true,
  },
  "57P03": {
    ...UNREACHABLE,
    is: "the server is not ready",
    advice: "try again when it has started",
    isQuoted: true,
  },
  "58": {
    code: "store_failed",
    retryable: true,
    is: "the server's disk reports an error",
    advice: "check its disk",
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
export function toProviderError(
  error: unknown,
  doing: string,
  subject: string,
): ProviderError | UsageError {
  // A mistake of the caller is no fault of the store.
  if (error instanceof ProviderError || error instanceof UsageError) return error;
  const state = sqlStateOf(error);
  const verdict = judge(error, state);
  return new ProviderError(
    verdict.code,
    `Cannot ${doing} ${subject}: ${verdict.is}${verdict.isQuoted === true ? quote(error) : ""}; ${verdict.advice}`,
    {
      retryable: verdict.retryable,
      cause: error,
      ...(state !== undefined && { details: { sqlState: state } }),
    },
  );
}

function judge(error: unknown, state: string | undefined): Verdict {
  if (state !== undefined) return VERDICTS[state] ?? VERDICTS[state.slice(0, 2)] ?? UNKNOWN;
  const { code } = error as { readonly code?: unknown };
  if (typeof code === "string") return NODE_VERDICTS[code] ?? UNREACHABLE;
  return error instanceof RangeError || error instanceof TypeError ? TOO_LARGE : DRIVER_FAILED;
}

function quote(error: unknown): string {
  const { message } = error as { readonly message?: unknown };
  return typeof message === "string" ? ` (${message.slice(0, QUOTE_MAX)})` : "";
}
