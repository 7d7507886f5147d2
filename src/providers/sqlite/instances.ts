/** The rows of instances: what is, who holds it, and how it may be found. */

import type { InstanceChange, InstanceRow, InstanceStatus } from "../../provider/provider.ts";
import type { ParentLink } from "../../history/event.ts";
import type { BlockedReason } from "../../provider/provider.ts";
import { type Connection, pack, type SqliteStatement, type SqlValue } from "./driver.ts";
import { COUNT, IS_COUNTED, UNCOUNT } from "./crash-count.ts";
import {
  INSTANCE_COLUMNS,
  type InstanceRecord,
  KEYS,
  type ParentRecord,
  toInstanceRow,
  toKeys,
} from "./rows.ts";

/**
 * An instance is free when it has no holder or its holder is no longer registered. A node that
 * leaves does not touch the rows of what it held, of which there may be any number.
 */
export const IS_FREE =
  "(i.owner is null or not exists (select 1 from nodes n where n.id = i.owner))";

const INSERT = `
insert into instances (
  id, name, version, run_id, status, execution, owner, epoch, crashes, retry_ms, start_ms,
  created_ms, parent_id, parent_execution, parent_event, parent_run_id, custom_status_version,
  custom_status, failure, output
)
values (?, ?, ?, ?, ?, 1, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (id) do nothing`;

const READ_BY_ID = `
select ${INSTANCE_COLUMNS}
from instances i
where i.id = ?`;

const READ_BY_SEQ = `
select ${INSTANCE_COLUMNS}
from instances i
where i.seq = ?`;

const READ_CHILDREN = `
select ${INSTANCE_COLUMNS}
from instances i
where i.parent_id = ?
order by i.seq`;

const READ_STATE = `
select
  ${pack({
    seq: "i.seq",
    id: "i.id",
    name: "i.name",
    version: "i.version",
    status: "i.status",
    execution: "i.execution",
    owner: "i.owner",
    epoch: "i.epoch",
    crashes: "i.crashes",
    retry_ms: "i.retry_ms",
    run_id: "i.run_id",
    created_ms: "i.created_ms",
    parent_id: "i.parent_id",
    parent_execution: "i.parent_execution",
    parent_event: "i.parent_event",
    parent_run_id: "i.parent_run_id",
    custom_status_version: "i.custom_status_version",
    is_blocked: "i.blocked is not null",
  })},
  i.custom_status
from instances i
where i.seq = ?`;

const READ_RECEIVER = `
select seq, id, run_id, status, retry_ms
from instances
where id = ?`;

const FINISH = `
update instances
set status = ?, output = ?, failure = ?, owner = null, crashes = 0, crashed_nodes = null, blocked = null
where seq = ?`;

const DESCRIBE = `
update instances
set name = ?, version = ?, status = ?
where seq = ?`;

const SET_CUSTOM_STATUS = `
update instances
set custom_status = ?, custom_status_version = custom_status_version + 1
where seq = ?`;

const CLEAR_TRIES = `
update instances
set crashes = 0, crashed_nodes = null, blocked = null
where seq = ?`;

const CONTINUE = `
update instances
set execution = execution + 1, status = 'Running', output = null, failure = null
where seq = ?`;

const CLAIM = `
update instances
set owner = ?, epoch = epoch + 1, retry_ms = 0
where seq in (select k.value from ${KEYS})`;

const READ_CLAIMED = `
select ${INSTANCE_COLUMNS}
from instances i
where i.seq in (select k.value from ${KEYS})`;

const RELEASE = `
update instances
set owner = null, retry_ms = ?
where seq = ?`;

const WAKE = `
update instances
set retry_ms = 0
where seq = ?`;

const SET_BLOCKED = `
update instances
set blocked = ?
where seq = ?`;

// A delayed start is no parked instance: it keeps waiting for its time.
const UNBLOCK = `
update instances
set retry_ms = 0
where retry_ms > 0
  and retry_ms > ?
  and coalesce(start_ms, 0) <= ?`;

const NEXT_RETRY = `
select min(retry_ms) as due_ms
from instances
where retry_ms > 0
  and retry_ms > ?`;

const HAS_CRASHED = `
select 1
from instances
where crashes > 0
  and crashes >= ?
limit 1`;

// Those that have a turn to do, whether it is under way or in line; what rests in memory is no delivery.
const COUNT_CRASH = `
update instances
set ${COUNT}
where owner = ?
  and seq in (
    select m.instance
    from messages m
    where m.visible_ms <= ?
    union all
    select t.instance
    from timers t
    where t.fire_ms <= ?
  )`;

const TAKE_BACK = `
update instances
set ${UNCOUNT}
where ${IS_COUNTED}`;

const REMOVE = `
delete from instances
where seq = ?`;

/** A row to insert. */
export interface NewInstance {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly runId: string;
  readonly status: InstanceStatus;
  /** Holder from the start; its claim then has epoch 1. */
  readonly owner: number | null;
  readonly startMs: number | undefined;
  readonly createdMs: number;
  readonly parent: ParentLink | undefined;
  readonly change: InstanceChange | undefined;
}

/** What a turn needs to know of the instance that it changes. */
export interface InstanceState extends ParentRecord {
  readonly seq: number;
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly status: InstanceStatus;
  readonly execution: number;
  readonly owner: number | null;
  readonly epoch: number;
  readonly crashes: number;
  readonly retry_ms: number;
  readonly run_id: string;
  readonly created_ms: number;
  readonly custom_status: string | null;
  readonly custom_status_version: number;
  readonly is_blocked: number;
}

/** What a message needs to know of its receiver. */
export interface Receiver {
  readonly seq: number;
  readonly id: string;
  readonly status: InstanceStatus;
  readonly retry_ms: number;
}

export function isFinished(status: InstanceStatus): boolean {
  return status === "Completed" || status === "Failed" || status === "Canceled";
}

export class Instances {
  readonly #insert: SqliteStatement;
  readonly #readById: SqliteStatement;
  readonly #readBySeq: SqliteStatement;
  readonly #readChildren: SqliteStatement;
  readonly #readState: SqliteStatement;
  readonly #readReceiver: SqliteStatement;
  readonly #finish: SqliteStatement;
  readonly #describe: SqliteStatement;
  readonly #setCustomStatus: SqliteStatement;
  readonly #clearTries: SqliteStatement;
  readonly #continue: SqliteStatement;
  readonly #claim: SqliteStatement;
  readonly #readClaimed: SqliteStatement;
  readonly #release: SqliteStatement;
  readonly #wake: SqliteStatement;
  readonly #setBlocked: SqliteStatement;
  readonly #unblock: SqliteStatement;
  readonly #nextRetry: SqliteStatement;
  readonly #hasCrashed: SqliteStatement;
  readonly #countCrash: SqliteStatement;
  readonly #takeBack: SqliteStatement;
  readonly #remove: SqliteStatement;

  constructor(connection: Connection) {
    this.#insert = connection.prepare(INSERT);
    this.#readById = connection.preparePacked(READ_BY_ID);
    this.#readBySeq = connection.preparePacked(READ_BY_SEQ);
    this.#readChildren = connection.preparePacked(READ_CHILDREN);
    this.#readState = connection.preparePacked(READ_STATE);
    this.#readReceiver = connection.prepare(READ_RECEIVER);
    this.#finish = connection.prepare(FINISH);
    this.#describe = connection.prepare(DESCRIBE);
    this.#setCustomStatus = connection.prepare(SET_CUSTOM_STATUS);
    this.#clearTries = connection.prepare(CLEAR_TRIES);
    this.#continue = connection.prepare(CONTINUE);
    this.#claim = connection.prepare(CLAIM);
    this.#readClaimed = connection.preparePacked(READ_CLAIMED);
    this.#release = connection.prepare(RELEASE);
    this.#wake = connection.prepare(WAKE);
    this.#setBlocked = connection.prepare(SET_BLOCKED);
    this.#unblock = connection.prepare(UNBLOCK);
    this.#nextRetry = connection.prepare(NEXT_RETRY);
    this.#hasCrashed = connection.prepare(HAS_CRASHED);
    this.#countCrash = connection.prepare(COUNT_CRASH);
    this.#takeBack = connection.prepare(TAKE_BACK);
    this.#remove = connection.prepare(REMOVE);
  }

  /** @returns The new row's number; `undefined` when the id is in use */
  insert(row: NewInstance): number | undefined {
    const { parent, change } = row;
    const inserted = this.#insert.run(
      row.id,
      row.name,
      row.version,
      row.runId,
      row.status,
      row.owner,
      row.owner === null ? 0 : 1,
      row.startMs ?? 0,
      row.startMs ?? null,
      row.createdMs,
      parent?.instanceId ?? null,
      parent?.executionId ?? null,
      parent?.eventId ?? null,
      parent?.runId ?? null,
      change?.customStatus === undefined ? 0 : 1,
      change?.customStatus?.value ?? null,
      toJson(change?.failure),
      change?.output ?? null,
    );
    return Number(inserted.changes) === 0 ? undefined : Number(inserted.lastInsertRowid);
  }

  readById(instanceId: string): InstanceRow | undefined {
    return toOptionalRow(this.#readById.get(instanceId));
  }

  readBySeq(seq: number): InstanceRow | undefined {
    return toOptionalRow(this.#readBySeq.get(seq));
  }

  readChildren(parentId: string): InstanceRow[] {
    return this.#readChildren
      .all(parentId)
      .map((record) => toInstanceRow(record as InstanceRecord));
  }

  readState(seq: SqlValue): InstanceState | undefined {
    return this.#readState.get(seq) as InstanceState | undefined;
  }

  /** @param runId - Where given, an instance of another run is not the receiver */
  readReceiver(instanceId: string, runId?: string): Receiver | undefined {
    const row = this.#readReceiver.get(instanceId) as (Receiver & { run_id: string }) | undefined;
    return runId === undefined || row?.run_id === runId ? row : undefined;
  }

  /** Ends the instance and lets go of it. */
  finish(seq: number, status: InstanceStatus, change: InstanceChange): void {
    this.#finish.run(status, change.output ?? null, toJson(change.failure), seq);
  }

  describe(seq: number, facts: Pick<InstanceState, "name" | "version" | "status">): void {
    this.#describe.run(facts.name, facts.version, facts.status, seq);
  }

  setCustomStatus(seq: number, value: string | undefined): void {
    this.#setCustomStatus.run(value ?? null, seq);
  }

  clearTries(seq: number): void {
    this.#clearTries.run(seq);
  }

  /** Goes on to the next execution. */
  continue(seq: number): void {
    this.#continue.run(seq);
  }

  /** @returns What they are from now on, in no order */
  claim(instances: readonly number[], node: number): InstanceRecord[] {
    const keys = toKeys(instances);
    this.#claim.run(node, keys);
    return this.#readClaimed.all(keys) as InstanceRecord[];
  }

  release(seq: number, retryMs: number): void {
    this.#release.run(retryMs, seq);
  }

  /** It is parked no longer, and its start no longer delayed. */
  wake(seq: number): void {
    this.#wake.run(seq);
  }

  setBlocked(seq: number, reason: BlockedReason | null): void {
    this.#setBlocked.run(reason === null ? null : JSON.stringify(reason), seq);
  }

  unblock(nowMs: number): void {
    this.#unblock.run(nowMs, nowMs);
  }

  /** When the next parked instance may be tried again. */
  nextRetryMs(afterMs: number): number | undefined {
    return (this.#nextRetry.get(afterMs) as { due_ms: number | null }).due_ms ?? undefined;
  }

  /** Whether any has so many crashes behind it; at least 1 is asked for. */
  hasCrashed(crashes: number): boolean {
    return this.#hasCrashed.get(crashes) !== undefined;
  }

  /** The node's process has crashed in the middle of what it had to do. */
  countCrash(node: SqlValue, nowMs: number): void {
    this.#countCrash.run(node, node, nowMs, nowMs);
  }

  /** The node's process lives: it has not crashed. */
  takeBackCrash(node: SqlValue): void {
    this.#takeBack.run(node, node);
  }

  remove(seq: number): void {
    this.#remove.run(seq);
  }
}

function toOptionalRow(record: unknown): InstanceRow | undefined {
  return record === undefined ? undefined : toInstanceRow(record as InstanceRecord);
}

function toJson(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
