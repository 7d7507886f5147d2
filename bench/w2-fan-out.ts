/**
 * W2. Question: how long does one orchestration take that schedules many activities at once and waits
 * for all of them?
 */

import { defineOrchestration } from "duroxide-ts";

import { echo } from "./programs.ts";
import type { Bench, Sample, Workload } from "./workload.ts";
import { assertEqual, count, openWorld, PATIENCE, timeMs } from "./world.ts";

const fanOut = defineOrchestration("FanOut", async (ctx, width: number) => {
  const values = await ctx.all(
    Array.from({ length: width }, (_, i) => ctx.scheduleActivity(echo, i)),
  );
  return values.reduce((sum, value) => sum + value, 0);
});

const WIDE = 10_000;

async function runWidth(bench: Bench, width: number): Promise<Sample[]> {
  const world = await openWorld(bench, { activities: [echo], orchestrations: [fanOut] });
  const runOne = async (id: string, of: number): Promise<void> => {
    const handle = await world.client.startOrchestration(id, fanOut, of);
    assertEqual(await handle.result(PATIENCE), (of * (of - 1)) / 2, "W2");
  };
  await runOne("warm-up", 100);
  const commitsBefore = world.store.commitCount();
  const ms = await timeMs(() => runOne("measured", width));
  const commits = world.store.commitCount() - commitsBefore;
  await world.close();
  const name = `W2, fan-out of ${count(width)}`;
  const floorMs = (width / bench.floor.branchesPerSecond) * 1_000;
  return [
    {
      figure: `${name}: in all`,
      unit: "s",
      value: ms / 1_000,
      better: "lower",
      floor: { ratio: ms / floorMs, of: "raw branches" },
      target: width === WIDE ? bench.target({ sqlite: 1.5, postgres: 4 }) : undefined,
    },
    { figure: `${name}: commits`, unit: "in all", value: commits, better: "lower" },
  ];
}

export const fanOuts: Workload = {
  id: "w2",
  question: "How long does a fan-out with its fan-in take?",
  async run(bench) {
    const samples: Sample[] = [];
    for (const width of [1_000, WIDE]) samples.push(...(await runWidth(bench, width)));
    return samples;
  },
};
