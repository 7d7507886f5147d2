/**
 * Finds instances, newest first.
 *
 * Every way stays quick however many instances there are. The one index on (name, status) serves
 * both filters: names are few, so a status is looked up under each name, and newest-first merges
 * what is found. A second index on status alone would be paid for by every instance, twice.
 */

import { ProviderError } from "../../provider/errors.ts";
import type { InstanceRow, InstanceStatus, ListPage, ListQuery } from "../../provider/provider.ts";
import type { Connection, SqliteStatement, SqlValue } from "./driver.ts";
import { type Instances } from "./instances.ts";

const STATUSES: readonly InstanceStatus[] = [
  "Pending",
  "Running",
  "Completed",
  "Failed",
  "Canceled",
];

/** Up to so many instances with a prefix are read and sorted; more are so dense that walking is quick. */
const PREFIX_ROWS_MAX = 2_000;

/** Where nothing ends the prefix, a blob does: SQLite sorts each one behind all texts. */
const END_OF_ALL = "coalesce(?, x'')";

// The plus keeps ids out of the choice of index: a range of ids would have to be sorted by age.
const FILTERS = `
  and created_ms > ?
  and created_ms < ?
  and +id >= ?
  and +id < ${END_OF_ALL}
order by seq desc
limit ?`;

const FIND_ALL = `
select seq
from instances
where seq < ?${FILTERS}`;

const FIND_UNDER_NAME = `
select seq
from instances
where name = ?
  and status = ?
  and seq < ?
order by seq desc
limit ?`;

const FIND_FILTERED_UNDER_NAME = `
select seq
from instances
where name = ?
  and status = ?
  and seq < ?${FILTERS}`;

const FIND_PREFIX = `
select seq
from instances
where id >= ?
  and id < ${END_OF_ALL}
limit ${PREFIX_ROWS_MAX + 1}`;

// One step down the index for each name, instead of a walk over all of it.
const READ_NAMES = `
with recursive names (name) as (
  select min(name)
  from instances
  union all
  select (select min(i.name) from instances i where i.name > n.name)
  from names n
  where n.name is not null
)
select name
from names
where name is not null`;

interface Range {
  readonly createdAfterMs: number;
  readonly createdBeforeMs: number;
  readonly from: string;
  readonly to: string | null;
  readonly isOpen: boolean;
}

export class Listing {
  readonly #instances: Instances;
  readonly #findAll: SqliteStatement;
  readonly #findUnderName: SqliteStatement;
  readonly #findFilteredUnderName: SqliteStatement;
  readonly #findPrefix: SqliteStatement;
  readonly #readNames: SqliteStatement;

  constructor(connection: Connection, instances: Instances) {
    this.#instances = instances;
    this.#findAll = connection.prepare(FIND_ALL);
    this.#findUnderName = connection.prepare(FIND_UNDER_NAME);
    this.#findFilteredUnderName = connection.prepare(FIND_FILTERED_UNDER_NAME);
    this.#findPrefix = connection.prepare(FIND_PREFIX);
    this.#readNames = connection.prepare(READ_NAMES);
  }

  read(query: ListQuery): ListPage {
    const before = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : parseCursor(query.cursor);
    // One more than asked tells whether another page follows.
    const rows = this.#readRows(query, before, query.limit + 1);
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    if (rows.length <= query.limit || last === undefined) return { rows: page };
    return { rows: page, cursor: String(last.key) };
  }

  #readRows(query: ListQuery, before: number, wanted: number): InstanceRow[] {
    const range = toRange(query);
    const prefixed = this.#findByPrefix(query.idPrefix, range);
    if (prefixed !== undefined) {
      const newestFirst = prefixed.filter((seq) => seq < before).sort((a, b) => b - a);
      return this.#readMatching(newestFirst, query, wanted);
    }
    const isPlain = query.name === undefined && query.statuses === undefined;
    const seqs = isPlain
      ? toSeqs(this.#findAll.all(before, ...toValues(range, wanted)))
      : this.#findByFacts(query, range, { before, wanted });
    return seqs.flatMap((seq) => this.#instances.readBySeq(seq) ?? []);
  }

  #findByFacts(
    query: ListQuery,
    range: Range,
    page: { readonly before: number; readonly wanted: number },
  ): number[] {
    const names = query.name === undefined ? this.#listNames() : [query.name];
    const statuses = query.statuses === undefined ? STATUSES : [...new Set(query.statuses)];
    const found = names.flatMap((name) =>
      statuses.flatMap((status) =>
        toSeqs(
          range.isOpen
            ? this.#findUnderName.all(name, status, page.before, page.wanted)
            : this.#findFilteredUnderName.all(
                name,
                status,
                page.before,
                ...toValues(range, page.wanted),
              ),
        ),
      ),
    );
    return found.sort((a, b) => b - a).slice(0, page.wanted);
  }

  /** @returns `undefined` when there is no prefix, or too many ids begin with it */
  #findByPrefix(prefix: string | undefined, range: Range): number[] | undefined {
    if (prefix === undefined || prefix === "") return undefined;
    const seqs = toSeqs(this.#findPrefix.all(range.from, range.to));
    return seqs.length > PREFIX_ROWS_MAX ? undefined : seqs;
  }

  #readMatching(seqs: readonly number[], query: ListQuery, wanted: number): InstanceRow[] {
    const rows: InstanceRow[] = [];
    for (const seq of seqs) {
      if (rows.length === wanted) break;
      const row = this.#instances.readBySeq(seq);
      if (row !== undefined && matches(row, query)) rows.push(row);
    }
    return rows;
  }

  #listNames(): string[] {
    return this.#readNames.all().map((row) => (row as { name: string }).name);
  }
}

function matches(row: InstanceRow, query: ListQuery): boolean {
  return (
    (query.name === undefined || row.name === query.name) &&
    (query.statuses === undefined || query.statuses.includes(row.status)) &&
    (query.createdAfterMs === undefined || row.createdMs > query.createdAfterMs) &&
    (query.createdBeforeMs === undefined || row.createdMs < query.createdBeforeMs)
  );
}

function toRange(query: ListQuery): Range {
  const from = query.idPrefix ?? "";
  return {
    createdAfterMs: query.createdAfterMs ?? Number.MIN_SAFE_INTEGER,
    createdBeforeMs: query.createdBeforeMs ?? Number.MAX_SAFE_INTEGER,
    from,
    to: endOfPrefix(from),
    isOpen:
      query.createdAfterMs === undefined && query.createdBeforeMs === undefined && from === "",
  };
}

function toValues(range: Range, limit: number): SqlValue[] {
  return [range.createdAfterMs, range.createdBeforeMs, range.from, range.to, limit];
}

/** The first text that no longer begins with the prefix, in the order of UTF-8; null for none. */
function endOfPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    // Surrogates are no characters: the one after U+D7FF is U+E000.
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return null;
}

function toSeqs(rows: readonly unknown[]): number[] {
  return rows.map((row) => (row as { seq: number }).seq);
}

function parseCursor(cursor: string): number {
  if (/^\d{1,16}$/.test(cursor)) return Number(cursor);
  throw new ProviderError(
    "store_failed",
    `Cannot list instances: the cursor "${cursor.slice(0, 100)}" is none of this store's; ` +
      "pass the cursor of a page, unchanged",
    { retryable: false },
  );
}
