/**
 * W4. Question: how long does a lone caller wait for a one-activity orchestration when nothing else
 * happens? Two durable commits, one after the other, are the least that it can be.
 *
 * The target of the median follows the median raw commit, that of p99 the raw commit's p99.
 */

import { toLatencySamples } from "./latency.ts";
import { echo, oneActivity } from "./programs.ts";
import type { Workload } from "./workload.ts";
import { assertEqual, openWorld, PATIENCE, timeMs } from "./world.ts";

const WARM_UP = 100;

export const latency: Workload = {
  id: "w4",
  question: "How long does a lone caller wait for a one-activity orchestration?",
  isDurabilityBound: true,
  async run(bench) {
    const world = await openWorld(bench, { activities: [echo], orchestrations: [oneActivity] });
    const { store, client } = world;
    const total = bench.isQuick ? 300 : 1_000;
    const times: number[] = [];
    let commitsBefore = 0;
    for (let i = 0; i < WARM_UP + total; i += 1) {
      if (i === WARM_UP) commitsBefore = store.commitCount();
      const ms = await timeMs(async () => {
        const handle = await client.startOrchestration(`lone-${i}`, oneActivity, i);
        assertEqual(await handle.result(PATIENCE), i, "W4");
      });
      if (i >= WARM_UP) times.push(ms);
    }
    const commits = store.commitCount() - commitsBefore;
    await world.close();
    return [
      ...toLatencySamples(bench, "W4, one at a time", times, {
        sqlite: { commits: 2, ms: 1, hasTail: true },
        postgres: { commits: 3, ms: 2, hasTail: true },
      }),
      {
        figure: "W4, one at a time: commits",
        unit: "per orchestration",
        value: commits / total,
        better: "lower",
      },
    ];
  },
};
