/**
 * W5. Question: how long is it from raising an event until its raiser sees what the orchestration made
 * of it, when both are in one process, and when each has its own?
 */

import { Client } from "duroxide-ts";

import { toLatencySamples } from "./latency.ts";
import { go, waiting } from "./programs.ts";
import { startWorker } from "./workers.ts";
import type { Bench, Sample, Workload } from "./workload.ts";
import { assertEqual, callInLoop, openWorld, PATIENCE, timeMs } from "./world.ts";

const WARM_UP = 50;

/** The times in milliseconds, one event after the other, without the warm-up. */
async function raiseEvents(client: Client, total: number): Promise<number[]> {
  await callInLoop(total, 50, async (i) => {
    await client.startOrchestration(`waiting-${i}`, waiting, true);
    // Raised before it waits, an event is lost.
    await client.waitForStatusChange(`waiting-${i}`, 0, PATIENCE);
  });
  const times: number[] = [];
  for (let i = 0; i < total; i += 1) {
    const ms = await timeMs(async () => {
      await client.raiseEvent(`waiting-${i}`, go, i);
      assertEqual(await client.getHandle(`waiting-${i}`, waiting).result(PATIENCE), i, "W5");
    });
    if (i >= WARM_UP) times.push(ms);
  }
  return times;
}

async function runInProcess(bench: Bench, total: number): Promise<Sample[]> {
  const world = await openWorld(bench, { orchestrations: [waiting] });
  const times = await raiseEvents(world.client, total);
  await world.close();
  return toLatencySamples(bench, "W5, event to completion, in process", times, {
    sqlite: { commits: 2, ms: 1 },
    postgres: { commits: 0, ms: 6 },
  });
}

async function runAcross(bench: Bench, total: number): Promise<Sample[]> {
  const store = await bench.createStore();
  const worker = await startWorker(store.address, "waiting");
  const times = await raiseEvents(new Client(store.provider), total);
  await worker.stop();
  await store.close();
  return toLatencySamples(bench, "W5, event to completion, across two processes", times, {
    postgres: { commits: 0, ms: 12 },
  });
}

export const events: Workload = {
  id: "w5",
  question: "How long from an event to what comes of it?",
  isDurabilityBound: true,
  async run(bench) {
    return [
      ...(await runInProcess(bench, WARM_UP + (bench.isQuick ? 200 : 1_000))),
      ...(await runAcross(bench, WARM_UP + (bench.isQuick ? 50 : 300))),
    ];
  },
};
