/**
 * Finds instances, newest first.
 *
 * Every way stays quick however many instances there are: each scans an index from its end.
 * The one index on (name, status, creation) serves both filters: names are few, so a status is looked
 * up under each name and the findings are merged.
 */

import { UsageError } from "../../foundation/errors.ts";
import type { InstanceRow, InstanceStatus, ListPage, ListQuery } from "../../provider/provider.ts";
import { escapeText } from "../../provider/texts.ts";
import { type InstanceAnswer, toInstanceRow } from "./decode.ts";
import { INSTANCE_JSON } from "./schema/instance-json.ts";

/** Runs a statement whose one column `answer` is JSON. */
export type ReadJson = (sql: string, values: unknown[]) => Promise<unknown[]>;

const STATUSES: readonly InstanceStatus[] = [
  "Pending",
  "Running",
  "Completed",
  "Failed",
  "Canceled",
];

/** Up to so many instances with a prefix are read and sorted; more are so dense that walking is quick. */
const PREFIX_ROWS_MAX = 2_000;

const RANGE = `
  (i.created_ms, i.seq) < ($1::bigint, $2::bigint)
  and i.created_ms > $3::bigint`;

const NEWEST_FIRST = `
order by i.created_ms desc, i.seq desc
limit $4::integer`;

const FIND_ALL = `
select ${INSTANCE_JSON}::text as answer
from @.instances i
where ${RANGE}
  and ($5::text is null or starts_with(i.id, $5::text))${NEWEST_FIRST}`;

// One step down the index for each name, instead of a scan of all of it.
const FIND_BY_FACTS = `
with recursive names (name) as (
  (select coalesce($6::text, (select min(n.name) from @.instances n)))
  union all
  select (select min(n.name) from @.instances n where n.name > names.name)
  from names
  where names.name is not null and $6::text is null
), found as materialized (
  select f.seq, f.created_ms
  from names
  cross join unnest($7::text[]) as s (status)
  cross join lateral (
    select i.seq, i.created_ms
    from @.instances i
    where i.name = names.name
      and i.status = s.status
      and ${RANGE}
      and ($5::text is null or starts_with(i.id, $5::text))${NEWEST_FIRST}
  ) f
  where names.name is not null
  order by f.created_ms desc, f.seq desc
  limit $4::integer
)
select ${INSTANCE_JSON}::text as answer
from found f
join @.instances i on i.seq = f.seq
order by i.created_ms desc, i.seq desc`;

const COUNT_PREFIX = `
select count(*)::text as answer
from (
  select 1
  from @.instances i
  where i.id >= $1::text and ($2::text is null or i.id < $2::text)
  order by i.id
  limit ${PREFIX_ROWS_MAX + 1}
) few`;

const FIND_PREFIX = `
with few as materialized (
  select i.seq
  from @.instances i
  where i.id >= $5::text and ($8::text is null or i.id < $8::text)
)
select ${INSTANCE_JSON}::text as answer
from few
join @.instances i on i.seq = few.seq
where ${RANGE}
  and ($6::text is null or i.name = $6::text)
  and i.status = any ($7::text[])${NEWEST_FIRST}`;

/** A page of instances. */
export async function listInstances(read: ReadJson, query: ListQuery): Promise<ListPage> {
  // One more than asked tells whether another page follows.
  const answers = await find(read, query, query.limit + 1);
  const rows = answers.map((answer) => toInstanceRow(answer as InstanceAnswer));
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  if (rows.length <= query.limit || last === undefined) return { rows: page };
  return { rows: page, cursor: toCursor(last) };
}

async function find(read: ReadJson, query: ListQuery, wanted: number): Promise<unknown[]> {
  const { name, statuses, idPrefix } = query;
  const [beforeMs, beforeSeq] = toStart(query);
  const prefix = idPrefix === undefined || idPrefix === "" ? null : escapeText(idPrefix);
  const range = [
    beforeMs,
    beforeSeq,
    query.createdAfterMs ?? Number.MIN_SAFE_INTEGER,
    wanted,
    prefix,
  ];
  const facts = [name ?? null, statuses === undefined ? STATUSES : [...new Set(statuses)]];
  if (prefix !== null) {
    const end = endOfPrefix(prefix);
    const [count] = await read(COUNT_PREFIX, [prefix, end]);
    if (Number(count) <= PREFIX_ROWS_MAX) return read(FIND_PREFIX, [...range, ...facts, end]);
  }
  const isPlain = name === undefined && statuses === undefined;
  return isPlain ? read(FIND_ALL, range) : read(FIND_BY_FACTS, [...range, ...facts]);
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

function toCursor({ createdMs, key }: InstanceRow): string {
  return `${createdMs}-${key}`;
}

/** Where the scan begins: at the end of the window of time, not at that of the index. */
function toStart(query: ListQuery): readonly [beforeMs: number, beforeSeq: number] {
  const position = parseCursor(query.cursor);
  const { createdBeforeMs = Number.MAX_SAFE_INTEGER } = query;
  // Numbers of rows begin with 1: nothing of that very moment is before this.
  return createdBeforeMs <= position[0] ? [createdBeforeMs, 0] : position;
}

function parseCursor(cursor: string | undefined): readonly [beforeMs: number, beforeSeq: number] {
  if (cursor === undefined) return [Number.MAX_SAFE_INTEGER, 0];
  const match = /^(\d{1,16})-(\d{1,16})$/.exec(cursor);
  if (match !== null) return [Number(match[1]), Number(match[2])];
  throw new UsageError(
    "invalid_argument",
    `Cannot list instances: the cursor "${cursor.slice(0, 100)}" is none of this store's; ` +
      "pass the cursor of a page, unchanged",
  );
}
