/**
 * Finds instances, newest first.
 *
 * Every way stays quick however many instances there are. The one index on (name, status) serves
 * both filters: names are few, so a status is looked up under each name, and newest-first merges
 * what is found. A second index on status alone would be paid for by every instance, twice.
 *
 * Where times are asked for, the index on them is scanned, and age is the time of creation. Otherwise
 * it is the number of the row, which is nearly the same: a clock may go back.
 */

import { UsageError } from "../../foundation/errors.ts";
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

/** Up to so many candidates are read and sorted; more are so dense that walking is quick. */
const FEW_ROWS_MAX = 2_000;

/** Where nothing ends the prefix, a blob does: SQLite sorts each one behind all texts. */
const END_OF_ALL = "coalesce(?, x'')";

// The plus keeps ids out of the choice of index: a range of ids would have to be sorted by age.
const IN_RANGE = `
  and +id >= ?
  and +id < ${END_OF_ALL}`;
const FILTERS = `${IN_RANGE}
order by seq desc
limit ?`;

const FIND_ALL = `
select seq
from instances
where seq < ?${FILTERS}`;

const FIND_BY_TIME = `
select seq
from instances indexed by instances_by_creation
where created_ms > ?
  and (created_ms, seq) < (?, ?)
  and (? is null or name = ?)
  and (? is null or instr(?, ',' || status || ','))${IN_RANGE}
order by created_ms desc, seq desc
limit ?`;

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
limit ${FEW_ROWS_MAX + 1}`;

// One step down the index for each name, instead of a scan of all of it.
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
  /** No id is excluded. */
  readonly isOpen: boolean;
  /** A time is excluded. */
  readonly isTimed: boolean;
}

/** The last row of the page before. */
interface Position {
  readonly seq: number;
  /** Only of pages by time. */
  readonly createdMs: number;
}

export class Listing {
  readonly #instances: Instances;
  readonly #findAll: SqliteStatement;
  readonly #findByTime: SqliteStatement;
  readonly #findUnderName: SqliteStatement;
  readonly #findFilteredUnderName: SqliteStatement;
  readonly #findPrefix: SqliteStatement;
  readonly #readNames: SqliteStatement;

  constructor(connection: Connection, instances: Instances) {
    this.#instances = instances;
    this.#findAll = connection.prepare(FIND_ALL);
    this.#findByTime = connection.prepare(FIND_BY_TIME);
    this.#findUnderName = connection.prepare(FIND_UNDER_NAME);
    this.#findFilteredUnderName = connection.prepare(FIND_FILTERED_UNDER_NAME);
    this.#findPrefix = connection.prepare(FIND_PREFIX);
    this.#readNames = connection.prepare(READ_NAMES);
  }

  read(query: ListQuery): ListPage {
    const range = toRange(query);
    const before = query.cursor === undefined ? toFirst(range) : parseCursor(query.cursor, range);
    // One more than asked tells whether another page follows.
    const rows = this.#readRows(query, range, { before, wanted: query.limit + 1 });
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    if (rows.length <= query.limit || last === undefined) return { rows: page };
    const time = range.isTimed ? `${last.createdMs}.` : "";
    return { rows: page, cursor: `${time}${last.key}` };
  }

  #readRows(query: ListQuery, range: Range, page: Page): InstanceRow[] {
    const few = this.#findByPrefix(query.idPrefix, range) ?? this.#findFewByFacts(query, range);
    if (few !== undefined) return this.#readFew(few, query, range, page);
    return this.#find(query, range, page).flatMap((seq) => this.#instances.readBySeq(seq) ?? []);
  }

  #find(query: ListQuery, range: Range, page: Page): number[] {
    if (range.isTimed) return this.#findInTime(query, range, page);
    if (!hasFacts(query))
      return toSeqs(this.#findAll.all(page.before.seq, ...toValues(range, page.wanted)));
    return this.#findByFacts(query, range, page);
  }

  /** @returns `undefined` when no time is asked for, or too many have the name and the status */
  #findFewByFacts(query: ListQuery, range: Range): number[] | undefined {
    if (!range.isTimed || !hasFacts(query)) return undefined;
    const before = { seq: Number.MAX_SAFE_INTEGER, createdMs: 0 };
    const seqs = this.#findByFacts(query, range, { before, wanted: FEW_ROWS_MAX + 1 });
    return seqs.length > FEW_ROWS_MAX ? undefined : seqs;
  }

  #findInTime({ name, statuses }: ListQuery, range: Range, { before, wanted }: Page): number[] {
    const list = statuses === undefined ? null : `,${statuses.join(",")},`;
    return toSeqs(
      this.#findByTime.all(
        range.createdAfterMs,
        before.createdMs,
        before.seq,
        name ?? null,
        name ?? null,
        list,
        list,
        ...toValues(range, wanted),
      ),
    );
  }

  #findByFacts(query: ListQuery, range: Range, page: Page): number[] {
    const before = page.before.seq;
    const names = query.name === undefined ? this.#listNames() : [query.name];
    const statuses = query.statuses === undefined ? STATUSES : [...new Set(query.statuses)];
    const found = names.flatMap((name) =>
      statuses.flatMap((status) =>
        toSeqs(
          range.isOpen
            ? this.#findUnderName.all(name, status, before, page.wanted)
            : this.#findFilteredUnderName.all(
                name,
                status,
                before,
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
    return seqs.length > FEW_ROWS_MAX ? undefined : seqs;
  }

  #readFew(
    seqs: readonly number[],
    query: ListQuery,
    range: Range,
    { before, wanted }: Page,
  ): InstanceRow[] {
    if (range.isTimed) {
      const rows = this.#readMatching(seqs, query, seqs.length).sort(byTime);
      return rows.filter((row) => isBefore(row, before)).slice(0, wanted);
    }
    const newestFirst = seqs.filter((seq) => seq < before.seq).sort((a, b) => b - a);
    return this.#readMatching(newestFirst, query, wanted);
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

/** What a page is to begin with, and how many rows it may have. */
interface Page {
  readonly before: Position;
  readonly wanted: number;
}

/** Before all rows that are wanted: row numbers begin with 1. */
function toFirst({ isTimed, createdBeforeMs }: Range): Position {
  return { seq: isTimed ? 0 : Number.MAX_SAFE_INTEGER, createdMs: createdBeforeMs };
}

function hasFacts({ name, statuses }: ListQuery): boolean {
  return name !== undefined || statuses !== undefined;
}

function byTime(a: InstanceRow, b: InstanceRow): number {
  return b.createdMs - a.createdMs || (b.key as number) - (a.key as number);
}

function isBefore(row: InstanceRow, { seq, createdMs }: Position): boolean {
  return row.createdMs < createdMs || (row.createdMs === createdMs && (row.key as number) < seq);
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
    isOpen: from === "",
    isTimed: query.createdAfterMs !== undefined || query.createdBeforeMs !== undefined,
  };
}

function toValues(range: Range, limit: number): SqlValue[] {
  return [range.from, range.to, limit];
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

function parseCursor(cursor: string, { isTimed }: Range): Position {
  const [, time, seq] = /^(?:(\d{1,16})\.)?(\d{1,16})$/.exec(cursor) ?? [];
  if (seq !== undefined && (time !== undefined) === isTimed) {
    return { seq: Number(seq), createdMs: Number(time ?? 0) };
  }
  throw new UsageError(
    "invalid_argument",
    `Cannot list instances: the cursor "${cursor.slice(0, 100)}" is none of this store's for these ` +
      "filters; pass the cursor of a page, unchanged",
  );
}
