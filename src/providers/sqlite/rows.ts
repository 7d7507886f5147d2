/** Rows to types, in one place. Tables are strict, so columns have the types that they declare. */

import type { ParentLink } from "../../history/event.ts";
import type { Failure } from "../../history/failure.ts";
import { ProviderError } from "../../provider/errors.ts";
import type {
  BlockedReason,
  HistoryRow,
  InstanceRow,
  InstanceStatus,
  TimerKey,
} from "../../provider/provider.ts";
import { pack } from "./driver.ts";
import { textOf } from "./long-texts.ts";

/** The numbers of instances that a statement takes as one JSON array, as a table `k`. */
export const KEYS = "json_each(?) k";

/** The value of {@link KEYS}. */
export function toKeys(instances: readonly number[]): string {
  return JSON.stringify(instances);
}

/** Rows of many instances by instance, each in the order of the rows. */
export function byInstance<Row extends { readonly instance: number }, T>(
  rows: readonly unknown[],
  convert: (row: Row) => T,
): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const it of rows) {
    const row = it as Row;
    const group = groups.get(row.instance);
    if (group === undefined) groups.set(row.instance, [convert(row)]);
    else group.push(convert(row));
  }
  return groups;
}

const TURN_MS = `
  (select h.at_ms
   from history h
   where h.instance = i.seq
   order by h.execution desc, h.first_event_id desc
   limit 1)`;

/** Columns of an instance, for a table that is called `i` and a packed statement. */
export const INSTANCE_COLUMNS: string = [
  pack({
    seq: "i.seq",
    id: "i.id",
    name: "i.name",
    version: "i.version",
    run_id: "i.run_id",
    status: "i.status",
    execution: "i.execution",
    epoch: "i.epoch",
    crashes: "i.crashes",
    created_ms: "i.created_ms",
    parent_id: "i.parent_id",
    parent_execution: "i.parent_execution",
    parent_event: "i.parent_event",
    parent_run_id: "i.parent_run_id",
    custom_status_version: "i.custom_status_version",
    turn_ms: TURN_MS,
  }),
  "i.custom_status, i.blocked, i.failure, i.output",
].join(", ");

/** What {@link INSTANCE_COLUMNS} selects. */
export interface InstanceRecord {
  readonly seq: number;
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly run_id: string;
  readonly status: InstanceStatus;
  readonly execution: number;
  readonly epoch: number;
  readonly crashes: number;
  readonly created_ms: number;
  readonly parent_id: string | null;
  readonly parent_execution: number | null;
  readonly parent_event: number | null;
  readonly parent_run_id: string | null;
  readonly custom_status: string | null;
  readonly custom_status_version: number;
  readonly blocked: string | null;
  readonly failure: string | null;
  readonly output: string | null;
  readonly turn_ms: number | null;
}

export function toInstanceRow(record: InstanceRecord): InstanceRow {
  const parent = toParentLink(record);
  return {
    key: record.seq,
    instanceId: record.id,
    name: record.name,
    version: record.version,
    runId: record.run_id,
    status: record.status,
    executionId: record.execution,
    output: record.output ?? undefined,
    customStatus: record.custom_status ?? undefined,
    customStatusVersion: record.custom_status_version,
    createdMs: record.created_ms,
    updatedMs: record.turn_ms ?? record.created_ms,
    ...(parent !== undefined && { parent }),
    ...(record.failure !== null && { failure: parseFailure(record.failure, record.id) }),
    ...(record.blocked !== null && { blocked: parseBlocked(record.blocked, record.created_ms) }),
  };
}

/** The columns that name a parent. */
export interface ParentRecord {
  readonly parent_id: string | null;
  readonly parent_execution: number | null;
  readonly parent_event: number | null;
  readonly parent_run_id: string | null;
}

export function toParentLink(record: ParentRecord): ParentLink | undefined {
  if (record.parent_id === null) return undefined;
  return {
    instanceId: record.parent_id,
    executionId: record.parent_execution ?? 0,
    eventId: record.parent_event ?? 0,
    ...(record.parent_run_id !== null && { runId: record.parent_run_id }),
  };
}

function parseFailure(text: string, instanceId: string): Failure {
  try {
    return JSON.parse(text) as Failure;
  } catch (error) {
    throw new ProviderError(
      "store_corrupt",
      `Cannot read instance "${instanceId}": its failure is not JSON; restore the store from a backup`,
      { retryable: false, cause: error },
    );
  }
}

/** Never throws: a note that cannot be read must not keep an instance, or others, from going on. */
function parseBlocked(text: string, sinceMs: number): BlockedReason {
  try {
    return JSON.parse(text) as BlockedReason;
  } catch {
    return { code: "store_corrupt", message: `Cannot read the reason: ${text}`, sinceMs };
  }
}

/** Columns of a turn, for a table that is called `h` and a packed statement. */
export const HISTORY_COLUMNS: string = [
  pack({
    instance: "h.instance",
    execution: "h.execution",
    first_event_id: "h.first_event_id",
    last_event_id: "h.last_event_id",
    event_count: "h.event_count",
    at_ms: "h.at_ms",
    format: "h.format",
  }),
  `${textOf("h.data")} as data`,
].join(", ");

/** What {@link HISTORY_COLUMNS} selects. */
export interface HistoryRecord {
  readonly instance: number;
  readonly execution: number;
  readonly first_event_id: number;
  readonly last_event_id: number;
  readonly event_count: number;
  readonly at_ms: number;
  readonly format: number;
  readonly data: string;
}

export function toHistoryRow(record: HistoryRecord): HistoryRow {
  return {
    executionId: record.execution,
    firstEventId: record.first_event_id,
    lastEventId: record.last_event_id,
    eventCount: record.event_count,
    timestampMs: record.at_ms,
    format: record.format,
    data: record.data,
  };
}

/** A row of `timers`. */
export interface TimerRecord {
  readonly instance: number;
  readonly execution: number;
  readonly event_id: number;
  readonly fire_ms: number;
}

export function toTimerKey(record: TimerRecord): TimerKey {
  return {
    executionId: record.execution,
    eventId: record.event_id,
    fireAtMs: record.fire_ms,
  };
}
