/** Connections to PostgreSQL that break at the worst moment: what is unknown is found out, not repeated. */

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
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { findViolations } from "../support/oracle.ts";
import { eventually, gate } from "../support/signal.ts";
import { startProxy, type BreakingProxy } from "../support/postgres-proxy.ts";
import { freshDatabase, recycleDatabase } from "../support/postgres.ts";

const LIMIT = { timeout: "30s" } as const;
/** More messages than pass on a connection while a statement is on its way. */
const MESSAGES_MAX = 40;

let url: string;
let proxy: BreakingProxy;
/** Through the proxy. */
let shaky: PostgresProvider;
/** Straight to the server. */
let steady: PostgresProvider;

beforeEach(async () => {
  url = await freshDatabase();
  proxy = await startProxy(url);
  shaky = await PostgresProvider.connect(proxy.url, { queryTimeout: "2s" });
  steady = await PostgresProvider.connect(url);
});
afterEach(async () => {
  expect(await findViolations(new Client(steady))).toEqual([]);
  await shaky.close();
  await steady.close();
  await proxy.close();
  await recycleDatabase(url);
});

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

const echo = defineOrchestration("Echo", async (ctx) => ctx.dequeueEvent<number>("inbox"));

test("G3 P7 a commit that is cut off at its n-th message, for every n, lands once", async () => {
  const client = new Client(shaky);
  let n = 0;
  let wasCut = true;
  while (wasCut) {
    n += 1;
    proxy.cutAt(".write(", n);
    const id = `i${n}`;
    const handle = await client.startOrchestration(id, echo);
    expect(handle.isNew).toBe(true); // The same request, and not somebody else's.
    proxy.cutAt(".write(", n);
    expect(await client.enqueueEvent(id, "inbox", n)).toMatchObject({ kind: "accepted" });
    wasCut = proxy.hasCut;
    const [stored] = await query(`
      select count(distinct i.seq)::integer as instances, count(m.id)::integer as messages
      from duroxide.instances i left join duroxide.messages m on m.instance = i.seq
      where i.id = '${id}'`);
    expect(stored, `cut at ${n}`).toEqual({ instances: 1, messages: 2 });
  }
  expect(n).toBeGreaterThan(8); // Messages of a statement, both ways.
  expect(n).toBeLessThanOrEqual(MESSAGES_MAX);
}, 120_000);

test.each([".claim_instances(", ".claim_activities("])(
  "G5 a claim (%s) that is cut off at its n-th message, for every n, strands nothing",
  async (statement) => {
    const attempts: number[] = [];
    const step = defineActivity("Step", async (k: number, ctx) => {
      attempts.push(ctx.attempt);
      return k;
    });
    const run = defineOrchestration("Run", async (ctx, k: number) => ctx.scheduleActivity(step, k));
    const runtime = await Runtime.start({
      store: shaky,
      orchestrations: [run],
      activities: [step],
      logger: silentLogger,
      // So small that what follows is claimed, and not held from before.
      residency: { evictAfterEveryTurn: true },
      parkedRetryMin: 5,
      parkedRetryMax: 50,
    });
    const client = new Client(steady);
    let n = 0;
    for (let isReached = true; isReached && n < MESSAGES_MAX;) {
      n += 1;
      proxy.cutAt(statement, n);
      const handle = await client.startOrchestration(`i${n}`, run, n);
      expect(await handle.result(LIMIT), `cut at ${n}`).toBe(n);
      isReached = proxy.hasCut || statement === ".claim_activities(";
    }
    // No cut counts as an attempt: nothing has died.
    expect(new Set(attempts)).toEqual(new Set([1]));
    await runtime.shutdown();
  },
  120_000,
);

test("a change that is committed before the connection listens is not missed", async () => {
  const mayListen = gate();
  const pool = new pg.Pool({ connectionString: url });
  const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
  pool.connect = (async () => {
    const client = await connect();
    return new Proxy(client, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (key !== "query")
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        return async (config: pg.QueryConfig) => {
          if (config.text.startsWith("listen")) await mayListen.opened;
          return target.query(config);
        };
      },
    });
  }) as typeof pool.connect;
  const late = await PostgresProvider.connect(pool, { pollInterval: "1h" });
  const runtime = await Runtime.start({
    store: steady,
    orchestrations: [echo],
    logger: silentLogger,
  });
  const handle = await new Client(steady).startOrchestration("a", echo);
  const before = late.queryCount;
  const seen = new Client(late).waitForOrchestration("a", { timeout: "60s" });
  await eventually(() => late.queryCount > before); // It has looked once, and in vain.
  await handle.enqueueEvent("inbox", 1);
  await handle.result(LIMIT);
  mayListen.open();
  expect(await seen).toMatchObject({ status: "Completed", output: 1 });
  await runtime.shutdown();
  await late.close();
  await pool.end();
}, 20_000); // Less than the safety net of waits takes.

describe("transactions of the user", () => {
  const put = (failures: { left: number }, how: string): ReturnType<typeof defineTransaction> =>
    defineTransaction("Put", async (tx, k: number) => {
      await tx.query("insert into rows_of_mine (k) values ($1)", [k]);
      if (failures.left > 0) {
        failures.left -= 1;
        await tx.query(how);
      }
      return k;
    });

  beforeEach(async () => {
    await query("drop table if exists rows_of_mine");
    await query("create table rows_of_mine (k integer not null)");
  });

  async function runPut(put: ReturnType<typeof defineTransaction>, k: number): Promise<unknown> {
    const run = defineOrchestration("Run", async (ctx, n: number) =>
      ctx.scheduleActivity(put as never, n as never),
    );
    const runtime = await Runtime.start({
      store: shaky,
      orchestrations: [run],
      activities: [put],
      logger: silentLogger,
      lease: "1s",
      parkedRetryMin: 5,
      parkedRetryMax: 50,
    });
    try {
      const handle = await new Client(steady).startOrchestration(`t${k}`, run, k);
      return await handle.result(LIMIT);
    } finally {
      await runtime.shutdown();
    }
  }

  const count = async (): Promise<unknown> =>
    (await query("select count(*)::integer as count from rows_of_mine"))[0]?.["count"];

  test("G7 exactly once, whichever message of the commit is cut off", async () => {
    for (let n = 1; n <= 4; n += 1) {
      proxy.cutAt("commit", n);
      expect(await runPut(put({ left: 0 }, ""), n)).toBe(n);
      expect(await count(), `cut at ${n}`).toBe(n);
    }
  }, 120_000);

  test.each([
    ["a serialization failure", "do $$ begin raise exception using errcode = '40001'; end $$"],
    ["a deadlock", "do $$ begin raise exception using errcode = '40P01'; end $$"],
    ["the end of the connection", "select pg_terminate_backend(pg_backend_pid())"],
  ])("G7 %s is tried again, and no failure of the orchestration", async (_, how) => {
    const failures = { left: 2 };
    expect(await runPut(put(failures, how), 1)).toBe(1);
    expect(failures.left).toBe(0);
    expect(await count()).toBe(1);
  });

  test("a failed statement that was swallowed fails the activity with a clear error", async () => {
    const careless = defineTransaction("Put", async (tx, k: number) => {
      await tx.query("insert into rows_of_mine (k) values (null)").catch(() => undefined);
      return k;
    });
    await expect(runPut(careless as never, 1)).rejects.toMatchObject({
      message: expect.stringContaining("one of its statements has failed") as string,
    });
    expect(await count()).toBe(0);
  });
});
