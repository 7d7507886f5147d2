/**
 * Which SQLite library a connection belongs to: one that is built into Node, or a file of native code
 * that a binding brings; two copies of a binding bring two.
 */

import type { SqliteDatabase } from "./driver.ts";

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
    setLimit(one, MARK_MIN + Math.floor(Math.random() * MARKS));
    const isShared = readLimit(one) === readLimit(other);
    setLimit(one, before);
    if (isShared) return true;
  }
  return false;
}

function setLimit(database: SqliteDatabase, bytes: number): void {
  database.prepare(`pragma soft_heap_limit = ${bytes}`).get();
}

function readLimit(database: SqliteDatabase): number {
  const row = database.prepare("pragma soft_heap_limit").get();
  return Number((row as { readonly soft_heap_limit: unknown }).soft_heap_limit);
}
