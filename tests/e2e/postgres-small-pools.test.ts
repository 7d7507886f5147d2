/** F12: pools that have fewer connections than the lanes. */

import {
  Client,
  defineActivity,
  defineOrchestration,
  defineTransaction,
  Runtime,
  silentLogger,
} from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";

import { freshDatabase } from "../support/postgres.ts";

const double = defineActivity("Double", (n: number) => n * 2);
const note = defineTransaction("Note", async (tx, n: number) => {
  const { rows } = await tx.query<{ n: number }>("select $1::integer + 1 as n", [n]);
  return rows[0]?.n ?? 0;
});
const both = defineOrchestration("Both", async (ctx, n: number) => {
  await ctx.scheduleTimer(10);
  const [a, b] = await Promise.all([
    ctx.scheduleActivity(double, n),
    ctx.scheduleActivity(note, n),
  ]);
  return [a, b, await ctx.dequeueEvent<string>("go")];
});

interface Started {
  readonly store: PostgresProvider;
  readonly pool: pg.Pool;
}

async function start(max: number, url: string): Promise<Started> {
  const pool = new pg.Pool({ connectionString: url, max });
  onTestFinished(() => pool.end());
  const store = await PostgresProvider.connect(pool, { queryTimeout: "5s" });
  onTestFinished(() => store.close());
  const runtime = await Runtime.start({
    store,
    activities: [double, note],
    orchestrations: [both],
    logger: silentLogger,
  });
  onTestFinished(() => runtime.shutdown());
  return { store, pool };
}

test.each([1, 2, 3, 4])("F12 a runtime works on a pool of max: %i", async (max) => {
  const url = await freshDatabase();
  const { store } = await start(max, url);
  const client = new Client(store);
  const ids = Array.from({ length: 20 }, (_, n) => `i${n}`);
  const handles = await Promise.all(ids.map((id, n) => client.startOrchestration(id, both, n)));
  // Another process: what it writes is noticed although nothing may listen here.
  const other = await PostgresProvider.connect(url);
  onTestFinished(() => other.close());
  const there = new Client(other);
  await Promise.all(ids.map((id) => there.enqueueEvent(id, "go", "now")));
  const results = await Promise.all(handles.map((handle) => handle.result({ timeout: "60s" })));
  expect(results).toEqual(ids.map((_, n) => [n * 2, n + 1, "now"]));
  // Transactions of the user, more than fit at once, each with a start in it.
  await Promise.all(
    ids.map((id) =>
      store.transaction(async (transaction) => {
        await transaction.query("select 1");
        await client.startOrchestration(`${id}-tx`, both, 1, { transaction });
      }),
    ),
  );
  expect((await client.listInstances({ idPrefix: "i" })).instances).toHaveLength(40);
});

test("F12 a transaction that waits for the store it keeps busy ends with a typed error", async () => {
  const { store } = await start(1, await freshDatabase());
  const waiting = store.transaction(() => store.listNodes());
  await expect(waiting).rejects.toMatchObject({
    code: "store_busy",
    retryable: true,
    message: expect.stringContaining("all 1 connections of the pool") as string,
  });
  expect(await store.listNodes()).not.toEqual([]);
});

test("F12 a pool of which the user holds everything is a typed error at the door", async () => {
  const pool = new pg.Pool({ connectionString: await freshDatabase(), max: 1 });
  onTestFinished(() => pool.end());
  const mine = await pool.connect();
  await expect(PostgresProvider.connect(pool, { queryTimeout: "200ms" })).rejects.toMatchObject({
    code: "store_busy",
    message: expect.stringContaining("all 1 connections of the pool") as string,
  });
  mine.release();
});
