/** Queues of PostgreSQL: what is done leaves its room to what follows, and nothing is packed for seconds. */

import { Client, defineActivity, defineOrchestration, Runtime, silentLogger } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";
import { expect, test } from "vitest";

import { freshDatabase } from "../support/postgres.ts";

const LENGTH = 1_000;
/** The rows of a thousand activities fill more than two hundred thousand. */
const BYTES_MAX = 80_000;

const step = defineActivity("Step", (n: number) => n + 1);
const chain = defineOrchestration("Chain", async (ctx, length: number) => {
  let n = 0;
  while (n < length) n = await ctx.scheduleActivity(step, n);
  return n;
});

test("the activities of a chain use the same pages again", async () => {
  const pool = new pg.Pool({ connectionString: await freshDatabase() });
  const store = await PostgresProvider.connect(pool);
  await pool.query("alter table duroxide.activities set (autovacuum_enabled = off)");
  const runtime = await Runtime.start({
    store,
    activities: [step],
    orchestrations: [chain],
    logger: silentLogger,
  });
  const handle = await new Client(store).startOrchestration("chain", chain, LENGTH);
  expect(await handle.result({ timeout: "60s" })).toBe(LENGTH);
  const { rows } = await pool.query<{ bytes: string }>(
    "select pg_relation_size('duroxide.activities') as bytes",
  );
  expect(Number(rows[0]?.bytes)).toBeLessThan(BYTES_MAX);
  await runtime.shutdown();
  await store.close();
  await pool.end();
});

test("large bodies wait in queues as they are, without being packed", async () => {
  const pool = new pg.Pool({ connectionString: await freshDatabase() });
  const store = await PostgresProvider.connect(pool);
  const carry = defineOrchestration("Carry", async (_ctx, text: string) => text.length);
  await new Client(store).startOrchestration("large", carry, "x".repeat(100_000));
  const { rows } = await pool.query(
    "select length(body) > 100000 as is_large, pg_column_compression(body) as packed from duroxide.messages",
  );
  expect(rows).toEqual([{ is_large: true, packed: null }]);
  await store.close();
  await pool.end();
});
