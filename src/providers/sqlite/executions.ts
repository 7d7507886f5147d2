/** The executions of an instance: those that continued as new, and the current one. */

import type { ExecutionRow } from "../../provider/provider.ts";
import { isFinished } from "./instances.ts";
import type { Tables } from "./tables.ts";

/** Oldest first; empty when the instance is unknown. */
export function listExecutions(tables: Tables, instanceId: string): ExecutionRow[] {
  const row = tables.instances.readById(instanceId);
  if (row === undefined) return [];
  const key = row.key as number;
  const { event_count, first_ms } = tables.history.summarize(key, row.executionId);
  const archived = tables.history.readArchived(key);
  const current: ExecutionRow = {
    executionId: row.executionId,
    name: row.name,
    version: row.version,
    status: row.status,
    output: row.output,
    failure: row.failure,
    startedMs: first_ms ?? archived.at(-1)?.completedMs ?? row.createdMs,
    completedMs: isFinished(row.status) ? row.updatedMs : undefined,
    eventCount: event_count,
  };
  return [...archived, current];
}
