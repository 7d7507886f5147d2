/**
 * With a million instances in the store, what the engine asks for all the time reads a few rows along
 * an index. Each snapshot lists every way into a table that PostgreSQL has really taken.
 */

import {
  Client,
  defineActivity,
  defineOrchestration,
  Runtime,
  silentLogger,
  type Provider,
} from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import * as statements from "../../src/providers/postgres/statements.ts";
import { ExplainingPool, summarize, type Walk } from "../support/postgres-plans.ts";
import { freshDatabase } from "../support/postgres.ts";

const FILL_MS_MAX = 600_000;
const NODE = 900;
/** 1,000 wait for a node, 1,000 are held by `NODE`, 1,000 are parked, 1,000 start later. */
const FILL = `
insert into duroxide.nodes (id, writer, label, lease_ms, renewals, takes_all)
overriding system value
values (${NODE}, gen_random_uuid(), 'test', 10000, 1, true);

insert into duroxide.instances (
  id, name, version, run_id, status, execution, owner, epoch, crashes, ready_ms, retry_ms, start_ms,
  created_ms, parent, custom_status_version
)
select 'order-' || n, 'Name' || n % 10, '1.0.0', 'run-' || n,
  case when n <= 4000 then 'Running' when n % 50 = 0 then 'Failed' else 'Completed' end, 1,
  case when n between 1001 and 2000 then ${NODE} end, 1, 0,
  case when n <= 1000 then n when n between 2001 and 4000 then 9000000000000 + n end,
  case when n between 2001 and 4000 then 9000000000000 + n else 0 end,
  case when n between 3001 and 4000 then 9000000000000 + n end,
  1700000000000 + n,
  case when n % 1000 = 0 then jsonb_build_object('instanceId', 'order-' || n / 1000) end, 0
from generate_series(1, 1000000) as s (n);

insert into duroxide.history (
  instance, execution, first_event_id, last_event_id, event_count, at_ms, format, data
)
select seq, 1, 1, 2, 2, created_ms, 1, '[]' from duroxide.instances;

insert into duroxide.messages (instance, id, visible_ms, body)
select seq, nextval('duroxide.message_ids'), 1, '{}' from duroxide.instances where seq <= 1010;

insert into duroxide.timers (instance, execution, event_id, fire_ms)
select seq, 1, 2, 9000000000000 + seq from duroxide.instances where seq <= 100000;

insert into duroxide.activities (
  instance, execution, activity_id, name, body, visible_ms, owner, attempt
)
select seq, 1, 3, 'Name', '{}', case when seq <= 1000 then 1 else 9000000000000 end,
  case when seq > 2000 then ${NODE} end, 0
from duroxide.instances where seq <= 100000;`;

const LARGE = new Set(["instances", "history", "messages", "timers", "activities"]);

let explaining: ExplainingPool;
let store: PostgresProvider;

beforeAll(async () => {
  const url = await freshDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(FILL);
  await client.query("vacuum analyze");
  await client.end();
  explaining = new ExplainingPool(url);
  store = await PostgresProvider.connect(explaining.pool, { notify: false });
}, FILL_MS_MAX);

afterAll(async () => {
  await explaining.pool.query(
    "truncate duroxide.instances, duroxide.history, duroxide.timers, duroxide.activities",
  );
  await store.close();
  await explaining.pool.end();
});

/** Runs `work`, and holds it to walking along indexes over at most `rowsMax` rows. */
async function waysOf(rowsMax: number, work: () => Promise<unknown>): Promise<string[]> {
  const walks = (await explaining.explain(work)).filter(({ table }) => LARGE.has(table));
  expect(walks.filter(({ kind }) => kind === "Seq Scan")).toEqual([]);
  const most = JSON.stringify(walks.toSorted((a, b) => b.rows - a.rows).slice(0, 3));
  expect(rowsOf(walks), most).toBeLessThanOrEqual(rowsMax);
  return summarize(walks);
}

function rowsOf(walks: readonly Walk[]): number {
  return walks.reduce((sum, { rows }) => sum + rows, 0);
}

test("what the provider calls walks along indexes, and is planned once", async () => {
  const called = [
    ...Object.values(statements)
      .join()
      .matchAll(/@\.(\w+)\(/g),
  ].map(([, it]) => it);
  const { rows } = await explaining.pool.query<{ name: string; settings: string[] | null }>(
    `select proname as name, proconfig as settings from pg_proc
    where pronamespace = 'duroxide'::regnamespace and proname = any ($1) and proname <> 'now_ms'`,
    [[...called, "apply_within"]],
  );
  expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(["write", "apply_within"]));
  const wanted = ["enable_seqscan=off", "jit=off", "plan_cache_mode=force_generic_plan"];
  for (const { name, settings } of rows)
    expect(settings, name).toEqual(expect.arrayContaining(wanted));
});

describe("with 1,000,000 instances", () => {
  test("asking whether there is work reads one key", async () => {
    expect(await waysOf(2, () => store.hasClaimableWork())).toMatchInlineSnapshot(`
      [
        "instances by instances_ready, index only",
      ]
    `);
  });

  test("asking what is due next reads one key of each index", async () => {
    expect(await waysOf(3, () => store.nextDueMs(Date.now()))).toMatchInlineSnapshot(`
      [
        "activities by activities_waiting, index only",
        "instances by instances_ready, index only",
        "timers by timers_by_time, index only",
      ]
    `);
  });

  test("a claim of 10 instances reads what belongs to those 10", async () => {
    const claim = { node: NODE, limit: 10, remembered: new Map<number, number>() };
    expect(await waysOf(100, () => store.claimInstances(claim))).toMatchInlineSnapshot(`
      [
        "history by history_pkey",
        "instances by instances_pkey",
        "instances by instances_ready",
        "messages by messages_pkey",
        "timers by timers_pkey",
      ]
    `);
  });

  test("a claim of 10 activities reads those 10 and the ids of their instances", async () => {
    expect(await waysOf(60, () => store.claimActivities({ node: NODE, limit: 10 })))
      .toMatchInlineSnapshot(`
      [
        "activities by activities_pkey",
        "activities by activities_waiting",
        "instances by instances_pkey",
      ]
    `);
  });

  test("a claim of what has crashes behind it reads that, not all that waits", async () => {
    await explaining.pool.query(`
      update duroxide.instances set crashes = 12 where seq = 1500;
      update duroxide.activities set crashes = 12 where instance = 2500`);
    const crashes = { from: 2, below: 100 };
    const instances = { node: NODE, limit: 1, remembered: new Map<number, number>(), crashes };
    expect(await waysOf(20, () => store.claimInstances(instances))).toMatchInlineSnapshot(`
      [
        "instances by instances_crashed",
        "instances by instances_crashed, index only",
        "instances by instances_pkey",
      ]
    `);
    const activities = { node: NODE, limit: 1, crashes };
    expect(await waysOf(20, () => store.claimActivities(activities))).toMatchInlineSnapshot(`
      [
        "activities by activities_crashed",
        "activities by activities_crashed, index only",
      ]
    `);
  });

  test("looking for news of what is held reads the messages that wait, not the instances", async () => {
    expect(await waysOf(10_000, () => store.readHeldWork(NODE, 100))).toMatchInlineSnapshot(`
      [
        "instances by instances_owner",
        "messages by messages_by_visibility, index only",
        "messages by messages_pkey",
        "timers by timers_by_time, index only",
        "timers by timers_pkey",
      ]
    `);
  });

  test("trying again what is parked reads what is parked", async () => {
    expect(await waysOf(40_000, () => store.unblockWork())).toMatchInlineSnapshot(`
      [
        "activities by activities_pkey",
        "activities by activities_waiting",
        "instances by instances_pkey",
        "instances by instances_retry",
        "messages by messages_pkey",
        "timers by timers_pkey",
      ]
    `);
  });

  test("a look at ids and children goes by id", async () => {
    const read = async (): Promise<void> => {
      await store.readInstances(["order-1", "order-999999"]);
      await store.listChildren("order-7");
      await store.readHistory("order-7", 1);
      await store.listExecutions("order-7");
    };
    expect(await waysOf(50, read)).toMatchInlineSnapshot(`
      [
        "history by history_pkey",
        "instances by instances_by_parent",
        "instances by instances_id_key",
      ]
    `);
  });

  test("every list reads about what it shows", async () => {
    const [createdAfterMs, createdBeforeMs] = [1_700_000_500_000, 1_700_000_600_000];
    const ways = [
      {},
      { createdAfterMs, createdBeforeMs },
      { name: "Name3" },
      { name: "Nobody" },
      { statuses: ["Failed"] as const },
      { statuses: ["Pending"] as const },
      { statuses: ["Running", "Canceled"] as const, name: "Name4" },
      { statuses: ["Failed"] as const, createdAfterMs, createdBeforeMs },
      { idPrefix: "order-77777" },
      { idPrefix: "order-9", name: "Name5" },
      { idPrefix: "order-" },
      { idPrefix: "nobody" },
    ];
    for (const filter of ways) {
      const pages = async (): Promise<void> => {
        const first = await store.listInstances({ ...filter, limit: 20 });
        if (first.cursor !== undefined) {
          await store.listInstances({ ...filter, limit: 20, cursor: first.cursor });
        }
      };
      const walks = (await explaining.explain(pages)).filter(({ table }) => LARGE.has(table));
      const context = JSON.stringify({ filter, walks });
      expect(
        walks.filter(({ kind }) => kind === "Seq Scan"),
        context,
      ).toEqual([]);
      expect(rowsOf(walks), context).toBeLessThanOrEqual(10_000);
    }
  });

  test("a list of a window of time begins at the end of the window", async () => {
    const window = { createdAfterMs: 1_700_000_100_000, createdBeforeMs: 1_700_000_200_000 };
    for (const filter of [window, { ...window, statuses: ["Completed"] as const, name: "Name3" }]) {
      const walks = await explaining.explain(() => store.listInstances({ ...filter, limit: 20 }));
      const pages = walks.reduce((sum, walk) => sum + walk.pages, 0);
      expect(pages, JSON.stringify(walks)).toBeLessThanOrEqual(500);
    }
  });

  test("a node that leaves costs one walk over the queue of activities, and no more", async () => {
    expect(await waysOf(400_000, () => store.removeNode(NODE))).toMatchInlineSnapshot(`
      [
        "activities by activities_pkey",
        "instances by instances_owner",
        "instances by instances_pkey",
        "messages by messages_pkey",
        "timers by timers_pkey",
      ]
    `);
  });

  test("a whole orchestration reads a few hundred rows", async () => {
    await explaining.pool.query(`
      update duroxide.instances set ready_ms = null, retry_ms = 0
      where ready_ms is not null;
      delete from duroxide.messages;
      delete from duroxide.activities;
      delete from duroxide.timers`);
    await explaining.pool.query("vacuum analyze duroxide.instances");
    // Which looks a life meets depends on when its timers and polls fall: none goes another way.
    const known = new Set([
      "activities by activities_pkey",
      "activities by activities_crashed",
      "activities by activities_crashed, index only",
      "activities by activities_waiting",
      "activities by activities_waiting, index only",
      "activities tid scan",
      "history by history_pkey",
      "instances by instances_id_key",
      "instances by instances_owner",
      "instances by instances_pkey",
      "instances by instances_ready",
      "instances by instances_ready, index only",
      "instances by instances_retry",
      "instances by instances_crashed",
      "instances by instances_crashed, index only",
      "messages by messages_by_visibility, index only",
      "messages by messages_pkey",
      "timers by timers_by_time, index only",
      "timers by timers_pkey",
      "timers tid scan",
    ]);
    const ways = await waysOf(500, () => live(store));
    expect(ways.length).toBeGreaterThan(0);
    expect(ways.filter((way) => !known.has(way))).toEqual([]);
  });
});

/** An activity, a child, a timer and an event. */
async function live(provider: Provider): Promise<void> {
  const double = defineActivity("Double", async (n: number) => n * 2);
  const child = defineOrchestration("Child", async (ctx, n: number) =>
    ctx.scheduleActivity(double, n),
  );
  const parent = defineOrchestration("Parent", async (ctx, n: number) => {
    const go = ctx.scheduleWait("Go");
    await ctx.scheduleTimer(20);
    return [await ctx.scheduleSubOrchestration(child, n), await go];
  });
  const runtime = await Runtime.start({
    store: provider,
    activities: [double],
    orchestrations: [child, parent],
    logger: silentLogger,
  });
  const client = new Client(provider);
  const handle = await client.startOrchestration("whole", parent, 4);
  await client.raiseEvent("whole", "Go", "now");
  expect(await handle.result({ timeout: "30s" })).toEqual([8, "now"]);
  await runtime.shutdown();
}
