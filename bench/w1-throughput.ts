/**
 * W1. Question: how many one-activity orchestrations a second, all of them at once, and what does one
 * of them cost in commits, CPU and bytes? How late is the event loop of the process that runs them?
 */

import { Client, defineActivity, defineOrchestration, Runtime } from "duroxide-ts";

import { measure } from "./measure.ts";
import type { Bench, Sample, Workload } from "./workload.ts";

const echo = defineActivity("Echo", (value: number) => value);

const oneActivity = defineOrchestration("OneActivity", async (ctx, value: number) => {
  return await ctx.scheduleActivity(echo, value);
});

/** Started together before the measured ones, so that the code is compiled. */
const WARM_UP = 500;

interface Case {
  readonly count: number;
  /** Callers that each start one, wait for its result, and start the next. */
  readonly callers: number;
}

async function runCase(bench: Bench, { count, callers }: Case): Promise<Sample[]> {
  const store = await bench.createStore();
  const runtime = await Runtime.start({
    store: store.provider,
    activities: [echo],
    orchestrations: [oneActivity],
  });
  const client = new Client(store.provider);
  const runAll = async (prefix: string, total: number): Promise<void> => {
    let next = 0;
    const call = async (): Promise<void> => {
      while (next < total) {
        const value = next;
        next += 1;
        const handle = await client.startOrchestration(`${prefix}-${value}`, oneActivity, value);
        const result = await handle.result({ timeout: "120s" });
        if (result !== value) throw new Error(`W1 is wrong: ${value} gave ${result}`);
      }
    };
    await Promise.all(Array.from({ length: Math.min(callers, total) }, call));
  };
  await runAll("warm-up", WARM_UP);
  const commitsBefore = store.commitCount();
  const elapsed = await measure(() => runAll("measured", count));
  const commits = store.commitCount() - commitsBefore;
  await runtime.shutdown();
  const bytes = await store.close();

  const name = `W1, ${count.toLocaleString("en")} ${callers >= count ? "at once" : `by ${callers.toLocaleString("en")} callers`}`;
  const perSecond = (count / elapsed.ms) * 1_000;
  const lower = { better: "lower" } as const;
  return [
    {
      figure: `${name}: throughput`,
      unit: "orchestrations/s",
      value: perSecond,
      better: "higher",
      floor: { ratio: perSecond / bench.floor.orchestrationsPerSecond, of: "raw rows" },
    },
    { figure: `${name}: commits`, unit: "per orchestration", value: commits / count, ...lower },
    { figure: `${name}: CPU`, unit: "ms/orchestration", value: elapsed.cpuMs / count, ...lower },
    {
      figure: `${name}: on disk`,
      unit: "bytes/orchestration",
      value: bytes / (count + WARM_UP),
      ...lower,
    },
    { figure: `${name}: event loop p99`, unit: "ms late", value: elapsed.loopDelayP99Ms, ...lower },
    { figure: `${name}: event loop max`, unit: "ms late", value: elapsed.loopDelayMaxMs, ...lower },
  ];
}

export const throughput: Workload = {
  id: "w1",
  question: "How many one-activity orchestrations a second, and at what cost?",
  async run(bench) {
    const cases: readonly Case[] = bench.isQuick
      ? [{ count: 2_000, callers: 2_000 }]
      : [
          { count: 2_000, callers: 2_000 },
          { count: 20_000, callers: 20_000 },
          { count: 20_000, callers: 500 },
        ];
    const samples: Sample[] = [];
    for (const it of cases) samples.push(...(await runCase(bench, it)));
    return samples;
  },
};
