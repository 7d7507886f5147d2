/**
 * W8. Question: how fast does a history become a suspended function again, first in the engine alone,
 * from stored text on; then with the store, from an event for an instance that nobody has in memory
 * until its end is seen? Is that linear?
 */

import { Client, jsonCodec, Runtime, silentLogger } from "duroxide-ts";

import { decodeEvents, encodeEvents, HISTORY_FORMAT } from "#internal/history/codec";
import { PAYLOAD_BYTES_MAX } from "#internal/foundation/limits";
import { Execution } from "#internal/replay/execution";
import { startTurn, type TurnResult } from "#internal/replay/turn";
import { toTurns, writeChain } from "./chain-history.ts";
import { chainThenWait, go, increment } from "./programs.ts";
import type { Bench, Sample, Workload } from "./workload.ts";
import { assertEqual, count, PATIENCE, timeMs } from "./world.ts";

const INSTANCE = "replayed";
const LONG = 100_000;
/** Events replayed at each length, so that short histories are not noise. */
const EVENTS_MIN = 50_000;
/** A history ten times as long may cost so many times ten as much. */
const GROWTH_MAX = 1.25;

interface StoredTurn {
  readonly format: number;
  readonly timestampMs: number;
  readonly data: string;
}

function encodeTurns(eventCount: number): StoredTurn[] {
  return toTurns(INSTANCE, eventCount, 0).map((events) => ({
    format: HISTORY_FORMAT,
    timestampMs: 0,
    data: encodeEvents(events),
  }));
}

/** What the runtime does with an instance that it has claimed. */
async function replay(turns: readonly StoredTurn[]): Promise<void> {
  const history = turns.flatMap((turn) => decodeEvents(turn));
  const execution = new Execution({
    definition: chainThenWait,
    instanceId: INSTANCE,
    codec: jsonCodec,
    guards: "error",
    payloadBytesMax: PAYLOAD_BYTES_MAX,
  });
  const result = await new Promise<TurnResult>((resolve) => {
    startTurn(execution, { history, messages: [], nowMs: 0 }, resolve);
  });
  assertEqual(result.kind, "concluded", "W8");
}

/** @returns Events a second */
async function replayInEngine(eventCount: number): Promise<number> {
  const turns = encodeTurns(eventCount);
  const times = Math.max(1, Math.ceil(EVENTS_MIN / eventCount));
  await replay(turns);
  const ms = await timeMs(async () => {
    for (let i = 0; i < times; i += 1) await replay(turns);
  });
  return ((eventCount * times) / ms) * 1_000;
}

/** @returns Seconds from the event to the end */
async function replayFromStore(bench: Bench, eventCount: number): Promise<number> {
  const store = await bench.createStore();
  for (const id of ["warm-up", INSTANCE]) await writeChain(store.provider, id, eventCount);
  const runtime = await Runtime.start({
    store: store.provider,
    activities: [increment],
    orchestrations: [chainThenWait],
    logger: silentLogger,
  });
  const client = new Client(store.provider);
  const raise = (id: string) =>
    timeMs(async () => {
      await client.raiseEvent(id, go, 1);
      const result = await client.getHandle(id, chainThenWait).result(PATIENCE);
      assertEqual(result, Math.floor((eventCount - 2) / 2) + 1, "W8");
    });
  await raise("warm-up");
  const ms = await raise(INSTANCE);
  await runtime.shutdown();
  await store.close();
  return ms / 1_000;
}

export const replays: Workload = {
  id: "w8",
  question: "How fast is a cold replay, and is it linear?",
  async run(bench) {
    const lengths = bench.isQuick ? [1_000, 10_000, LONG] : [100, 1_000, 10_000, LONG];
    const samples: Sample[] = [];
    const speeds: number[] = [];
    for (const length of lengths) {
      const speed = await replayInEngine(length);
      speeds.push(speed);
      samples.push({
        figure: `W8, replay of ${count(length)} events: engine`,
        unit: "events/s",
        value: speed,
        better: "higher",
        target: bench.target({ sqlite: 500_000, postgres: 500_000 }),
      });
    }
    samples.push({
      figure: `W8: an event of ${count(LONG)} beside one of ${count(1_000)}`,
      unit: "x",
      value: (speeds[lengths.indexOf(1_000)] ?? Number.NaN) / (speeds.at(-1) ?? Number.NaN),
      better: "lower",
      target: GROWTH_MAX,
    });
    for (const length of [10_000, LONG]) {
      samples.push({
        figure: `W8, ${count(length)} events in the store: event to end`,
        unit: "s",
        value: await replayFromStore(bench, length),
        better: "lower",
        target: length === LONG ? 0.5 : undefined,
      });
    }
    return samples;
  },
};
