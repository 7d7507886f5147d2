/** What lies beside the rows of an instance costs it nothing, however large it is (SQLite). */

import { join } from "node:path";

import {
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  Runtime,
  silentLogger,
} from "duroxide-ts";
import { SqliteProvider } from "duroxide-ts/sqlite";
import { describe, expect, test } from "vitest";

import { findBinding } from "../../src/providers/sqlite/binding.ts";
import { openDatabase } from "../../src/providers/sqlite/driver.ts";
import { bytesRead, canCountReads, createForgetfulBinding } from "../support/io-counting-sqlite.ts";
import {
  activity,
  effects,
  historyRow,
  request,
  temporaryFolder,
} from "../support/sqlite-store.ts";

const CHILDREN = 100;
const PATIENCE = { timeout: "100s" } as const;
/** What the clock makes the engine read, and what the shape of the trees does, to a child. */
const NOISE_BYTES = 8_000;
const SIZES = [1_000, 100_000, 1_000_000, 8_000_000] as const;

const go = defineEvent<number>("Go");
const measure = defineActivity("Measure", (text: string) => text.length);
const child = defineOrchestration("Child", async (_ctx, n: number) => n);
const result = defineOrchestration("Result", async (_ctx, length: number) => "x".repeat(length));
const parent = defineOrchestration("Parent", async (ctx, length: number) => {
  await ctx.scheduleActivity(measure, "x".repeat(length));
  ctx.setCustomStatus("ready");
  const count = await ctx.scheduleWait(go);
  const all = Array.from({ length: count }, (_, i) => ctx.scheduleSubOrchestration(child, i));
  return (await ctx.all(all)).length;
});

/** @returns Bytes that a child of a parent makes the process read, after both payloads were stored */
async function costOfChild(turnLength: number, resultLength?: number): Promise<number> {
  const { binding, checkpoint } = await createForgetfulBinding();
  const file = join(temporaryFolder(), "store.db");
  await using store = await SqliteProvider.open(file, { binding, durability: "process" });
  const runtime = await Runtime.start({
    store,
    activities: [measure],
    orchestrations: [child, parent, result],
    logger: silentLogger,
  });
  const client = new Client(store);
  const handle = await client.startOrchestration("parent", parent, turnLength);
  await client.waitForStatusChange("parent", 0, PATIENCE);
  if (resultLength !== undefined) {
    await (await client.startOrchestration("beside", result, resultLength)).result(PATIENCE);
  }
  checkpoint();
  const before = bytesRead();
  await client.raiseEvent("parent", go, CHILDREN);
  expect(await handle.result(PATIENCE)).toBe(CHILDREN);
  const cost = (bytesRead() - before) / CHILDREN;
  await runtime.shutdown();
  return cost;
}

describe.runIf(canCountReads)("what is read", () => {
  test("F8 for a child is the same however large the result of another instance is", async () => {
    const costs = [];
    for (const size of SIZES) costs.push(await costOfChild(1_000, size));
    expect(Math.max(...costs) - Math.min(...costs), costs.join()).toBeLessThan(NOISE_BYTES);
  });

  test("F8 for a child is the same however large an earlier turn of its parent is", async () => {
    const costs = [];
    for (const size of SIZES) costs.push(await costOfChild(size));
    expect(Math.max(...costs) - Math.min(...costs), costs.join()).toBeLessThan(NOISE_BYTES);
  });

  test("F8 to find and claim an activity is the same however large those are that wait", async () => {
    const costs = [];
    for (const size of SIZES) costs.push(await costOfClaim(size));
    expect(Math.max(...costs) - Math.min(...costs), costs.join()).toBeLessThan(5 * NOISE_BYTES);
  });
});

/** @returns Bytes that are read to claim a small activity before which and after which large ones wait */
async function costOfClaim(length: number): Promise<number> {
  const { binding, checkpoint } = await createForgetfulBinding();
  const file = join(temporaryFolder(), "store.db");
  await using store = await SqliteProvider.open(file, { binding, durability: "process" });
  const node = await store.registerNode({ label: "first", leaseMs: 10_000 });
  const start = (id: string, body: string) =>
    store.write([
      {
        kind: "startInstance",
        request: request(id),
        firstTurn: {
          node,
          effects: effects({ history: [historyRow(1)], newActivities: [activity(2, { body })] }),
        },
      },
    ]);
  const large = "x".repeat(length);
  await start("small", "input");
  await start("large", large);
  await start("larger", large + large);
  checkpoint();
  const before = bytesRead();
  expect(await store.hasClaimableWork()).toBe(true);
  const [claimed] = await store.claimActivities({ node, limit: 1 });
  const cost = bytesRead() - before;
  expect(claimed).toMatchObject({ instanceId: "small", body: "input" });
  expect(await store.claimActivities({ node, limit: 2 })).toMatchObject([
    { instanceId: "large", body: large },
    { instanceId: "larger", body: large + large },
  ]);
  return cost;
}

const FAILURE = { category: "application", code: "failed", name: "Error", message: "" } as const;
const LONG = "x".repeat(1_000_000);
/** Trees whose rows are compared with each other: all of a row that does not fit into its page is read. */
const LARGE_KEYS = `
select s.name, count(*) as pages
from dbstat s
join sqlite_schema o on o.name = s.name
where s.pagetype = 'overflow'
  and (o.type = 'index' or o.sql like '%without rowid%')
group by s.name`;

test("F8 no row that is compared with others holds a long text, whatever is stored", async () => {
  const file = join(temporaryFolder(), "store.db");
  await using store = await SqliteProvider.open(file);
  const node = await store.registerNode({ label: LONG, leaseMs: 10_000 });
  const link = { instanceId: "p".repeat(500), executionId: 1, eventId: 1, runId: LONG };
  const keyValues = { isCleared: false, changes: [{ key: "k", value: LONG, updatedMs: 1 }] };
  const blocked = { code: "x", message: LONG, sinceMs: 1 };
  const first = effects({
    history: [historyRow(1, { data: LONG })],
    change: { customStatus: { value: LONG } },
    newActivities: [activity(2, { body: LONG, isClaimed: true }), activity(3, { body: LONG })],
    keyValues,
  });
  const start = { ...request("i", { parent: link, body: LONG }), runId: LONG };
  const [started] = await store.write([
    { kind: "startInstance", request: start, firstTurn: { node, effects: first } },
  ]);
  const key = started?.kind === "started" ? started.key : -1;
  const continued = {
    ...{ executionId: 1, name: "order", version: "1.0.0", startedMs: 1 },
    ...{ output: LONG, body: LONG },
  };
  const claim = { key, node, epoch: 1 };
  const consumed = { messages: [], timers: [], activities: [] };
  const running = { key, executionId: 1, activityId: 2, node, attempt: 1 };
  const ended = { status: "Failed", output: LONG, failure: { ...FAILURE, message: LONG } } as const;
  await store.write([
    { kind: "heartbeatActivity", claim: running, details: LONG },
    { kind: "commitTurn", claim, consumed, effects: effects({ continued, keyValues }) },
    { kind: "commitTurn", claim, consumed, effects: effects({ executionId: 2, keyValues }) },
    { kind: "sendMessage", message: { instanceId: "i", body: LONG } },
    {
      kind: "releaseInstance",
      ...{ claim, visibleAtMs: Date.now() + 60_000, isAttemptCounted: true, blocked },
    },
    {
      kind: "startInstance",
      request: request("ended", { body: LONG }),
      firstTurn: { node, effects: effects({ history: [historyRow(1)], change: ended }) },
    },
  ]);
  const database = openDatabase(await findBinding(), file, true);
  const found = database.prepare(LARGE_KEYS).all();
  database.close();
  expect(found).toEqual([]);
});

test("F8 long texts go with the rows that name them", async () => {
  const file = join(temporaryFolder(), "store.db");
  await using store = await SqliteProvider.open(file);
  const node = await store.registerNode({ label: "first", leaseMs: 10_000 });
  const turn = effects({
    history: [historyRow(1, { data: LONG })],
    newActivities: [2, 3, 4].map((id) => activity(id, { body: LONG, isClaimed: true })),
  });
  const start = request("i", { idReuse: "replaceFinished" });
  const [started] = await store.write([
    { kind: "startInstance", request: start, firstTurn: { node, effects: turn } },
  ]);
  const key = started?.kind === "started" ? started.key : -1;
  const claimOf = (activityId: number, attempt = 1) =>
    ({ key, executionId: 1, activityId, node, attempt }) as const;
  const database = openDatabase(await findBinding(), file, true);
  const countTexts = (): unknown => database.prepare("select count(*) as n from long_texts").get();
  expect(countTexts()).toMatchObject({ n: 4 });
  await store.write([
    { kind: "heartbeatActivity", claim: claimOf(2), details: LONG },
    { kind: "heartbeatActivity", claim: claimOf(2), details: `${LONG} and more` },
    { kind: "heartbeatActivity", claim: claimOf(2, 7), details: LONG },
    { kind: "heartbeatActivity", claim: claimOf(3), details: LONG },
    { kind: "heartbeatActivity", claim: claimOf(3), details: "short" },
  ]);
  expect(countTexts()).toMatchObject({ n: 5 });
  const claim = { key, node, epoch: 1 };
  const activities = [{ executionId: 1, activityId: 2, attempt: 1 }];
  await store.write([
    { kind: "completeActivity", claim: claimOf(3), body: "done" },
    {
      kind: "commitTurn",
      claim,
      consumed: { messages: [], timers: [], activities },
      effects: effects({ change: { status: "Completed", output: "1" } }),
    },
  ]);
  expect(countTexts()).toMatchObject({ n: 2 });
  await store.write([{ kind: "startInstance", request: { ...start, runId: "another" } }]);
  expect(countTexts()).toMatchObject({ n: 0 });
  database.close();
});
