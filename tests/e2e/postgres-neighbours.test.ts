/** What others on the same database, and the user's own transactions, must not be able to do to a node. */

import { Client, defineActivity, defineOrchestration, Runtime, silentLogger } from "duroxide-ts";
import { PostgresProvider, type PostgresOptions } from "duroxide-ts/postgres";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";

import { freshDatabase } from "../support/postgres.ts";
import { eventually, gate } from "../support/signal.ts";

const double = defineActivity("Double", (n: number) => n * 2);
const doubling = defineOrchestration("Doubling", async (ctx, n: number) =>
  ctx.scheduleActivity(double, n),
);

async function open(url: string, options?: PostgresOptions): Promise<PostgresProvider> {
  const store = await PostgresProvider.connect(url, options);
  onTestFinished(() => store.close());
  return store;
}

async function startRuntime(store: PostgresProvider): Promise<Runtime> {
  const runtime = await Runtime.start({
    store,
    activities: [double],
    orchestrations: [doubling],
    logger: silentLogger,
    lease: "10m", // Nothing that a keeper of leases does may be what helps.
  });
  onTestFinished(() => runtime.shutdown());
  return runtime;
}

describe("without notifications", () => {
  test("a client that comes, starts an instance and goes between two looks is seen", async () => {
    const url = await freshDatabase();
    const store = await open(url, { notify: false, pollInterval: "400ms" });
    await startRuntime(store);
    let lookCount = 0;
    store.watch(() => (lookCount += 1));
    await eventually(() => lookCount > 0);
    await using brief = await PostgresProvider.connect(url, { notify: false });
    await new Client(brief).startOrchestration("brief", doubling, 21);
    await brief.close();
    const result = new Client(store).waitForOrchestration("brief", { timeout: "20s" });
    expect(await result).toMatchObject({ status: "Completed", output: 42 });
  });

  test("a node that leaves wakes the others", async () => {
    const url = await freshDatabase();
    const store = await open(url, { notify: false, pollInterval: 20 });
    let lookCount = 0;
    store.watch(() => (lookCount += 1));
    await eventually(() => lookCount > 0);
    const other = await open(url, { notify: false });
    const node = await other.registerNode({ label: "leaving", leaseMs: 10_000 });
    const before = lookCount;
    await other.removeNode(node);
    await eventually(() => lookCount > before);
  });
});

describe("a row that a transaction of the user keeps locked", () => {
  test("G7 lets the removal of its owner wait a moment only, and the removal is repeated", async () => {
    const url = await freshDatabase();
    const store = await open(url);
    const node = await store.registerNode({ label: "dead", leaseMs: 10_000 });
    await new Client(store).startOrchestration("held", doubling, 1);
    await store.claimInstances({ node, limit: 1, remembered: new Map() });
    const neighbour = new pg.Client({ connectionString: url });
    await neighbour.connect();
    onTestFinished(() => neighbour.end());
    await neighbour.query("begin");
    await neighbour.query("select 1 from duroxide.instances for update");
    await expect(store.removeNode(node)).rejects.toMatchObject({
      code: "store_busy",
      retryable: true,
    });
    await neighbour.query("rollback");
    expect(await store.removeNode(node)).toBe(true);
  });
});

describe("transactions of the user", () => {
  test("G5 leave the connections alone that renewals and commits need, however many are open", async () => {
    const store = await open(await freshDatabase());
    const node = await store.registerNode({ label: "busy", leaseMs: 10_000 });
    const work = gate();
    let openCount = 0;
    const all = Array.from({ length: 30 }, () =>
      store.transaction(async (tx) => {
        openCount += 1;
        await tx.query("select 1");
        await work.opened;
      }),
    );
    await eventually(() => openCount > 0);
    expect(await store.renewNode(node)).toBe(true);
    await new Client(store).startOrchestration("meanwhile", doubling, 1);
    expect(openCount).toBeLessThan(8);
    work.open();
    await Promise.all(all);
    expect(openCount).toBe(30);
  });

  test("that wait inside another for too long say so, and are retryable", async () => {
    const store = await open(await freshDatabase(), { queryTimeout: "300ms", maxConnections: 7 });
    const nested = store.transaction(() => store.transaction(async () => "inner"));
    await expect(nested).rejects.toMatchObject({ code: "store_busy", retryable: true });
    expect(await store.transaction(async () => "alone")).toBe("alone");
  });

  test("are refused where they would not see what others have committed", async () => {
    const url = await freshDatabase();
    const store = await open(url);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    await client.query("begin isolation level serializable");
    const start = new Client(store).startOrchestration("x", doubling, 1, { transaction: client });
    await expect(start).rejects.toThrow(/isolation is not read committed/);
  });
});

test("an isolation that the store cannot work with is refused at the door", async () => {
  const url = new URL(await freshDatabase());
  url.searchParams.set("options", "-c default_transaction_isolation=serializable");
  await expect(open(url.href)).rejects.toThrow(/"serializable" by default and have to be/);
});
