/**
 * W4. Question: how long does a lone caller wait for a one-activity orchestration when nothing else
 * happens? Two durable commits, one after the other, are the least that it can be.
 */

import { Client, defineActivity, defineOrchestration, Runtime } from "duroxide-ts";

import { ascending, percentile } from "./measure.ts";
import type { Workload } from "./workload.ts";

const echo = defineActivity("Echo", (value: number) => value);

const oneActivity = defineOrchestration("OneActivity", async (ctx, value: number) => {
  return await ctx.scheduleActivity(echo, value);
});

const WARM_UP = 100;

export const latency: Workload = {
  id: "w4",
  question: "How long does a lone caller wait for a one-activity orchestration?",
  async run(bench) {
    const store = await bench.createStore();
    const runtime = await Runtime.start({
      store: store.provider,
      activities: [echo],
      orchestrations: [oneActivity],
    });
    const client = new Client(store.provider);
    const count = bench.isQuick ? 300 : 1_000;
    const times: number[] = [];
    let commitsBefore = 0;
    for (let i = 0; i < WARM_UP + count; i += 1) {
      if (i === WARM_UP) commitsBefore = store.commitCount();
      const startMs = performance.now();
      const handle = await client.startOrchestration(`lone-${i}`, oneActivity, i);
      await handle.result({ timeout: "60s" });
      if (i >= WARM_UP) times.push(performance.now() - startMs);
    }
    const commits = store.commitCount() - commitsBefore;
    await runtime.shutdown();
    await store.close();

    const sorted = ascending(times);
    const p50 = percentile(sorted, 0.5);
    const p99 = percentile(sorted, 0.99);
    const { commitMs } = bench.floor;
    const toFloor = (ms: number) => ({ ratio: ms / commitMs, of: "raw commit" });
    const unit = "ms";
    return [
      { figure: "W4, one at a time: p50", unit, value: p50, better: "lower", floor: toFloor(p50) },
      { figure: "W4, one at a time: p99", unit, value: p99, better: "lower", floor: toFloor(p99) },
      {
        figure: "W4, one at a time: commits",
        unit: "per orchestration",
        value: commits / count,
        better: "lower",
      },
    ];
  },
};
