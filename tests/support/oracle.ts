/** What must be true of every store at rest, whatever has been done to its processes. */

import type { Client, HistoryEvent, KnownStatus } from "duroxide-ts";

const STATUS_OF: Partial<Record<HistoryEvent["kind"], string>> = {
  OrchestrationCompleted: "Completed",
  OrchestrationFailed: "Failed",
  OrchestrationContinuedAsNew: "ContinuedAsNew",
};

/** Reads every instance; gives a line for each broken invariant. */
export async function findViolations(client: Client): Promise<string[]> {
  const violations: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listInstances({
      limit: 500,
      ...(cursor !== undefined && { cursor }),
    });
    cursor = page.cursor;
    for (const status of page.instances) await checkInstance(client, status, violations);
  } while (cursor !== undefined);
  return violations;
}

async function checkInstance(
  client: Client,
  status: KnownStatus,
  violations: string[],
): Promise<void> {
  const { instanceId } = status;
  const executions = await client.listExecutions(instanceId);
  for (const { executionId, status: stored } of executions) {
    const name = `${instanceId}#${executionId}`;
    const history = await client.readExecutionHistory(instanceId, executionId);
    for (const problem of checkHistory(history)) violations.push(`${name}: ${problem}`);
    const last = history.at(-1);
    const folded = last === undefined ? "Pending" : (STATUS_OF[last.kind] ?? "Running");
    const isCanceled = stored === "Canceled" && folded === "Failed";
    if (folded !== stored && !isCanceled)
      violations.push(`${name}: is ${stored}, its history says ${folded}`);
  }
  const parentId = status.parentInstanceId;
  if (parentId !== undefined && !(await hasChild(client, parentId, instanceId))) {
    violations.push(`${instanceId}: its parent ${parentId} has never scheduled it`);
  }
}

async function hasChild(client: Client, parentId: string, childId: string): Promise<boolean> {
  for (const { executionId } of await client.listExecutions(parentId)) {
    const history = await client.readExecutionHistory(parentId, executionId);
    if (
      history.some(
        (event) => event.kind === "SubOrchestrationScheduled" && event.instanceId === childId,
      )
    )
      return true;
  }
  return false;
}

const COMPLETIONS = [
  "ActivityCompleted",
  "ActivityFailed",
  "TimerFired",
  "SubOrchestrationCompleted",
  "SubOrchestrationFailed",
];
const TERMINALS = Object.keys(STATUS_OF);

/** The invariants of one history. */
export function checkHistory(history: readonly HistoryEvent[]): string[] {
  const problems: string[] = [];
  const scheduled = new Set<number>();
  const completed = new Set<number>();
  let previousId = 0;
  history.forEach((event, i) => {
    if (event.eventId <= previousId) problems.push(`event ${event.eventId} follows ${previousId}`);
    previousId = event.eventId;
    if ((event.kind === "OrchestrationStarted") !== (i === 0))
      problems.push(`${event.kind} at position ${i}`);
    if (TERMINALS.includes(event.kind) && i !== history.length - 1)
      problems.push(`${event.kind} is not the last event`);
    if (COMPLETIONS.includes(event.kind) && "sourceEventId" in event) {
      if (!scheduled.has(event.sourceEventId))
        problems.push(`event ${event.eventId} completes nothing`);
      if (completed.has(event.sourceEventId))
        problems.push(`event ${event.sourceEventId} is completed twice`);
      completed.add(event.sourceEventId);
    } else if (!("sourceEventId" in event)) scheduled.add(event.eventId);
  });
  return problems;
}
