/** Recorded histories as lines of text, so that a scenario shows at a glance what it expects. */

import type { HistoryEvent } from "duroxide-ts";

import type { World } from "./scenario.ts";

/** Such as `3 ActivityCompleted(2)` or `5 ActivityCancelRequested(2) dropped_future`. */
function tellOne(event: HistoryEvent): string {
  const source = "sourceEventId" in event ? `(${event.sourceEventId})` : "";
  const name = "name" in event && event.kind !== "OrchestrationStarted" ? ` ${event.name}` : "";
  const reason = "reason" in event ? ` ${event.reason}` : "";
  return `${event.eventId} ${event.kind}${source}${name}${reason}`;
}

/**
 * What an execution has recorded after its first event, one line per event.
 *
 * @param executionId - @default the current one
 */
export async function told(
  world: World,
  instanceId: string,
  executionId?: number,
): Promise<string[]> {
  const history = await world.client.readExecutionHistory(instanceId, executionId);
  const [first, ...rest] = history;
  if (first?.kind !== "OrchestrationStarted" || first.eventId !== 1) {
    throw new Error(`the history of "${instanceId}" begins with ${JSON.stringify(first)}`);
  }
  return rest.map(tellOne);
}

/** How many events of a kind the current execution has recorded. */
export async function countOf(
  world: World,
  instanceId: string,
  kind: HistoryEvent["kind"],
): Promise<number> {
  const history = await world.client.readExecutionHistory(instanceId);
  return history.filter((event) => event.kind === kind).length;
}
