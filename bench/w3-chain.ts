/**
 * W3. Question: what does a step of a chain of activities cost, in time and in commits, and does it
 * stay the same however long the chain is?
 */

import { Client, defineActivity, defineOrchestration, Runtime } from "duroxide-ts";

import type { Bench, Sample, Workload } from "./workload.ts";

const increment = defineActivity("Increment", (value: number) => value + 1);

const chain = defineOrchestration("Chain", async (ctx, length: number) => {
  let value = 0;
  while (value < length) value = await ctx.scheduleActivity(increment, value);
  return value;
});

/** Steps measured at each length, so that short chains are not noise. */
const STEPS_MIN = 2_000;
const WARM_UP_LENGTH = 300;

async function runChains(bench: Bench, length: number): Promise<Sample[]> {
  const store = await bench.createStore();
  const runtime = await Runtime.start({
    store: store.provider,
    activities: [increment],
    orchestrations: [chain],
  });
  const client = new Client(store.provider);
  const runOne = async (id: string, steps: number): Promise<void> => {
    const handle = await client.startOrchestration(id, chain, steps);
    const result = await handle.result({ timeout: "120s" });
    if (result !== steps) throw new Error(`W3 is wrong: a chain of ${steps} gave ${result}`);
  };
  await runOne("warm-up", WARM_UP_LENGTH);
  const chains = Math.max(1, Math.ceil(STEPS_MIN / length));
  const commitsBefore = store.commitCount();
  const startMs = performance.now();
  for (let i = 0; i < chains; i += 1) await runOne(`chain-${i}`, length);
  const ms = performance.now() - startMs;
  const commits = store.commitCount() - commitsBefore;
  await runtime.shutdown();
  await store.close();

  const steps = chains * length;
  const name = `W3, chain of ${length.toLocaleString("en")}`;
  return [
    {
      figure: `${name}: a step`,
      unit: "ms",
      value: ms / steps,
      better: "lower",
      floor: { ratio: ms / steps / bench.floor.commitMs, of: "raw commit" },
    },
    { figure: `${name}: commits`, unit: "per chain", value: commits / chains, better: "lower" },
  ];
}

export const chains: Workload = {
  id: "w3",
  question: "What does a step of a chain cost, and does that grow with the chain?",
  async run(bench) {
    const samples: Sample[] = [];
    for (const length of bench.isQuick ? [100, 1_000] : [100, 1_000, 5_000]) {
      samples.push(...(await runChains(bench, length)));
    }
    return samples;
  },
};
