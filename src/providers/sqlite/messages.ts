/**
 * The queue of each instance.
 *
 * I1. An instance's messages are read in the order of their ids, which is that of their writing; the
 *     first message of a continued execution gets a negative id and so comes before all others.
 * I2. An id is never used twice.
 * I3. Only unfinished instances have messages.
 * I4. Only free instances have hidden messages: the holder of one may read all of them.
 */

import type { CrashRange, QueuedMessage } from "../../provider/provider.ts";
import type { Connection, SqliteStatement, SqlValue } from "./driver.ts";
import { IS_FREE } from "./instances.ts";
import { type CodeScope, FITS_INSTANCE, scopeParameters } from "./nodes.ts";
import { byInstance, KEYS, toKeys } from "./rows.ts";
import { toAlwaysVisible, toSinceMs, type VisibleRange, visibleRanges } from "./visibility.ts";

const INSERT = `
insert into messages (instance, visible_ms, body)
values (?, ?, ?)`;

const MOVE_FIRST = `
update messages
set id = -id
where id = ?`;

const REMOVE = `
delete from messages
where id = ?
  and instance = ?`;

const REMOVE_ALL = `
delete from messages
where instance = ?`;

const READ = `
select m.instance, m.id, m.body
from ${KEYS}
cross join messages m on m.instance = k.value
order by m.instance, m.id`;

// The order of the joins is fixed (cross), so that the index yields the oldest work first.
const FIND_CLAIMABLE = `
select m.instance, m.visible_ms as due_ms
from messages m
cross join instances i on i.seq = m.instance
where m.visible_ms between ? and ?
  and i.retry_ms <= ?
  and i.crashes >= ?
  and i.crashes < ?
  and ${IS_FREE}
  and ${FITS_INSTANCE}
order by m.visible_ms, m.id
limit ?`;

const FIND_HELD = `
select m.instance, m.visible_ms as due_ms
from messages m
cross join instances i on i.seq = m.instance
where m.visible_ms <= ?
  and i.owner = ?
order by m.visible_ms, m.id`;

const DELAY = `
update messages
set visible_ms = ?
where instance = ?`;

const UNBLOCK = `
update messages
set visible_ms = ?
where instance in (
  select seq
  from instances
  where retry_ms > 0
    and retry_ms > ?
    and coalesce(start_ms, 0) <= ?
)`;

const NEXT_DUE = `
select min(visible_ms) as due_ms
from messages
where visible_ms > ?`;

interface MessageRecord extends QueuedMessage {
  readonly instance: number;
}

/** Which work is looked for. */
export interface WorkFilter {
  readonly crashes: CrashRange;
  readonly scope: CodeScope;
}

/** An instance that has work, and since when. */
export interface Candidate {
  readonly instance: number;
  readonly due_ms: number;
}

export class Messages {
  readonly #insert: SqliteStatement;
  readonly #moveFirst: SqliteStatement;
  readonly #remove: SqliteStatement;
  readonly #removeAll: SqliteStatement;
  readonly #read: SqliteStatement;
  readonly #findClaimable: SqliteStatement;
  readonly #findHeld: SqliteStatement;
  readonly #delay: SqliteStatement;
  readonly #unblock: SqliteStatement;
  readonly #nextDue: SqliteStatement;

  constructor(connection: Connection) {
    this.#insert = connection.prepare(INSERT);
    this.#moveFirst = connection.prepare(MOVE_FIRST);
    this.#remove = connection.prepare(REMOVE);
    this.#removeAll = connection.prepare(REMOVE_ALL);
    this.#read = connection.prepare(READ);
    this.#findClaimable = connection.prepare(FIND_CLAIMABLE);
    this.#findHeld = connection.prepare(FIND_HELD);
    this.#delay = connection.prepare(DELAY);
    this.#unblock = connection.prepare(UNBLOCK);
    this.#nextDue = connection.prepare(NEXT_DUE);
  }

  insert(instance: number, visibleMs: number, body: string): QueuedMessage {
    const { lastInsertRowid } = this.#insert.run(instance, visibleMs, body);
    return { id: Number(lastInsertRowid), body };
  }

  /** Puts a message before all that wait. (I1) */
  insertFirst(instance: number, visibleMs: number, body: string): QueuedMessage {
    // Inserted at the end first: that draws an id which no other message ever gets. (I2)
    const { id } = this.insert(instance, visibleMs, body) as { id: number };
    this.#moveFirst.run(id);
    return { id: -id, body };
  }

  remove(instance: number, id: SqlValue): void {
    this.#remove.run(id, instance);
  }

  /** @returns How many there were */
  removeAll(instance: number): number {
    return Number(this.#removeAll.run(instance).changes);
  }

  /** Those of instances that are held, by instance. (I4) */
  read(instances: readonly number[]): Map<number, QueuedMessage[]> {
    const rows = this.#read.all(toKeys(instances));
    return byInstance(rows, ({ id, body }: MessageRecord) => ({ id, body }));
  }

  /** Free instances with a visible message, oldest message first; one may come several times. */
  findClaimable(nowMs: number, filter: WorkFilter, rowsMax: number): Candidate[] {
    const { from, below } = filter.crashes;
    const rest = [nowMs, from, below, ...scopeParameters(filter.scope), rowsMax];
    const find = (range: VisibleRange): Candidate[] =>
      this.#findClaimable.all(...range, ...rest) as Candidate[];
    const [always, since] = visibleRanges(nowMs);
    return toCandidates([...find(always), ...find(since)]);
  }

  /** The same for the instances of one node. */
  findHeld(node: number, nowMs: number): Candidate[] {
    return toCandidates(this.#findHeld.all(nowMs, node) as Candidate[]);
  }

  /** Hides an instance's messages, so that no claim finds them while it is parked. */
  delay(instance: number, atMs: number): void {
    this.#delay.run(atMs, instance);
  }

  /** Shows the messages of all parked instances; goes before {@link Instances.unblock}. */
  unblock(nowMs: number): void {
    this.#unblock.run(toAlwaysVisible(nowMs), nowMs, nowMs);
  }

  nextDueMs(afterMs: number): number | undefined {
    return (this.#nextDue.get(afterMs) as { due_ms: number | null }).due_ms ?? undefined;
  }
}

/** In the order of their waiting, whichever way it is stored. */
function toCandidates(found: readonly Candidate[]): Candidate[] {
  return found
    .map(({ instance, due_ms }) => ({ instance, due_ms: toSinceMs(due_ms) }))
    .sort((a, b) => a.due_ms - b.due_ms);
}
