/** The ways in: what is refused at the door, and the rights, pools, passwords and poolers that will do. */

import {
  Client,
  defineActivity,
  defineOrchestration,
  defineTransaction,
  Runtime,
  silentLogger,
  UsageError,
} from "duroxide-ts";
import { PostgresProvider, type PostgresOptions } from "duroxide-ts/postgres";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";

import { freshDatabase } from "../support/postgres.ts";
import { eventually } from "../support/signal.ts";

type Target = Parameters<typeof PostgresProvider.connect>[0];

async function open(target: Target, options?: PostgresOptions): Promise<PostgresProvider> {
  const store = await PostgresProvider.connect(target, options);
  onTestFinished(() => store.close());
  return store;
}

async function asAdmin(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

function change(url: string, part: Partial<URL>): string {
  return Object.assign(new URL(url), part).href;
}

const double = defineActivity("Double", async (n: number) => n * 2);
const note = defineTransaction("Note", async (tx, n: number) => {
  const { rows } = await tx.query<{ n: number }>("select $1::integer + 1 as n", [n]);
  return rows[0]?.n;
});
const child = defineOrchestration("Child", async (ctx, n: number) =>
  ctx.scheduleActivity(double, n),
);
const parent = defineOrchestration("Parent", async (ctx, n: number) => {
  const go = ctx.scheduleWait("Go");
  await ctx.scheduleTimer(20);
  ctx.setCustomStatus("waiting");
  ctx.kv.set("n", n);
  const doubled = await ctx.scheduleSubOrchestration(child, n);
  return [doubled, await ctx.scheduleActivity(note, doubled), await go];
});

async function startRuntime(store: PostgresProvider): Promise<Runtime> {
  const runtime = await Runtime.start({
    store,
    activities: [double, note],
    orchestrations: [child, parent],
    logger: silentLogger,
  });
  onTestFinished(() => runtime.shutdown());
  return runtime;
}

/** One life with all that a store has to do for it; the client may be at another store. */
async function live(store: PostgresProvider, at = store): Promise<void> {
  await startRuntime(at);
  const client = new Client(store);
  const handle = await client.startOrchestration("p", parent, 4);
  await eventually(async () => (await handle.status()).status === "Running" || undefined);
  await client.raiseEvent("p", "Go", "now");
  expect(await handle.result({ timeout: "30s" })).toEqual([8, 9, "now"]);
  expect((await client.listInstances({ idPrefix: "p" })).instances).toHaveLength(2);
}

describe("PostgresProvider.connect()", () => {
  test.each<[PostgresOptions, string]>([
    [{ schema: "no good" }, "invalid_argument"],
    [{ schema: "x".repeat(41) }, "invalid_argument"],
    [{ maxConnections: 5 }, "invalid_argument"],
    [{ maxConnections: 8.5 }, "invalid_argument"],
    [{ pollInterval: "soon" as never }, "invalid_duration"],
    [{ queryTimeout: -1 }, "invalid_duration"],
  ])("refuses the options %j before it connects", async (options, code) => {
    const failing = PostgresProvider.connect("postgres://127.0.0.1:1/none", options);
    await expect(failing).rejects.toBeInstanceOf(UsageError);
    await expect(failing).rejects.toMatchObject({ code });
  });

  test("works on a pool of the user, and does not end it", async () => {
    const pool = new pg.Pool({ connectionString: await freshDatabase(), max: 6 });
    onTestFinished(() => pool.end());
    const store = await PostgresProvider.connect(pool);
    const runtime = await startRuntime(store);
    const handle = await new Client(store).startOrchestration("c", child, 3);
    expect(await handle.result({ timeout: "30s" })).toBe(6);
    await runtime.shutdown();
    await store.close();
    expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    expect([pool.waitingCount, pool.totalCount - pool.idleCount]).toEqual([0, 0]);
  });

  test("asks for a password before each connection", async () => {
    const url = await freshDatabase();
    const { password } = new URL(url);
    let count = 0;
    const store = await open(change(url, { password: "" }), {
      password: async () => {
        count += 1;
        return password;
      },
    });
    await Promise.all([store.listNodes(), store.hasClaimableWork(), store.readInstances(["x"])]);
    expect(count).toBeGreaterThanOrEqual(3);
  });
});

describe("notify: false", () => {
  test("wakes another process by looking, and listens to nothing", async () => {
    const url = await freshDatabase();
    const options = { notify: false, pollInterval: 50 };
    const [here, there] = [await open(url, options), await open(url, options)];
    await live(here, there);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      "select query from pg_stat_activity where datname = current_database() and query ilike 'listen%'",
    );
    await client.end();
    expect(rows).toEqual([]);
  });
});

describe("transactions shared with the user", () => {
  test("leave no row each in the list of writers", async () => {
    const url = await freshDatabase();
    const store = await open(url);
    const client = new Client(store);
    for (let n = 0; n < 20; n += 1) {
      await store.transaction(async (transaction) => {
        await client.startOrchestration(`c-${n}`, child, n, { transaction });
      });
    }
    const { rows } = await store.transaction((tx) =>
      tx.query<{ n: number }>("select count(*)::integer as n from duroxide.writers"),
    );
    expect(rows[0]?.n).toBeLessThan(10);
  });
});

test("a store that is closed while somebody waits listens no longer", async () => {
  const url = await freshDatabase();
  const pool = new pg.Pool({ connectionString: url });
  onTestFinished(() => pool.end());
  const store = await open(pool);
  const ending = new AbortController();
  const waits = new Client(store).waitForOrchestration("nobody", {
    signal: ending.signal,
    createdWithin: "1h",
  });
  const isListening = async (): Promise<boolean> => {
    const { rows } = await pool.query(
      "select 1 from pg_stat_activity where datname = current_database() and query ilike 'listen%'",
    );
    return rows.length > 0;
  };
  const refusal = expect(waits).rejects.toThrow(/aborted/);
  await eventually(isListening);
  ending.abort();
  await store.close();
  await refusal;
  await eventually(async () => !(await isListening()));
}, 8_000);

describe("an unprivileged role", () => {
  test("lives a whole life on what the administrator's script has made", async () => {
    const url = await freshDatabase();
    const role = `app_${Date.now().toString(36)}`;
    await asAdmin(
      url,
      "drop schema duroxide cascade",
      `create role ${role} login password 'app'`,
      PostgresProvider.migrationScript({ role }),
    );
    const store = await open(change(url, { username: role, password: "app" }), { migrate: false });
    await live(store);
    const failing = store.transaction((tx) => tx.query("create table duroxide.mine (x integer)"));
    await expect(failing).rejects.toMatchObject({ code: "42501" });
    const forging = store.transaction((tx) => tx.query("delete from duroxide.migrations"));
    await expect(forging).rejects.toMatchObject({ code: "42501" });
  });
});
