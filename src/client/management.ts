/** Looking at instances: lists, executions, histories, trees. */

import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";
import { UsageError } from "../foundation/errors.ts";
import { assertInstanceId } from "../foundation/limits.ts";
import { decodeEvents, mapValues } from "../history/codec.ts";
import { describeValue } from "../history/describe.ts";
import type { HistoryEvent, RecordedEvent } from "../history/event.ts";
import type { Failure } from "../history/failure.ts";
import type {
  ExecutionRow,
  ExecutionStatus,
  InstanceRow,
  InstanceStatus,
  ListQuery,
} from "../provider/provider.ts";
import { assertWholeNumber } from "./arguments.ts";
import { decodeValue, findRow, nameOfStore, read, type Connection } from "./connection.ts";
import { InstanceNotFoundError } from "./errors.ts";
import { toStatus, type KnownStatus } from "./status.ts";

export interface ListOptions {
  /** @default every status */
  readonly status?: InstanceStatus | readonly InstanceStatus[] | undefined;
  /** Name of the orchestration. */
  readonly name?: string | undefined;
  readonly idPrefix?: string | undefined;
  readonly createdAfter?: Date | undefined;
  readonly createdBefore?: Date | undefined;
  /** 1 to 1,000. @default 100 */
  readonly limit?: number | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
}

const LIST_OPTIONS: OptionNames<ListOptions> = {
  status: true,
  name: true,
  idPrefix: true,
  createdAfter: true,
  createdBefore: true,
  limit: true,
  cursor: true,
};

export interface InstanceList {
  /** Newest first. */
  readonly instances: readonly KnownStatus[];
  /** Absent on the last page. */
  readonly cursor: string | undefined;
}

/** One execution of an instance. */
export interface ExecutionInfo {
  readonly executionId: number;
  readonly name: string;
  readonly version: string;
  readonly status: ExecutionStatus;
  /** The output; after a continue-as-new the input of the next execution. */
  readonly output: unknown;
  readonly error: Failure | undefined;
  readonly startedAt: Date;
  readonly completedAt: Date | undefined;
  readonly eventCount: number;
}

/** An instance and the children that it started. */
export interface InstanceTree {
  readonly status: KnownStatus;
  readonly children: readonly InstanceTree[];
}

/** Most instances on a page. */
const LIST_MAX = 1000;

const STATUSES: readonly InstanceStatus[] = [
  "Pending",
  "Running",
  "Completed",
  "Failed",
  "Canceled",
];

export async function listInstances(
  connection: Connection,
  options: ListOptions,
): Promise<InstanceList> {
  const query = toQuery(options);
  const page = await read(connection, (provider) => provider.listInstances(query));
  return {
    instances: page.rows.map((row) => toStatus(row, connection.codec)),
    cursor: page.cursor,
  };
}

function toQuery(options: ListOptions): ListQuery {
  assertKnownOptions(options, LIST_OPTIONS, "listInstances");
  const { status, createdAfter, createdBefore, limit = 100 } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_MAX) {
    throw cannotList(`limit is ${limit}`, `a whole number of 1 to ${LIST_MAX}`);
  }
  return {
    statuses: status === undefined ? undefined : toStatuses(status),
    name: toText(options, "name"),
    idPrefix: toText(options, "idPrefix"),
    createdAfterMs: toMs(createdAfter, "createdAfter"),
    createdBeforeMs: toMs(createdBefore, "createdBefore"),
    limit,
    cursor: toText(options, "cursor"),
  };
}

function toStatuses(status: InstanceStatus | readonly InstanceStatus[]): readonly InstanceStatus[] {
  const statuses: unknown = typeof status === "string" ? [status] : status;
  const known = new Set<unknown>(STATUSES);
  if (Array.isArray(statuses) && statuses.every((one) => known.has(one))) {
    return statuses as readonly InstanceStatus[];
  }
  throw cannotList(`status is ${describeValue(status)}`, `one or some of ${STATUSES.join(", ")}`);
}

function toText(options: ListOptions, option: "name" | "idPrefix" | "cursor"): string | undefined {
  const text: unknown = options[option];
  if (text === undefined || typeof text === "string") return text;
  throw cannotList(`${option} is a value of type ${typeof text}`, "a text");
}

function toMs(date: Date | undefined, option: string): number | undefined {
  if (date === undefined) return undefined;
  const timeMs = date instanceof Date ? date.getTime() : Number.NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  throw cannotList(`${option} is not a valid date`, "a Date");
}

function cannotList(what: string, wanted: string): UsageError {
  return new UsageError("invalid_argument", `Cannot list instances: ${what}; pass ${wanted}`);
}

/** @throws InstanceNotFoundError */
export async function readRow(connection: Connection, instanceId: string): Promise<InstanceRow> {
  assertInstanceId(instanceId);
  const row = await findRow(connection, instanceId);
  if (row === undefined) throw new InstanceNotFoundError(instanceId, nameOfStore(connection));
  return row;
}

export async function listExecutions(
  connection: Connection,
  instanceId: string,
): Promise<ExecutionInfo[]> {
  assertInstanceId(instanceId);
  const rows = await read(connection, (provider) => provider.listExecutions(instanceId));
  return rows.map((row) =>
    toExecution(row, connection, `execution ${row.executionId} of instance "${instanceId}"`),
  );
}

/** @throws InstanceNotFoundError */
export async function readExecution(
  connection: Connection,
  instanceId: string,
  executionId: number,
): Promise<ExecutionInfo> {
  assertWholeNumber(executionId, 1, "execution id");
  const executions = await listExecutions(connection, instanceId);
  const found = executions.find((execution) => execution.executionId === executionId);
  if (found === undefined) throw await noExecution(connection, instanceId, executionId);
  return found;
}

async function noExecution(
  connection: Connection,
  instanceId: string,
  executionId: number,
): Promise<InstanceNotFoundError> {
  const row = await findRow(connection, instanceId);
  const store = nameOfStore(connection);
  return row === undefined
    ? new InstanceNotFoundError(instanceId, store)
    : new InstanceNotFoundError(instanceId, store, { executionId, newest: row.executionId });
}

function toExecution(row: ExecutionRow, { codec }: Connection, subject: string): ExecutionInfo {
  return {
    executionId: row.executionId,
    name: row.name,
    version: row.version,
    status: row.status,
    output: decodeValue(codec, row.output, `the output of ${subject}`),
    error: row.failure,
    startedAt: new Date(row.startedMs),
    completedAt: row.completedMs === undefined ? undefined : new Date(row.completedMs),
    eventCount: row.eventCount,
  };
}

/** @throws InstanceNotFoundError */
export async function readExecutionHistory(
  connection: Connection,
  instanceId: string,
  executionId?: number,
): Promise<HistoryEvent[]> {
  assertInstanceId(instanceId);
  if (executionId !== undefined) assertWholeNumber(executionId, 1, "execution id");
  const wanted = executionId ?? (await readRow(connection, instanceId)).executionId;
  const rows = await read(connection, (provider) => provider.readHistory(instanceId, wanted));
  if (rows === undefined) throw await noExecution(connection, instanceId, wanted);
  return rows.flatMap((row) => decodeEvents(row)).map((event) => toReadable(event, connection));
}

function toReadable(event: RecordedEvent, { codec }: Connection): HistoryEvent {
  return mapValues(event, (value) =>
    decodeValue(codec, value, `event ${event.eventId} of the history`),
  );
}

/** An instance with its descendants, each level oldest first. */
export async function readTree(connection: Connection, root: InstanceRow): Promise<InstanceTree> {
  const rows = await read(connection, (provider) => provider.listChildren(root.instanceId));
  const children: InstanceTree[] = [];
  for (const row of rows) children.push(await readTree(connection, row));
  return { status: toStatus(root, connection.codec), children };
}
