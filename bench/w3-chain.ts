/**
 * W3. Question: what does a step of a chain of activities cost, in time and in commits, and does it
 * stay the same however long the chain is?
 */

import { chain, increment } from "./programs.ts";
import type { Bench, Sample, Workload } from "./workload.ts";
import { assertEqual, count, openWorld, PATIENCE, timeMs } from "./world.ts";

/** Steps measured at each length, so that short chains are not noise. */
const STEPS_MIN = 2_000;
/** Until everything is compiled. */
const WARM_UP_LENGTH = 2_000;
const RAW_COMMITS = { sqlite: 1.3, postgres: 1.5 };
/** More than this is no longer flat. */
const GROWTH_MAX = 1.15;

interface Measured {
  readonly length: number;
  readonly stepMs: number;
  readonly commits: number;
  readonly diskBytes: number;
}

async function runChains(bench: Bench, length: number): Promise<Measured> {
  const world = await openWorld(bench, { activities: [increment], orchestrations: [chain] });
  const { store, client } = world;
  const runOne = async (id: string, steps: number): Promise<void> => {
    const handle = await client.startOrchestration(id, chain, steps);
    assertEqual(await handle.result(PATIENCE), steps, "W3");
  };
  await runOne("warm-up", WARM_UP_LENGTH);
  const chains = Math.max(1, Math.ceil(STEPS_MIN / length));
  const commitsBefore = store.commitCount();
  const ms = await timeMs(async () => {
    for (let i = 0; i < chains; i += 1) await runOne(`chain-${i}`, length);
  });
  const commits = (store.commitCount() - commitsBefore) / chains;
  const diskBytes = (await world.close()) / (chains * length + WARM_UP_LENGTH);
  return { length, stepMs: ms / (chains * length), commits, diskBytes };
}

function toSamples(bench: Bench, { length, stepMs, commits, diskBytes }: Measured): Sample[] {
  const name = `W3, chain of ${count(length)}`;
  const lower = { better: "lower" } as const;
  const allowed = bench.target(RAW_COMMITS);
  return [
    {
      figure: `${name}: a step`,
      unit: "ms",
      value: stepMs,
      ...lower,
      floor: { ratio: stepMs / bench.floor.commitMs, of: "raw commit" },
      target: allowed === undefined ? undefined : allowed * bench.floor.commitMs,
    },
    { figure: `${name}: commits`, unit: "per chain", value: commits, ...lower, target: length + 1 },
    { figure: `${name}: on disk`, unit: "bytes/activity", value: diskBytes, ...lower, target: 300 },
  ];
}

export const chains: Workload = {
  id: "w3",
  question: "What does a step of a chain cost, and does that grow with the chain?",
  isDurabilityBound: true,
  async run(bench) {
    const lengths = bench.isQuick ? [100, 1_000] : [100, 1_000, 10_000, 100_000];
    const measured: Measured[] = [];
    for (const length of lengths) measured.push(await runChains(bench, length));
    const longest = measured.at(-1)?.stepMs ?? Number.NaN;
    const cheapest = Math.min(...measured.slice(0, -1).map((it) => it.stepMs));
    return [
      ...measured.flatMap((it) => toSamples(bench, it)),
      {
        figure: `W3: a step of the chain of ${count(lengths.at(-1) ?? 0)} beside the cheapest of the others`,
        unit: "x",
        value: longest / cheapest,
        better: "lower",
        target: GROWTH_MAX,
      },
    ];
  },
};
