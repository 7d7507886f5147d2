/**
 * Where a store is, for the errors: host, port, database and user, never the password.
 *
 * A1. A target that cannot be one is refused before anything is connected, with what it is and what
 *     to pass. Nothing of it is repeated that could be a part of a password.
 */

import { UsageError } from "../../foundation/errors.ts";
import type { Driver, DriverTarget, PgPool } from "./driver.ts";
import { findMisfit } from "./pool-shape.ts";

/** What is known of a server and a database. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** Undefined where the driver has none to propose. */
  readonly database: string | undefined;
  readonly user: string | undefined;
}

const PORT_MAX = 65_535;
const WANTED = "pass a URL such as postgres://user:secret@host:5432/database, or a pool of `pg`";
/** What the driver takes: a URL, or a folder of sockets followed by a database. */
const TAKEN = /^(postgres|postgresql|socket):|^\/\S* \S/i;
/** Up to the path; a user and a password may hold anything but what has to be encoded. */
const AUTHORITY = /^postgres(?:ql)?:\/\/([^/?#]*@)?(?:\[[^\]]*\]|[^:/?#@]*)(?::([^/?#]*))?(.*)$/is;
/** A name of a file, which holds no secret. */
const FILE_NAME = /^(file:)?[\w./\\ -]{1,100}\.\w{1,8}$/;

/** The store in error messages. */
export function describeStore(schema: string, at: Address | undefined): string {
  if (at === undefined) return `schema "${schema}"`;
  const { host, port, database, user } = at;
  const server = host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : `${host}:${port}`;
  const of = database === undefined ? "" : ` of database "${database}"`;
  const as = user === undefined ? "" : ` as user "${user}"`;
  return `schema "${schema}"${of} at ${server}${as}`;
}

/** @throws UsageError `invalid_argument` for what is neither a URL nor a pool (A1) */
export function assertTarget(target: unknown): asserts target is string | PgPool {
  if (typeof target === "string") {
    assertUrl(target);
    return;
  }
  const misfit = findMisfit(target);
  if (misfit !== undefined) throw badTarget(misfit.is, misfit.advice);
}

/** Where the driver will connect to. @throws UsageError `invalid_argument` (A1) */
export function toAddress(url: string, { Client }: Driver): Address {
  let target: DriverTarget;
  try {
    target = new Client({ connectionString: url });
  } catch {
    // Its error may repeat the URL, and the password in it.
    throw badTarget(
      "its URL cannot be read: special characters of a user or password are not encoded, or a file of certificates is not there",
    );
  }
  const { host, port, database, user } = target;
  if (!isPort(port)) throw badPort(`not a whole number from 1 to ${PORT_MAX}`);
  return { host: String(host), port, database: toName(database), user: toName(user) };
}

/** What a pool of the user says of itself; undefined where it says nothing. */
export function addressOf({ options = {} }: PgPool): Address | undefined {
  const url = toUrl(options.connectionString);
  const host = options.host ?? url?.hostname;
  const database = options.database ?? url?.pathname.slice(1);
  if (host === undefined || database === undefined) return undefined;
  const port = Number(options.port ?? (url?.port === "" ? undefined : url?.port) ?? 5432);
  const user = options.user ?? url?.username ?? "";
  return { host, port, database: toName(decode(database)), user: toName(decode(user)) };
}

function assertUrl(url: string): void {
  if (url.trim() === "") throw badTarget("its URL is empty");
  if (!TAKEN.test(url)) {
    const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0];
    if (FILE_NAME.test(url)) {
      throw badTarget(
        `"${url}" looks like a file and not like a URL`,
        `${WANTED}; a file is opened by SqliteProvider.open()`,
      );
    }
    throw badTarget(
      scheme === undefined
        ? "its target is a text that is no URL"
        : `its URL begins with "${scheme.slice(0, 40)}" and not with "postgres://"`,
    );
  }
  const [, login, port, rest = ""] = AUTHORITY.exec(url) ?? [];
  if (isTornApart(rest)) {
    throw badTarget(
      "its user or password holds an unencoded character such as / ? # or @",
      "encode both with encodeURIComponent()",
    );
  }
  if (port === undefined || port === "") return;
  if (isPort(/^\d+$/.test(port) ? Number(port) : undefined)) return;
  // Without a login it may be the password of one whose host was forgotten. (A1)
  const isShown = login !== undefined || port === "undefined";
  throw badPort(isShown ? `"${port.slice(0, 40)}"` : `not a whole number from 1 to ${PORT_MAX}`);
}

/** Whether what follows the host shows that a password has ended too early, and the host with it. */
function isTornApart(rest: string): boolean {
  const [path = "", query = ""] = rest.split("?", 2);
  // The driver has no use for a fragment; an `@` in a parameter's value is that of a user.
  return rest.includes("#") || path.includes("@") || /^[^=&]*@/.test(query);
}

function toName(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isPort(port: unknown): port is number {
  return typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= PORT_MAX;
}

/** As it is where it is not encoded: a pool of the user may name it outright. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function toUrl(text: string | undefined): URL | undefined {
  try {
    return text === undefined ? undefined : new URL(text);
  } catch {
    return undefined;
  }
}

function badPort(what: string): UsageError {
  return badTarget(
    `its port is ${what}`,
    `pass a port from 1 to ${PORT_MAX}; PostgreSQL's usual one is 5432`,
  );
}

function badTarget(what: string, remedy: string = WANTED): UsageError {
  return new UsageError("invalid_argument", `Cannot connect to PostgreSQL: ${what}; ${remedy}`);
}
