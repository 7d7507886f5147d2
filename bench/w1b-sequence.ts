/**
 * W1b. Question: how many activities a second do twenty callers get who each run one orchestration of
 * five activities after the other? That is what an ordinary service asks of an engine.
 */

import { chain, increment } from "./programs.ts";
import { FEW, type Workload } from "./workload.ts";
import { assertEqual, callInLoop, openWorld, PATIENCE, timeMs } from "./world.ts";

const STEPS = 5;
const CALLERS = FEW;

export const sequence: Workload = {
  id: "w1b",
  question: "How many activities a second for 20 callers of five in sequence?",
  isDurabilityBound: true,
  async run(bench) {
    const world = await openWorld(bench, { activities: [increment], orchestrations: [chain] });
    const runAll = (prefix: string, total: number) =>
      callInLoop(total, CALLERS, async (i) => {
        const handle = await world.client.startOrchestration(`${prefix}-${i}`, chain, STEPS);
        assertEqual(await handle.result(PATIENCE), STEPS, "W1b");
      });
    await runAll("warm-up", 100);
    const total = bench.isQuick ? 500 : 4_000;
    const commitsBefore = world.store.commitCount();
    const ms = await timeMs(() => runAll("measured", total));
    const commits = world.store.commitCount() - commitsBefore;
    await world.close();
    // Two turns an orchestration; every activity ends one here.
    const rawTurnsPerSecond = 2 * bench.floor.orchestrationsPerSecondByFew;
    const perSecond = ((total * STEPS) / ms) * 1_000;
    return [
      {
        figure: "W1b, five in sequence, 20 callers: throughput",
        unit: "activities/s",
        value: perSecond,
        better: "higher",
        floor: { ratio: perSecond / rawTurnsPerSecond, of: "raw turns, 20 to a commit" },
        target: bench.target({ sqlite: 10_000, postgres: 5_000 }),
      },
      {
        figure: "W1b, five in sequence, 20 callers: commits",
        unit: "per activity",
        value: commits / (total * STEPS),
        better: "lower",
      },
    ];
  },
};
