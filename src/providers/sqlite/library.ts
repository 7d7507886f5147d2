/**
 * Which SQLite library a connection belongs to: one that is built into Node, or a file of native code
 * that a binding brings; two copies of a binding bring two.
 */

import { readFileSync } from "node:fs";

import type { SqliteBinding, SqliteDatabase } from "./driver.ts";

/** Another thread may ask at the same moment. */
const TRIES = 3;
/** Beyond any memory, so that the limit never applies. */
const MARK_MIN = 2 ** 52;
const MARKS = 2 ** 32;

/**
 * Whether two connections are of one library, which then knows the locks of both.
 *
 * A library has one soft limit of memory for all of its connections and threads: a limit that is set
 * through one connection shows through the other one only there.
 */
export function isSameLibrary(one: SqliteDatabase, other: SqliteDatabase): boolean {
  if (one === other) return true;
  for (let i = 0; i < TRIES; i += 1) {
    const before = readLimit(one);
    setLimit(one, toLimit());
    const isShared = readLimit(one) === readLimit(other);
    setLimit(one, before);
    if (isShared) return true;
  }
  return false;
}

/**
 * A number that all threads read from the same library, and from no other one: a limit beyond any
 * memory, which stays set. A limit that the user has set stays, and is the number.
 */
export function readMark(database: SqliteDatabase): number {
  if (readLimit(database) === 0) setLimit(database, toLimit());
  return readLimit(database);
}

/** Files of native code that bring a SQLite library, by their names. */
const NATIVE = /sqlite|sqlcipher|libsql|query_engine/i;

/**
 * Whether any thread of the process has loaded a file of native code that brings another SQLite
 * library than the binding's. False where the system does not say.
 */
export function hasOtherLibrary(binding: SqliteBinding): boolean {
  const own = isBuiltIn(binding) ? 0 : 1;
  return listNative().size > own;
}

function isBuiltIn(binding: SqliteBinding): boolean {
  const builtIn = process.getBuiltinModule("node:sqlite" as "node:fs") as unknown;
  const { DatabaseSync } = (builtIn ?? {}) as { readonly DatabaseSync?: unknown };
  const own = "DatabaseSync" in binding ? binding.DatabaseSync : binding;
  return DatabaseSync !== undefined && own === DatabaseSync;
}

function listNative(): ReadonlySet<string> {
  try {
    const paths = readFileSync("/proc/self/maps", "utf8").match(/\/.*\.node$/gm) ?? [];
    return new Set(paths.filter((path) => NATIVE.test(path)));
  } catch {
    return new Set(); // Not Linux.
  }
}

function setLimit(database: SqliteDatabase, bytes: number): void {
  database.prepare(`pragma soft_heap_limit = ${bytes}`).get();
}

function readLimit(database: SqliteDatabase): number {
  const row = database.prepare("pragma soft_heap_limit").get();
  return Number((row as { readonly soft_heap_limit: unknown }).soft_heap_limit);
}

function toLimit(): number {
  return MARK_MIN + Math.floor(Math.random() * MARKS);
}
