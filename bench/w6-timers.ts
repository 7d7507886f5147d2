/**
 * W6. Question: when very many timers become due within one second, does each fire once, how late is
 * the last hundredth, and is any early?
 *
 * Each timer is an instance of its own; all but the resident ones have to be read and replayed first.
 * Lateness is by the store's clock, from the due time to the turn that took the timer in.
 */

import { setTimeout as sleep } from "node:timers/promises";

import { defineOrchestration, type Client } from "duroxide-ts";

import { ascending, percentile } from "./measure.ts";
import type { Sample, Workload } from "./workload.ts";
import { callInLoop, count, openWorld, timeMs } from "./world.ts";

const alarm = defineOrchestration("Alarm", async (ctx, dueMs: number) => {
  await ctx.scheduleTimer({ until: new Date(dueMs) });
  return ctx.utcNowMs() - dueMs;
});

const SECOND_MS = 1_000;
const CALLERS = 500;
const PAGE = 1_000;
/** More than stay in memory: from then on each start sends another instance out. */
const WARM_UP = 20_000;
const WARM_UP_QUICK = 1_000;
/** Instances may start more slowly later on than in the warm-up. */
const START_MARGIN = 3;
const REST_MS = 2_000;

/** Lateness of all that have ended, in milliseconds. */
async function readLateness(client: Client, idPrefix: string): Promise<number[]> {
  const lateness: number[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listInstances({
      idPrefix,
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
    });
    for (const it of page.instances) {
      if (it.status !== "Completed") throw new Error(`W6 is wrong: ${it.instanceId} ${it.status}`);
      lateness.push(it.output as number);
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return lateness;
}

/** Asks the store and not the runtime: a hundred thousand waiters would be a question of their own. */
async function waitForAll(client: Client): Promise<void> {
  for (;;) {
    const { instances } = await client.listInstances({ status: "Running", limit: 1 });
    if (instances.length === 0) return;
    await sleep(20);
  }
}

export const timers: Workload = {
  id: "w6",
  question: "How late are timers when very many are due at once?",
  async run(bench) {
    const total = bench.isQuick ? 5_000 : 100_000;
    const world = await openWorld(bench, { orchestrations: [alarm] });
    const { client, store } = world;
    const startAll = (prefix: string, n: number, dueMs: number) =>
      callInLoop(n, CALLERS, async (i) => {
        const dueInSecondMs = Math.floor((i / n) * SECOND_MS);
        await client.startOrchestration(`${prefix}-${i}`, alarm, dueMs + dueInSecondMs);
      });
    const warmUp = bench.isQuick ? WARM_UP_QUICK : WARM_UP;
    const warmUpMs = await timeMs(() =>
      startAll("warm-up", warmUp, store.provider.nowMs() + SECOND_MS),
    );
    await waitForAll(client);
    const dueMs = store.provider.nowMs() + (warmUpMs / warmUp) * total * START_MARGIN + REST_MS;
    await startAll("alarm", total, Math.ceil(dueMs));
    const leftMs = dueMs - store.provider.nowMs();
    if (leftMs < 0) throw new Error(`W6 cannot be measured: starting took ${-leftMs} ms too long`);
    await sleep(leftMs + SECOND_MS);
    await waitForAll(client);
    const overtimeMs = store.provider.nowMs() - dueMs - SECOND_MS;
    const lateness = ascending(await readLateness(client, "alarm-"));
    await world.close();
    return toSamples(lateness, {
      total,
      overtimeMs,
      targetMs: bench.target({ sqlite: 2_000, postgres: 5_000 }),
    });
  },
};

function toSamples(
  lateness: readonly number[],
  it: {
    readonly total: number;
    readonly overtimeMs: number;
    readonly targetMs: number | undefined;
  },
): Sample[] {
  const name = `W6, ${count(it.total)} timers in a second`;
  const lower = { better: "lower" } as const;
  const unit = "ms late";
  const earlyCount = lateness.filter((ms) => ms < 0).length;
  return [
    { figure: `${name}: p50`, unit, value: percentile(lateness, 0.5), ...lower },
    {
      figure: `${name}: p99`,
      unit,
      value: percentile(lateness, 0.99),
      ...lower,
      target: it.targetMs,
    },
    { figure: `${name}: all ended after the second`, unit: "ms", value: it.overtimeMs, ...lower },
    { figure: `${name}: early`, unit: "timers", value: earlyCount, ...lower, target: 0 },
    {
      figure: `${name}: missing`,
      unit: "timers",
      value: Math.abs(it.total - lateness.length),
      ...lower,
      target: 0,
    },
  ];
}
