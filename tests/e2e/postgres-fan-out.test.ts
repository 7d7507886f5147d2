/** A wide fan-out on PostgreSQL costs a few rows a branch, also where plans were made for few. */

import { Client, defineActivity, defineOrchestration, Runtime, silentLogger } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import { expect, test } from "vitest";

import { ExplainingPool, PAIRS, summarize } from "../support/postgres-plans.ts";
import { freshDatabase } from "../support/postgres.ts";

const LIMIT = { timeout: "60s" } as const;
const WIDTH = 20_000;
const ROWS_PER_BRANCH_MAX = 30;
/** Before it: what the planner has seen of the queue then makes other plans look cheap. */
const WIDTHS_BEFORE = [100, 1_000, 5_000] as const;

const echo = defineActivity("Echo", (n: number) => n);
const activities = defineOrchestration("Activities", async (ctx, width: number) => {
  const all = Array.from({ length: width }, (_, i) => ctx.scheduleActivity(echo, i));
  return (await ctx.all(all)).length;
});
const timers = defineOrchestration("Timers", async (ctx, width: number) => {
  const all = Array.from({ length: width }, () => ctx.scheduleTimer(1));
  return (await ctx.all(all)).length;
});
const losers = defineOrchestration("Losers", async (ctx, width: number) => {
  const all = Array.from({ length: width }, () => ctx.scheduleTimer("1h"));
  await ctx.select([ctx.scheduleActivity(echo, 0), ...all]);
  return width;
});

test.each([activities, timers, losers])(
  "$name: a branch costs a few rows, however wide the fan-out is",
  async (orchestration) => {
    const explaining = new ExplainingPool(await freshDatabase());
    const store = await PostgresProvider.connect(explaining.pool);
    const runtime = await Runtime.start({
      store,
      activities: [echo],
      orchestrations: [orchestration],
      logger: silentLogger,
    });
    const client = new Client(store);
    const run = async (id: string, width: number): Promise<void> => {
      const handle = await client.startOrchestration(id, orchestration, width);
      expect(await handle.result(LIMIT)).toBe(width);
    };
    for (const width of WIDTHS_BEFORE) await run(`before-${width}`, width);
    const walks = await explaining.explain(() => run("wide", WIDTH));
    const rows = walks
      .filter(({ table }) => ["activities", "timers", "messages", PAIRS].includes(table))
      .reduce((sum, walk) => sum + walk.rows, 0);
    expect(rows / WIDTH).toBeLessThan(ROWS_PER_BRANCH_MAX);
    // Along an index, each row would be compared with each of the list.
    const queue = orchestration === activities ? "activities" : "timers";
    expect(summarize(walks)).toContain(`${queue} tid scan`);
    await runtime.shutdown();
    await store.close();
    await explaining.pool.end();
  },
);
