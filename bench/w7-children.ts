/** W7. Question: how long does a parent take to run a thousand children, each of one activity? */

import { defineOrchestration } from "duroxide-ts";

import { echo, oneActivity } from "./programs.ts";
import type { Workload } from "./workload.ts";
import { assertEqual, count, openWorld, PATIENCE, timeMs } from "./world.ts";

const parent = defineOrchestration("Parent", async (ctx, children: number) => {
  const values = await ctx.all(
    Array.from({ length: children }, (_, i) => ctx.scheduleSubOrchestration(oneActivity, i)),
  );
  return values.length;
});

const CHILDREN = 1_000;

export const children: Workload = {
  id: "w7",
  question: "How long do a thousand children take?",
  async run(bench) {
    const world = await openWorld(bench, {
      activities: [echo],
      orchestrations: [parent, oneActivity],
    });
    const runOne = async (id: string, n: number): Promise<void> => {
      const handle = await world.client.startOrchestration(id, parent, n);
      assertEqual(await handle.result(PATIENCE), n, "W7");
    };
    await runOne("warm-up", 200);
    const commitsBefore = world.store.commitCount();
    const ms = await timeMs(() => runOne("measured", CHILDREN));
    const commits = world.store.commitCount() - commitsBefore;
    await world.close();
    const name = `W7, ${count(CHILDREN)} children`;
    return [
      {
        figure: `${name}: in all`,
        unit: "s",
        value: ms / 1_000,
        better: "lower",
        floor: {
          ratio: ms / ((CHILDREN / bench.floor.orchestrationsPerSecond) * 1_000),
          of: "raw rows",
        },
        target: bench.target({ sqlite: 0.5, postgres: 1 }),
      },
      { figure: `${name}: commits`, unit: "in all", value: commits, better: "lower" },
    ];
  },
};
