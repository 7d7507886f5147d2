/** What an idle node costs its PostgreSQL server, counted by the server itself. */

import { setTimeout as sleep } from "node:timers/promises";

import { Client, defineActivity, defineOrchestration, Runtime, silentLogger } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";

import { startServer } from "../support/postgres-server.ts";
import { eventually } from "../support/signal.ts";

/** Statements of a node in ten seconds, with all of its times a tenth of the usual: 0.2 a second. */
const STATEMENTS_MAX = 20;
const WATCHED_MS = Number(process.env["DUROXIDE_IDLE_MS"] ?? 10_000);
/** Ten times as fast as usual; at full scale for those who set DUROXIDE_IDLE_MS. */
const IS_FULL_SCALE = process.env["DUROXIDE_IDLE_MS"] !== undefined;

const work = defineActivity("Work", (value: number) => value);
const sleeper = defineOrchestration("Sleeper", async (ctx, value: number) => {
  await ctx.scheduleTimer(3_600_000);
  return ctx.scheduleActivity(work, value);
});

test("an idle node sends its server at most a statement in five seconds", async () => {
  const server = await startServer(["fsync=off", "shared_preload_libraries=pg_stat_statements"]);
  onTestFinished(() => server.stop());
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  onTestFinished(() => admin.end());
  // A user of its own: what the test asks is not counted.
  await admin.query("create extension pg_stat_statements");
  await admin.query("create role app login password 'app'");
  await admin.query("grant create on database postgres to app");
  const url = new URL(server.url);
  url.username = "app";
  url.password = "app";

  const store = await PostgresProvider.connect(
    url.href,
    IS_FULL_SCALE ? {} : { pollInterval: "6s" },
  );
  onTestFinished(() => store.close());
  const runtime = await Runtime.start({
    store,
    orchestrations: [sleeper],
    activities: [work],
    logger: silentLogger,
    ...(!IS_FULL_SCALE && { lease: "1s" }),
  });
  onTestFinished(() => runtime.shutdown());
  const client = new Client(store);
  for (let i = 0; i < 10; i += 1) await client.startOrchestration(`i${i}`, sleeper, i);
  await eventually(async () =>
    (await store.listNodes()).every(({ label }) => label.endsWith("(presence)")),
  );

  // Leaving the list ends with one more look for work.
  await sleep(IS_FULL_SCALE ? 5_000 : 500);
  await admin.query("select pg_stat_statements_reset()");
  await sleep(WATCHED_MS); // What is measured is what happens while nothing happens.
  const { rows } = await admin.query<{ query: string; calls: number }>(`
    select s.query, s.calls::integer
    from pg_stat_statements s
    join pg_roles r on r.oid = s.userid
    where r.rolname = 'app' and s.toplevel
    order by s.calls desc`);
  const count = rows.reduce((sum, { calls }) => sum + calls, 0);
  if (IS_FULL_SCALE) console.log(count, WATCHED_MS, rows);
  expect(count, JSON.stringify(rows)).toBeGreaterThan(0);
  expect(count, JSON.stringify(rows)).toBeLessThanOrEqual(
    (STATEMENTS_MAX * (WATCHED_MS / 10_000)) / (IS_FULL_SCALE ? 10 : 1),
  );
});
