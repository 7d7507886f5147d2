/**
 * Tells a pool from what users have at hand in its place: one client, a query builder, a configuration.
 *
 * Boundary: knows a few names of members of other libraries, and calls none of them.
 *
 * I1. No client gets past it: its events carry other values than those of a pool.
 * I2. No value of the target is repeated, since it may hold a password; only names of its members.
 */

import type { PgPool } from "./driver.ts";

/** Why something is no pool. */
export interface Misfit {
  readonly is: string;
  /** Undefined where the usual advice does. */
  readonly advice?: string | undefined;
}

type Members = Readonly<Partial<Record<string, unknown>>>;

const METHODS = ["connect", "on", "end"] as const satisfies readonly (keyof PgPool)[];

/** @returns Undefined for a pool that can be used */
export function findMisfit(target: unknown): Misfit | undefined {
  if (target === undefined) {
    return { is: "its URL is undefined: an environment variable may not be set" };
  }
  if (target === null) return { is: "its target is null" };
  if (typeof target !== "object" && typeof target !== "function") {
    return { is: `its target is a value of type ${typeof target}` };
  }
  const members = target as Members;
  const misfit = findClient(members) ?? findOtherLibrary(target);
  if (misfit !== undefined) return misfit;
  const missing = METHODS.filter((name) => typeof members[name] !== "function");
  if (missing.length === METHODS.length) return findConfiguration(target);
  if (missing.length > 0) {
    return { is: `its target is ${nameOf(target)}, which lacks ${missing.join(" and ")}` };
  }
  return isEnded(members)
    ? { is: "its pool has been ended", advice: "pass a pool that is open, or a URL" }
    : undefined;
}

/** Whether it gives out no client any more; false for a pool that does not say. */
export function isEnded(pool: object): boolean {
  const { ending, ended } = pool as Members;
  return ending === true || ended === true;
}

/** Whether it is one client of `pg`, also of its native binding, connected or not. */
export function isClient(target: object): boolean {
  const { query, connection, connectionParameters, release } = target as Members;
  if (typeof query !== "function") return false;
  return [connection, connectionParameters, release].some((it) => it !== undefined);
}

/** (I1) */
function findClient(members: Members): Misfit | undefined {
  if (!isClient(members)) return undefined;
  return typeof members["release"] === "function"
    ? {
        is: "its target is one client that was taken from a pool",
        advice: "pass the pool itself, or a URL",
      }
    : {
        is: "its target is one client of `pg`, and the store needs several",
        advice: "pass a pool, `new pg.Pool(...)`, or a URL",
      };
}

function findOtherLibrary(target: object): Misfit | undefined {
  const has = (name: string): boolean => (target as Members)[name] !== undefined;
  if (typeof target === "function" && has("unsafe") && has("begin")) {
    return other("a connection of postgres.js");
  }
  if (typeof target === "function" && has("raw")) return other("an instance of Knex");
  if (has("$connect") && has("$transaction")) return other("a client of Prisma");
  if (has("$client")) {
    return {
      is: "its target is a database of Drizzle",
      advice: "pass the pool of `pg` beneath it, `db.$client`, or a URL",
    };
  }
  return undefined;
}

function other(what: string): Misfit {
  return { is: `its target is ${what}`, advice: "pass a URL, or a pool of `pg` beside it" };
}

function findConfiguration(target: object): Misfit {
  if (target instanceof URL) return { is: "its target is a URL object", advice: "pass its `href`" };
  if ("connectionString" in target || "host" in target || "database" in target) {
    return {
      is: "its target is a configuration",
      advice: "pass `new pg.Pool(configuration)`, or a URL",
    };
  }
  return { is: `its target is ${nameOf(target)}` };
}

function nameOf(target: object): string {
  if (typeof target === "function") return "a function";
  const name = (target as { readonly constructor?: { readonly name?: unknown } }).constructor?.name;
  const isPlain = typeof name !== "string" || name === "" || name === "Object";
  return isPlain ? "a value of type object" : `an object of class ${name.slice(0, 60)}`;
}
