/** The timers of all unfinished instances. */

import type { NewTimer, TimerKey } from "../../provider/provider.ts";
import type { Connection, SqliteStatement } from "./driver.ts";
import { IS_FREE } from "./instances.ts";
import type { Candidate, WorkFilter } from "./messages.ts";
import { FITS_INSTANCE, scopeParameters } from "./nodes.ts";
import { byInstance, KEYS, toKeys, toTimerKey } from "./rows.ts";

const INSERT = `
insert into timers (instance, execution, event_id, fire_ms, is_relative)
values (?, ?, ?, ?, ?)`;

const REMOVE = `
delete from timers
where instance = ?
  and execution = ?
  and event_id = ?`;

const REMOVE_ALL = `
delete from timers
where instance = ?`;

const READ_DUE = `
select t.instance, t.execution, t.event_id, t.fire_ms
from ${KEYS}
cross join timers t on t.instance = k.value
where t.fire_ms <= ?
order by t.instance, t.fire_ms, t.execution, t.event_id`;

const FIND_CLAIMABLE = `
select t.instance, t.fire_ms as due_ms
from timers t indexed by timers_by_time
cross join instances i on i.seq = t.instance
where t.fire_ms <= ?
  and i.retry_ms <= ?
  and i.crashes >= ?
  and i.crashes < ?
  and ${IS_FREE}
  and ${FITS_INSTANCE}
order by t.fire_ms
limit ?`;

const FIND_HELD = `
select t.instance, t.fire_ms as due_ms
from timers t indexed by timers_by_time
cross join instances i on i.seq = t.instance
where t.fire_ms <= ?
  and i.owner = ?
order by t.fire_ms`;

const NEXT_DUE = `
select min(fire_ms) as due_ms
from timers
where fire_ms > ?`;

export class Timers {
  readonly #insert: SqliteStatement;
  readonly #remove: SqliteStatement;
  readonly #removeAll: SqliteStatement;
  readonly #readDue: SqliteStatement;
  readonly #findClaimable: SqliteStatement;
  readonly #findHeld: SqliteStatement;
  readonly #nextDue: SqliteStatement;

  constructor(connection: Connection) {
    this.#insert = connection.prepare(INSERT);
    this.#remove = connection.prepare(REMOVE);
    this.#removeAll = connection.prepare(REMOVE_ALL);
    this.#readDue = connection.prepare(READ_DUE);
    this.#findClaimable = connection.prepare(FIND_CLAIMABLE);
    this.#findHeld = connection.prepare(FIND_HELD);
    this.#nextDue = connection.prepare(NEXT_DUE);
  }

  insert(instance: number, timer: NewTimer): void {
    const { executionId, eventId, fireAtMs, isRelative } = timer;
    this.#insert.run(instance, executionId, eventId, fireAtMs, isRelative === true ? 1 : 0);
  }

  remove(instance: number, timer: TimerKey): void {
    this.#remove.run(instance, timer.executionId, timer.eventId);
  }

  removeAll(instance: number): void {
    this.#removeAll.run(instance);
  }

  /** Those of some instances that are due, by instance. */
  readDue(instances: readonly number[], nowMs: number): Map<number, TimerKey[]> {
    return byInstance(this.#readDue.all(toKeys(instances), nowMs), toTimerKey);
  }

  /** Free instances with a due timer, oldest first; one may come several times. */
  findClaimable(nowMs: number, filter: WorkFilter, rowsMax: number): Candidate[] {
    const { from, below } = filter.crashes;
    const fits = scopeParameters(filter.scope);
    return this.#findClaimable.all(nowMs, nowMs, from, below, ...fits, rowsMax) as Candidate[];
  }

  /** The same for the instances of one node. */
  findHeld(node: number, nowMs: number): Candidate[] {
    return this.#findHeld.all(nowMs, node) as Candidate[];
  }

  nextDueMs(afterMs: number): number | undefined {
    return (this.#nextDue.get(afterMs) as { due_ms: number | null }).due_ms ?? undefined;
  }
}
