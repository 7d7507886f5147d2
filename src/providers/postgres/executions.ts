/** What was recorded: the turns of an execution, the executions of an instance, its key-values. */

import type {
  ExecutionRow,
  HistoryRow,
  InstanceStatus,
  QueuedMessage,
} from "../../provider/provider.ts";
import { escapeText } from "../../provider/texts.ts";
import {
  type HistoryAnswer,
  type KeyValueMap,
  type MessageAnswer,
  toHistoryRow,
  toKeyValues,
  toMessages,
} from "./decode.ts";
import { type InstanceAnswer, toInstanceRow } from "./decode.ts";
import { INSTANCE_JSON } from "./schema/instance-json.ts";
import type { ReadJson } from "./listing.ts";

const READ_HISTORY = `
select (
  select coalesce(json_agg(json_build_array(h.execution, h.first_event_id, h.last_event_id,
    h.event_count, h.at_ms, h.format, h.data) order by h.first_event_id), '[]'::json)
  from @.history h
  where h.instance = i.seq and h.execution = $2::integer
)::text as answer
from @.instances i
where i.id = $1::text
  and $2::integer between 1 and i.execution`;

const READ_EXECUTIONS = `
select json_build_array(
  ${INSTANCE_JSON},
  (select coalesce(json_agg(json_build_array(e.execution, e.name, e.version, e.output, e.started_ms,
     e.completed_ms, e.event_count) order by e.execution), '[]'::json)
   from @.executions e where e.instance = i.seq),
  (select json_build_array(coalesce(sum(h.event_count), 0), min(h.at_ms))
   from @.history h where h.instance = i.seq and h.execution = i.execution)
)::text as answer
from @.instances i
where i.id = $1::text`;

const READ_KEY_VALUES = `
select (
  select coalesce(json_agg(json_build_array(k.key, k.value, k.updated_ms) order by k.key), '[]'::json)
  from (
    select c.key, c.value, c.updated_ms from @.key_value_changes c
    where c.instance = i.seq and c.value is not null
    union all
    select v.key, v.value, v.updated_ms from @.key_values v
    where v.instance = i.seq and not exists (
      select 1 from @.key_value_changes c where c.instance = v.instance and c.key = v.key
    )
  ) k
)::text as answer
from @.instances i
where i.id = $1::text`;

const READ_MESSAGES = `
select (
  select coalesce(json_agg(json_build_array(m.id, m.body) order by m.id), '[]'::json)
  from @.messages m
  where m.instance = i.seq
)::text as answer
from @.instances i
where i.id = $1::text`;

type EndedAnswer = readonly [
  execution: number,
  name: string,
  version: string,
  output: string | null,
  startedMs: number,
  completedMs: number,
  eventCount: number,
];

type ExecutionsAnswer = readonly [
  instance: InstanceAnswer,
  ended: readonly EndedAnswer[],
  current: readonly [eventCount: number, firstMs: number | null],
];

/** @returns Undefined when there is no such instance or execution */
export async function readHistory(
  read: ReadJson,
  instanceId: string,
  executionId: number,
): Promise<readonly HistoryRow[] | undefined> {
  const [rows] = await read(READ_HISTORY, [escapeText(instanceId), executionId]);
  return (rows as readonly HistoryAnswer[] | undefined)?.map(toHistoryRow);
}

/** In the order of their delivery; empty when the instance is unknown. */
export async function readMessages(read: ReadJson, instanceId: string): Promise<QueuedMessage[]> {
  const [answer] = await read(READ_MESSAGES, [escapeText(instanceId)]);
  return toMessages((answer ?? null) as readonly MessageAnswer[] | null);
}

/** Oldest first; empty when the instance is unknown. */
export async function readExecutions(read: ReadJson, instanceId: string): Promise<ExecutionRow[]> {
  const [answer] = await read(READ_EXECUTIONS, [escapeText(instanceId)]);
  if (answer === undefined) return [];
  const [instance, endedAnswers, [eventCount, firstMs]] = answer as ExecutionsAnswer;
  const row = toInstanceRow(instance);
  const ended = endedAnswers.map(toEndedExecution);
  const current: ExecutionRow = {
    executionId: row.executionId,
    name: row.name,
    version: row.version,
    status: row.status,
    output: row.output,
    failure: row.failure,
    startedMs: firstMs ?? ended.at(-1)?.completedMs ?? row.createdMs,
    completedMs: isFinished(row.status) ? row.updatedMs : undefined,
    eventCount,
  };
  return [...ended, current];
}

/** As of the last turn that landed. */
export async function readKeyValues(
  read: ReadJson,
  instanceId: string,
): Promise<KeyValueMap | undefined> {
  const [answer] = await read(READ_KEY_VALUES, [escapeText(instanceId)]);
  return answer === undefined ? undefined : toKeyValues(answer as never);
}

function toEndedExecution(answer: EndedAnswer): ExecutionRow {
  const [executionId, name, version, output, startedMs, completedMs, eventCount] = answer;
  return {
    executionId,
    name,
    version,
    status: "ContinuedAsNew",
    output: output ?? undefined,
    startedMs,
    completedMs,
    eventCount,
  };
}

function isFinished(status: InstanceStatus): boolean {
  return status === "Completed" || status === "Failed" || status === "Canceled";
}
