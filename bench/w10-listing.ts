/** W10. Question: how long does a page of a list take when a million instances are stored? */

import { Client, type ListOptions } from "duroxide-ts";

import { ascending, percentile } from "./measure.ts";
import type { BenchStore } from "./store.ts";
import type { Bench, Sample, Workload } from "./workload.ts";
import { count, timeMs } from "./world.ts";

const TARGET_MS = 20;
const PAGE = 100;
const CALLS = 100;
const FILLED_FROM_MS = 1_700_000_000_000;

/** Nothing here writes, so all runs share a store. */
let kept: BenchStore | undefined;

async function openFilled(bench: Bench, total: number): Promise<BenchStore> {
  if (kept !== undefined) return kept;
  kept = await bench.createStore();
  await bench.kind.fillInstances(kept.address, total);
  return kept;
}

/** What is asked for, in the i-th call. */
function toQueries(total: number): Readonly<Record<string, (i: number) => ListOptions>> {
  return {
    "newest first": () => ({}),
    "by status": (i) => ({ status: i % 2 === 0 ? "Running" : "Failed" }),
    "by name": (i) => ({ name: `Name${i % 10}` }),
    "by name and status": (i) => ({ name: `Name${i % 10}`, status: "Running" }),
    "by id prefix": (i) => ({ idPrefix: `order-${String((i * 37) % 10_000).padStart(4, "0")}` }),
    "by wide id prefix": (i) => ({ idPrefix: `order-${i % 10}` }),
    "by time": (i) => ({
      createdAfter: new Date(FILLED_FROM_MS + ((i * 7_919) % total)),
      createdBefore: new Date(FILLED_FROM_MS + ((i * 7_919) % total) + 1_000),
    }),
  };
}

async function timePages(client: Client, toOptions: (i: number) => ListOptions): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < CALLS; i += 1) {
    times.push(await timeMs(() => client.listInstances({ ...toOptions(i), limit: PAGE })));
  }
  return times;
}

/** Page after page by cursor. */
async function timeWalk(client: Client): Promise<number[]> {
  const times: number[] = [];
  let cursor: string | undefined;
  for (let i = 0; i < CALLS; i += 1) {
    const startMs = performance.now();
    const page = await client.listInstances({
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
    });
    times.push(performance.now() - startMs);
    if (page.instances.length === 0) throw new Error("W10 is wrong: a page is empty");
    cursor = page.cursor;
  }
  return times;
}

export const listing: Workload = {
  id: "w10",
  question: "How long does a page of a list take among very many?",
  async run(bench) {
    const total = bench.isQuick ? 100_000 : 1_000_000;
    const { provider } = await openFilled(bench, total);
    const client = new Client(provider);
    const name = `W10, ${PAGE} of ${count(total)}`;
    const toSample = (what: string, times: readonly number[]): Sample => ({
      figure: `${name}, ${what}: p99`,
      unit: "ms",
      value: percentile(ascending(times), 0.99),
      better: "lower",
      target: TARGET_MS,
    });
    const samples: Sample[] = [];
    for (const [what, toOptions] of Object.entries(toQueries(total))) {
      samples.push(toSample(what, await timePages(client, toOptions)));
    }
    samples.push(toSample("page after page", await timeWalk(client)));
    return samples;
  },
  async finish() {
    await kept?.close();
    kept = undefined;
  },
};
