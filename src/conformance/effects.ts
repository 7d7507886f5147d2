/** The values of which cases are made. */

import type {
  ConsumedWork,
  ContinuedExecution,
  HistoryRow,
  InstanceChange,
  KeyValueChanges,
  MessageId,
  NewActivity,
  Provider,
  QueuedMessage,
  StartRequest,
  TimerKey,
  TurnEffects,
} from "../provider/provider.ts";

/** What no case is about. */
const NO_EFFECTS: TurnEffects = {
  executionId: 1,
  history: [],
  newActivities: [],
  cancelledActivities: [],
  newTimers: [],
  cancelledTimers: [],
  starts: [],
  messages: [],
};
export const NOTHING_CONSUMED: ConsumedWork = { messages: [], timers: [], activities: [] };

export const DONE: InstanceChange = { status: "Completed", output: '"done"' };

export function effects(some: Partial<TurnEffects> = {}): TurnEffects {
  return { ...NO_EFFECTS, ...some };
}

export function request(instanceId: string, some: Partial<StartRequest> = {}): StartRequest {
  return {
    instanceId,
    name: "order",
    runId: `run of ${instanceId}`,
    body: `start ${instanceId}`,
    idReuse: "reject",
    ...some,
  };
}

export function historyRow(firstEventId: number, some: Partial<HistoryRow> = {}): HistoryRow {
  return {
    executionId: 1,
    firstEventId,
    lastEventId: firstEventId,
    eventCount: 1,
    timestampMs: 1_000_000 + firstEventId,
    format: 1,
    data: `events from ${firstEventId}`,
    ...some,
  };
}

export function activity(activityId: number, some: Partial<NewActivity> = {}): NewActivity {
  return { activityId, name: "charge", body: `activity ${activityId}`, isClaimed: false, ...some };
}

export function timer(eventId: number, fireAtMs: number, executionId = 1): TimerKey {
  return { executionId, eventId, fireAtMs };
}

export function continued(executionId = 1): ContinuedExecution {
  return {
    executionId,
    name: "order",
    version: `${executionId}.0.0`,
    output: '"next"',
    startedMs: 1_000_000,
    body: `go on after ${executionId}`,
  };
}

/** Sets and, with `undefined`, clears. */
export function keyValues(
  values: Readonly<Record<string, string | undefined>>,
  isCleared = false,
): { readonly keyValues: KeyValueChanges } {
  const changes = Object.entries(values).map(([key, value]) => ({
    key,
    updatedMs: 7,
    ...(value !== undefined && { value }),
  }));
  return { keyValues: { isCleared, changes } };
}

/** The values of a map of key-values. */
export function valuesOf(
  map: ReadonlyMap<string, { readonly value: string | undefined }> | undefined,
): Record<string, string | undefined> {
  return Object.fromEntries([...(map ?? [])].map(([key, { value }]) => [key, value]));
}

export function messageIdsOf(messages: readonly QueuedMessage[]): MessageId[] {
  return messages.map((message) => message.id);
}

export function bodiesOf(messages: readonly QueuedMessage[]): string[] {
  return messages.map((message) => message.body);
}

export function idsOf(list: readonly { readonly instanceId: string }[]): string[] {
  return list.map((it) => it.instanceId);
}

/** Everything that a store tells of some instances without claiming them; equal when nothing changed. */
export async function readAll(
  provider: Provider,
  instanceIds: readonly string[],
): Promise<readonly unknown[]> {
  return Promise.all(
    instanceIds.map(async (id) => {
      const executions = await provider.listExecutions(id);
      return {
        rows: await provider.readInstances([id]),
        executions,
        histories: await Promise.all(
          executions.map(({ executionId }) => provider.readHistory(id, executionId)),
        ),
        children: await provider.listChildren(id),
        keyValues: await provider.readKeyValues(id),
      };
    }),
  );
}
