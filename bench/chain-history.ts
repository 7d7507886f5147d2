/** The history of a chain that has taken many steps, made up without taking them. */

import { encodeEvents, HISTORY_FORMAT } from "#internal/history/codec";
import type { RecordedEvent } from "#internal/history/event";
import { encodeMessage } from "#internal/history/message";
import type {
  ConsumedWork,
  HistoryRow,
  InstanceClaim,
  Provider,
  TurnEffects,
} from "#internal/provider/provider";
import { chainThenWait } from "./programs.ts";

const SEED = "00000000-0000-4000-8000-000000000000";
const NOTHING_CONSUMED: ConsumedWork = { messages: [], timers: [], activities: [] };
/** Rows that are written in one operation. */
const ROWS_PER_WRITE = 5_000;

/**
 * The turns of {@link chainThenWait} up to where it waits.
 *
 * @param eventCount - At least 4; an odd one is one less
 */
export function toTurns(instanceId: string, eventCount: number, nowMs: number): RecordedEvent[][] {
  const steps = Math.floor((eventCount - 2) / 2);
  const at = { timestampMs: nowMs } as const;
  const scheduled = (eventId: number, step: number): RecordedEvent => ({
    kind: "ActivityScheduled",
    eventId,
    name: "Increment",
    input: String(step),
    ...at,
  });
  const turns: RecordedEvent[][] = [
    [
      {
        kind: "OrchestrationStarted",
        eventId: 1,
        name: chainThenWait.name,
        version: "1.0.0",
        input: String(steps),
        instanceId,
        executionId: 1,
        seed: SEED,
        ...at,
      },
      scheduled(2, 0),
    ],
  ];
  for (let step = 1; step <= steps; step += 1) {
    const eventId = step * 2 + 1;
    turns.push([
      {
        kind: "ActivityCompleted",
        eventId,
        sourceEventId: eventId - 1,
        result: String(step),
        ...at,
      },
      step < steps
        ? scheduled(eventId + 1, step)
        : { kind: "ExternalSubscribed", eventId: eventId + 1, name: "Go", ...at },
    ]);
  }
  return turns;
}

/** Writes such an instance through the contract, as one that nobody holds. */
export async function writeChain(
  provider: Provider,
  instanceId: string,
  eventCount: number,
): Promise<void> {
  const nowMs = provider.nowMs();
  const rows = toTurns(instanceId, eventCount, nowMs).map(toRow);
  const node = await provider.registerNode({ label: "writer", leaseMs: 60_000 });
  const [first] = await provider.write([
    {
      kind: "startInstance",
      request: {
        instanceId,
        name: chainThenWait.name,
        runId: SEED,
        body: encodeMessage({
          kind: "start",
          name: chainThenWait.name,
          input: "0",
          seed: SEED,
        }),
        idReuse: "reject",
      },
      firstTurn: {
        node,
        effects: {
          ...toEffects(rows.slice(0, ROWS_PER_WRITE)),
          change: { version: "1.0.0", status: "Running" },
        },
      },
    },
  ]);
  if (first?.kind !== "started") throw new Error(`Cannot write a history: ${first?.kind ?? "?"}`);
  const claim: InstanceClaim = { key: first.key, node, epoch: 1 };
  for (let done = ROWS_PER_WRITE; done < rows.length; done += ROWS_PER_WRITE) {
    const effects = toEffects(rows.slice(done, done + ROWS_PER_WRITE));
    await provider.write([{ kind: "commitTurn", claim, consumed: NOTHING_CONSUMED, effects }]);
  }
  await provider.write([{ kind: "releaseInstance", claim, visibleAtMs: nowMs }]);
  await provider.removeNode(node);
}

function toRow(events: readonly RecordedEvent[]): HistoryRow {
  const firstEventId = events[0]?.eventId ?? 0;
  return {
    executionId: 1,
    firstEventId,
    lastEventId: events.at(-1)?.eventId ?? firstEventId,
    eventCount: events.length,
    timestampMs: events[0]?.timestampMs ?? 0,
    format: HISTORY_FORMAT,
    data: encodeEvents(events),
  };
}

function toEffects(history: readonly HistoryRow[]): TurnEffects {
  return {
    executionId: 1,
    history,
    newActivities: [],
    cancelledActivities: [],
    newTimers: [],
    cancelledTimers: [],
    starts: [],
    messages: [],
  };
}
