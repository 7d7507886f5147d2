/**
 * What waits costs a claim the same however much of it there is, also while the server may not remove
 * what was claimed before: counted in entries of indexes, so that no machine is too slow for it.
 */

import { Client, defineOrchestration, Runtime, silentLogger } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";

import { freshDatabase } from "../support/postgres.ts";
import { eventually } from "../support/signal.ts";
import { activity, effects, request } from "../support/sqlite-store.ts";

const SIZES = [500, 1_000, 2_000, 4_000] as const;
/** Each alive once and dead once, at the end, and once more for each 5 s that a run takes. */
const ENTRIES_MAX = 6;
const ACTIVITIES_AT_ONCE = 32;
const LIMIT = { timeout: "120s" } as const;

const child = defineOrchestration("Child", async (_ctx, n: number) => n);
const children = defineOrchestration("Children", async (ctx, width: number) => {
  const all = Array.from({ length: width }, (_, i) => ctx.scheduleSubOrchestration(child, i));
  return (await ctx.all(all)).length;
});

interface World {
  readonly store: PostgresProvider;
  readonly database: pg.Client;
}

const LOADS = [
  { load: "children of one parent", run: runChildren },
  { load: "instances that wait for a runtime", run: runStarts },
  { load: "activities of one instance", run: runActivities },
] as const;

function startRuntime(store: PostgresProvider): Promise<Runtime> {
  const orchestrations = [child, children];
  return Runtime.start({ store, activities: [], orchestrations, logger: silentLogger });
}

async function runChildren({ store }: World, width: number): Promise<void> {
  const runtime = await startRuntime(store);
  const handle = await new Client(store).startOrchestration("parent", children, width);
  expect(await handle.result(LIMIT)).toBe(width);
  await runtime.shutdown();
}

async function runStarts({ store, database }: World, count: number): Promise<void> {
  const client = new Client(store);
  const ids = Array.from({ length: count }, (_, i) => `start-${i}`);
  await Promise.all(ids.map((id, i) => client.startOrchestration(id, child, i)));
  const runtime = await startRuntime(store);
  await eventually(async () => {
    const { rows } = await database.query<{ open: number }>(
      "select count(*)::integer as open from duroxide.instances where status <> 'Completed'",
    );
    return rows[0]?.open === 0 || undefined;
  });
  await runtime.shutdown();
}

/** A process keeps most activities of its instances in memory: these were left by another one. */
async function runActivities({ store }: World, count: number): Promise<void> {
  const node = await store.registerNode({ label: "activities", leaseMs: 60_000 });
  const newActivities = Array.from({ length: count }, (_, i) => activity(i + 1));
  const firstTurn = { node, effects: effects({ newActivities }) };
  await store.write([{ kind: "startInstance", request: request("wide"), firstTurn }]);
  const found: number[] = [];
  for (;;) {
    const claimed = await store.claimActivities({ node, limit: ACTIVITIES_AT_ONCE });
    if (claimed.length === 0) break;
    found.push(...claimed.map((it) => it.claim.activityId));
  }
  expect(found).toEqual(newActivities.map((it) => it.activityId));
}

/** Entries of the indexes of claims that a run reads, for each of its units. */
async function readPerUnit(run: (typeof LOADS)[number]["run"], size: number): Promise<number> {
  const url = await freshDatabase();
  const [database, other] = await Promise.all([connect(url), connect(url)]);
  // A backup, a report, a forgotten session: it keeps all that dies from now on.
  await other.query("begin isolation level repeatable read; select count(*) from duroxide.nodes");
  const before = await readEntries(database);
  const store = await PostgresProvider.connect(url);
  await run({ store, database }, size);
  await store.close();
  await eventually(async () => ((await countConnections(database)) === 2 ? true : undefined));
  return ((await readEntries(database)) - before) / size;
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** A server's process adds its counts when it ends, at the latest. */
async function countConnections(database: pg.Client): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    `select count(*)::integer as count from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend'`,
  );
  return rows[0]?.count ?? 0;
}

async function readEntries(database: pg.Client): Promise<number> {
  const { rows } = await database.query<{ read: string }>(
    `select sum(idx_tup_read) as read from pg_stat_user_indexes
    where indexrelname in ('instances_ready', 'activities_waiting')`,
  );
  return Number(rows[0]?.read);
}

test.each(LOADS)(
  "F54 $load read as many entries of the queue each, however many there are",
  async ({ run }) => {
    const entries: number[] = [];
    for (const size of SIZES) entries.push(await readPerUnit(run, size));
    for (const each of entries) expect(each, entries.join(", ")).toBeLessThan(ENTRIES_MAX);
  },
  240_000,
);

describe("a claim that found all that it asked for", () => {
  const TOO_OLD_MS = 5_001;

  interface Answer {
    readonly now: number;
    readonly items: readonly (readonly unknown[])[];
    readonly mark: readonly number[] | null;
  }

  /** Ten instances, and a first claim of five; then one with less due than all that wait. */
  async function claimHalf() {
    const url = await freshDatabase();
    const [database, store] = await Promise.all([connect(url), PostgresProvider.connect(url)]);
    onTestFinished(() => store.close());
    const node = await store.registerNode({ label: "claims", leaseMs: 60_000 });
    const ids = Array.from({ length: 10 }, (_, i) => `i-${i}`);
    await store.write(ids.map((id) => ({ kind: "startInstance", request: request(id) })));
    const claim = async (limit: number, mark: readonly number[] | null): Promise<Answer> => {
      const { rows } = await database.query<{ answer: Answer }>(
        `select duroxide.claim_instances($1, gen_random_uuid(), false, $2, 0, 1000, $3, '{}') as answer`,
        [node, limit, mark],
      );
      return rows[0]!.answer;
    };
    const { mark, items } = await claim(5, null);
    expect(items).toHaveLength(5);
    await database.query(
      "update duroxide.instances set owner = null, ready_ms = 1 where id = 'i-0'",
    );
    return { claim, mark: mark! };
  }

  const idsIn = ({ items }: Answer): unknown[] => items.map((item) => (item[2] as unknown[])[1]);

  test("F54 is followed by one that goes on there", async () => {
    const { claim, mark } = await claimHalf();
    const next = await claim(3, mark);
    expect(idsIn(next)).toEqual(["i-5", "i-6", "i-7"]);
    expect(next.mark![0]).toBe(mark[0]);
  });

  test("F54 is followed by one that takes older work too when there is too little", async () => {
    const { claim, mark } = await claimHalf();
    expect(idsIn(await claim(6, mark))).toEqual(["i-0", "i-5", "i-6", "i-7", "i-8", "i-9"]);
  });

  test("F54 is followed by one that begins with older work after five seconds", async () => {
    const { claim, mark } = await claimHalf();
    const [wholeMs = 0, ...key] = mark;
    expect(idsIn(await claim(3, [wholeMs - TOO_OLD_MS, ...key]))).toEqual(["i-0", "i-5", "i-6"]);
  });

  test("F54 is followed by one that begins with older work when the clock was set back", async () => {
    const { claim, mark } = await claimHalf();
    const [wholeMs = 0, ...key] = mark;
    const next = await claim(3, [wholeMs + 3_600_000, ...key]);
    expect(idsIn(next)).toEqual(["i-0", "i-5", "i-6"]);
    expect(next.mark![0]).toBe(next.now);
  });

  test("F54 has a mark, and one that found less or nothing has none", async () => {
    const { claim, mark } = await claimHalf();
    expect((await claim(7, mark)).mark).toBeNull();
    expect((await claim(7, null)).mark).toBeNull();
  });
});
