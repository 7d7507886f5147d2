/**
 * W1. Question: how many one-activity orchestrations a second, all of them at once, and what does one
 * of them cost in commits, CPU and bytes? How late is the event loop of the process that runs them?
 *
 * With `--processes 1,2,4`: how much do more processes on one store add, each with its own callers?
 */

import { measure } from "./measure.ts";
import { echo, oneActivity, runOneActivities } from "./programs.ts";
import { startWorker } from "./workers.ts";
import type { Bench, Sample, Workload } from "./workload.ts";
import { count as text, openWorld } from "./world.ts";

/** Started together before the measured ones, so that the code is compiled. */
const WARM_UP = 500;
/** Of each process. */
const CALLERS = 500;
const FLOOR_SHARE = 0.3;

interface Case {
  readonly count: number;
  /** Callers that each start one, wait for its result, and start the next. */
  readonly callers: number;
}

async function runCase(bench: Bench, { count, callers }: Case): Promise<Sample[]> {
  const world = await openWorld(bench, { activities: [echo], orchestrations: [oneActivity] });
  const { store, client } = world;
  await runOneActivities(client, { prefix: "warm-up", total: WARM_UP, callers });
  const commitsBefore = store.commitCount();
  const elapsed = await measure(() =>
    runOneActivities(client, { prefix: "measured", total: count, callers }),
  );
  const commits = store.commitCount() - commitsBefore;
  const bytes = await world.close();

  const name = `W1, ${text(count)} ${callers >= count ? "at once" : `by ${text(callers)} callers`}`;
  const lower = { better: "lower" } as const;
  const loopUnit = "ms late";
  return [
    ...toThroughput(bench, name, (count / elapsed.ms) * 1_000),
    { figure: `${name}: commits`, unit: "per orchestration", value: commits / count, ...lower },
    { figure: `${name}: CPU`, unit: "ms/orchestration", value: elapsed.cpuMs / count, ...lower },
    {
      figure: `${name}: on disk`,
      unit: "bytes/orchestration",
      value: bytes / (count + WARM_UP),
      ...lower,
    },
    {
      figure: `${name}: event loop p99`,
      unit: loopUnit,
      value: elapsed.loopDelayP99Ms,
      ...lower,
      target: 10,
    },
    {
      figure: `${name}: event loop max`,
      unit: loopUnit,
      value: elapsed.loopDelayMaxMs,
      ...lower,
      target: 50,
    },
  ];
}

function toThroughput(bench: Bench, name: string, perSecond: number): Sample[] {
  const ratio = perSecond / bench.floor.orchestrationsPerSecond;
  return [
    {
      figure: `${name}: throughput`,
      unit: "orchestrations/s",
      value: perSecond,
      better: "higher",
      floor: { ratio, of: "raw rows" },
      target: bench.target({ sqlite: 8_000, postgres: 3_000 }),
    },
    {
      figure: `${name}: share of the floor`,
      unit: "x raw rows",
      value: ratio,
      better: "higher",
      target: bench.target({ sqlite: FLOOR_SHARE }),
    },
  ];
}

async function runProcesses(bench: Bench, processes: number, total: number): Promise<Sample[]> {
  const store = await bench.createStore();
  const each = Math.floor(total / processes);
  const workers = await Promise.all(
    Array.from({ length: processes }, () => startWorker(store.address, "throughput")),
  );
  const load = (prefix: string, share: number) =>
    Promise.all(
      workers.map((worker, i) =>
        worker.ask({ prefix: `${prefix}-${i}`, total: share, callers: CALLERS }),
      ),
    );
  await load("warm-up", WARM_UP);
  const startMs = performance.now();
  await load("measured", each);
  const ms = performance.now() - startMs;
  for (const worker of workers) await worker.stop();
  await store.close();
  const name = `W1, ${text(total)} by ${processes} process${processes === 1 ? "" : "es"} of ${CALLERS} callers`;
  return toThroughput(bench, name, ((each * processes) / ms) * 1_000);
}

export const throughput: Workload = {
  id: "w1",
  question: "How many one-activity orchestrations a second, and at what cost?",
  isDurabilityBound: true,
  async run(bench) {
    const cases: readonly Case[] = bench.isQuick
      ? [{ count: 2_000, callers: 2_000 }]
      : [
          { count: 2_000, callers: 2_000 },
          { count: 20_000, callers: 20_000 },
          { count: 20_000, callers: CALLERS },
        ];
    const samples: Sample[] = [];
    for (const it of cases) samples.push(...(await runCase(bench, it)));
    const isScaling = bench.processCounts.some((processes) => processes > 1);
    for (const processes of isScaling ? bench.processCounts : []) {
      samples.push(...(await runProcesses(bench, processes, bench.isQuick ? 4_000 : 20_000)));
    }
    return samples;
  },
};
