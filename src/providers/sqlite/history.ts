/** What was recorded: one row a turn, and one row for each execution that continued as new. */

import type { ContinuedExecution, ExecutionRow, HistoryRow } from "../../provider/provider.ts";
import type { Connection, SqliteStatement } from "./driver.ts";
import { LongTexts } from "./long-texts.ts";
import {
  byInstance,
  HISTORY_COLUMNS,
  type HistoryRecord,
  KEYS,
  toHistoryRow,
  toKeys,
} from "./rows.ts";

const INSERT = `
insert into history (
  instance, execution, first_event_id, last_event_id, event_count, at_ms, format, data
)
values (?, ?, ?, ?, ?, ?, ?, ?)`;

const READ = `
select ${HISTORY_COLUMNS}
from history h
where h.instance = ?
  and h.execution = ?
order by h.first_event_id`;

const READ_CURRENT = `
select ${HISTORY_COLUMNS}
from ${KEYS}
cross join instances i on i.seq = k.value
cross join history h on h.instance = i.seq and h.execution = i.execution
order by h.instance, h.first_event_id`;

const READ_LAST_EVENT_ID = `
select last_event_id
from history
where instance = ?
  and execution = ?
order by first_event_id desc
limit 1`;

const SUMMARIZE = `
select coalesce(sum(event_count), 0) as event_count, min(at_ms) as first_ms, max(at_ms) as last_ms
from history
where instance = ?
  and execution = ?`;

const REMOVE_ALL = `
delete from history
where instance = ?`;

const INSERT_EXECUTION = `
insert into executions (
  instance, execution, name, version, output, started_ms, completed_ms, event_count
)
values (?, ?, ?, ?, ?, ?, ?, ?)`;

const READ_EXECUTIONS = `
select execution, name, version, output, started_ms, completed_ms, event_count
from executions
where instance = ?
order by execution`;

const REMOVE_EXECUTIONS = `
delete from executions
where instance = ?`;

interface ExecutionRecord {
  readonly execution: number;
  readonly name: string;
  readonly version: string;
  readonly output: string | null;
  readonly started_ms: number;
  readonly completed_ms: number;
  readonly event_count: number;
}

/** The extent of one execution. */
export interface HistorySummary {
  readonly event_count: number;
  readonly first_ms: number | null;
  readonly last_ms: number | null;
}

export class History {
  readonly #texts: LongTexts;
  readonly #insert: SqliteStatement;
  readonly #read: SqliteStatement;
  readonly #readCurrent: SqliteStatement;
  readonly #readLastEventId: SqliteStatement;
  readonly #summarize: SqliteStatement;
  readonly #removeAll: SqliteStatement;
  readonly #insertExecution: SqliteStatement;
  readonly #readExecutions: SqliteStatement;
  readonly #removeExecutions: SqliteStatement;

  constructor(connection: Connection) {
    this.#texts = new LongTexts(connection);
    this.#insert = connection.prepare(INSERT);
    this.#read = connection.preparePacked(READ);
    this.#readCurrent = connection.preparePacked(READ_CURRENT);
    this.#readLastEventId = connection.prepare(READ_LAST_EVENT_ID);
    this.#summarize = connection.prepare(SUMMARIZE);
    this.#removeAll = connection.prepare(REMOVE_ALL);
    this.#insertExecution = connection.prepare(INSERT_EXECUTION);
    this.#readExecutions = connection.prepare(READ_EXECUTIONS);
    this.#removeExecutions = connection.prepare(REMOVE_EXECUTIONS);
  }

  insert(instance: number, row: HistoryRow): void {
    this.#insert.run(
      instance,
      row.executionId,
      row.firstEventId,
      row.lastEventId,
      row.eventCount,
      row.timestampMs,
      row.format,
      this.#texts.place(row.data),
    );
  }

  read(instance: number, executionId: number): HistoryRow[] {
    return this.#read
      .all(instance, executionId)
      .map((record) => toHistoryRow(record as HistoryRecord));
  }

  /** That of the current execution of some instances, by instance. */
  readCurrent(instances: readonly number[]): Map<number, HistoryRow[]> {
    return byInstance(this.#readCurrent.all(toKeys(instances)), toHistoryRow);
  }

  /** 0 when nothing is recorded. */
  readLastEventId(instance: number, executionId: number): number {
    const row = this.#readLastEventId.get(instance, executionId) as
      { readonly last_event_id: number } | undefined;
    return row?.last_event_id ?? 0;
  }

  summarize(instance: number, executionId: number): HistorySummary {
    return this.#summarize.get(instance, executionId) as HistorySummary;
  }

  /** Files an execution that continued as new. */
  archive(instance: number, ended: ContinuedExecution, nowMs: number): void {
    const { event_count, last_ms } = this.summarize(instance, ended.executionId);
    this.#insertExecution.run(
      instance,
      ended.executionId,
      ended.name,
      ended.version,
      ended.output ?? null,
      ended.startedMs,
      last_ms ?? nowMs,
      event_count,
    );
  }

  /** The executions that continued as new, oldest first. */
  readArchived(instance: number): ExecutionRow[] {
    return this.#readExecutions.all(instance).map((row) => {
      const record = row as ExecutionRecord;
      return {
        executionId: record.execution,
        name: record.name,
        version: record.version,
        status: "ContinuedAsNew",
        output: record.output ?? undefined,
        startedMs: record.started_ms,
        completedMs: record.completed_ms,
        eventCount: record.event_count,
      };
    });
  }

  removeAll(instance: number): void {
    this.#removeAll.run(instance);
    this.#removeExecutions.run(instance);
  }
}
