/** Many nodes on one store: deaths, wake-ups and crowds, counted and not timed. */

import { setMaxListeners } from "node:events";

import {
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  type Provider,
  type RuntimeOptions,
} from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";
import { describe, expect, test } from "vitest";

import { Fleet, numbered, SHARED_STORES, SHARED_STORES_AND_POOLER } from "../support/fleet.ts";
import { turnsOf } from "../support/hooked-store.ts";
import { eventually, gate } from "../support/signal.ts";

const go = defineEvent<number>("Go");
const inbox = defineQueue<number>("Inbox");
const waits = defineOrchestration("Waits", async (ctx) => ctx.scheduleWait(go));
const dequeues = defineOrchestration("Dequeues", async (ctx) => ctx.dequeueEvent(inbox));
const echo = defineOrchestration("Echo", async (_ctx, value: number) => value);
const orchestrations = [waits, dequeues, echo];

/** Instances that are resumed after a death. */
const COUNT = 2000;

/** A node whose claims and commits are counted. */
async function countingHeir(
  fleet: Fleet,
  options: Partial<RuntimeOptions>,
): Promise<{ expectBatches(): void }> {
  const counts = { instanceClaims: 0, activityClaims: 0 };
  const { store } = await fleet.start("heir", options, {
    others: (inner) => ({
      claimInstances: (request) => {
        counts.instanceClaims += 1;
        return inner.claimInstances(request);
      },
      claimActivities: (request) => {
        counts.activityClaims += 1;
        return inner.claimActivities(request);
      },
    }),
  });
  return {
    expectBatches() {
      // A claim for each batch of outcomes, and each also asks for suspects; batches are smaller under load.
      const most = (2 * COUNT) / 45 + 20;
      for (const [name, count] of Object.entries({ ...counts, commits: store.batches.length })) {
        expect(count, name).toBeLessThanOrEqual(most);
      }
    },
  };
}

describe.each(SHARED_STORES)("on $name", (kind) => {
  describe("a node that dies", () => {
    test("leaves nothing behind: all of its instances go on within two leases", async () => {
      const fleet = await Fleet.create(kind);
      const slow = defineActivity("Slow", async (_: undefined, ctx) => {
        if (ctx.workerId === "doomed") await new Promise(() => undefined);
        return ctx.workerId;
      });
      const task = defineOrchestration("Task", async (ctx) =>
        ctx.scheduleActivity(slow, undefined),
      );
      const sleeper = defineOrchestration("Sleeper", async (ctx) => {
        await ctx.scheduleTimer(1);
        return ctx.scheduleActivity(slow, undefined);
      });
      const options = { orchestrations: [...orchestrations, task, sleeper], activities: [slow] };
      const doomed = await fleet.start("doomed", { ...options, cancellationGrace: 0 });
      const ids = numbered("i", 60);
      const names = ["Task", "Sleeper", "Waits"];
      for (const [i, id] of ids.entries())
        await fleet.client.startOrchestration(id, names[i % names.length] as string);
      await eventually(async () => {
        const { instances } = await fleet.client.listInstances({ status: "Running" });
        return instances.length === ids.length;
      });
      let lookCount = 0;
      let looksAtDeath = 0;
      let looksTaken: number | undefined;
      await fleet.start("heir", options, {
        others: (inner) => ({
          listNodes: () => {
            lookCount += 1;
            return inner.listNodes();
          },
          removeNode: async (node, takeover) => {
            const isRemoved = await inner.removeNode(node, takeover);
            if (isRemoved && takeover !== undefined) looksTaken ??= lookCount - looksAtDeath;
            return isRemoved;
          },
        }),
      });
      doomed.store.die();
      looksAtDeath = lookCount;
      for (let i = 2; i < ids.length; i += 3) await fleet.client.raiseEvent(`i${i}`, go, i);
      const statuses = await fleet.finished(ids);
      expect(statuses.map((it) => "output" in it && it.output)).toEqual(
        ids.map((_, i) => (i % 3 === 2 ? i : "heir")),
      );
      // A look is a tick of the keeper: three of them are a lease.
      expect(looksTaken).toBeLessThanOrEqual(7);
      await fleet.expectOrder();
    });

    test("2,000 instances with a turn under way are resumed in batches", async () => {
      const fleet = await Fleet.create(kind);
      const ids = numbered("i", COUNT);
      await Promise.all(ids.map((id, i) => fleet.client.startOrchestration(id, echo, i)));
      // It takes them all, and dies with the first turns in its hands.
      let takenCount = 0;
      const doomed = await fleet.start(
        "doomed",
        { orchestrations, orchestrationConcurrency: COUNT },
        {
          onWrite: (operations, next) =>
            turnsOf(operations).length > 0 ? new Promise(() => undefined) : next(),
          others: (inner) => ({
            claimInstances: async (request) => {
              const claimed = await inner.claimInstances(request);
              takenCount += claimed.length;
              return claimed;
            },
          }),
        },
      );
      await eventually(() => takenCount === COUNT);
      doomed.store.die();
      const heir = await countingHeir(fleet, { orchestrations });
      const statuses = await fleet.finished(ids);
      expect(statuses).toEqual(ids.map((_, i) => expect.objectContaining({ output: i })));
      heir.expectBatches();
      await fleet.expectOrder();
    });

    test("2,000 instances with an activity under way are resumed in batches", async () => {
      const fleet = await Fleet.create(kind);
      let startedCount = 0;
      const work = defineActivity("Work", async (value: number, ctx) => {
        startedCount += 1;
        if (ctx.workerId === "doomed") await new Promise(() => undefined);
        return value;
      });
      const task = defineOrchestration("Task", async (ctx, value: number) =>
        ctx.scheduleActivity(work, value),
      );
      const options = { orchestrations: [task], activities: [work], activityConcurrency: COUNT };
      const doomed = await fleet.start("doomed", options);
      const ids = numbered("i", COUNT);
      await Promise.all(ids.map((id, i) => fleet.client.startOrchestration(id, task, i)));
      await eventually(() => startedCount === COUNT);
      doomed.store.die();
      const heir = await countingHeir(fleet, options);
      const statuses = await fleet.finished(ids);
      expect(statuses).toEqual(ids.map((_, i) => expect.objectContaining({ output: i })));
      expect(startedCount).toBe(2 * COUNT);
      heir.expectBatches();
      await fleet.expectOrder();
    });
  });

  test("10,000 waiting clients cost one poller", async () => {
    const fleet = await Fleet.create(kind);
    await fleet.start("one", { orchestrations });
    const store = await fleet.open();
    const reads: (readonly string[])[] = [];
    const crowd = new Client(
      new Proxy(store, {
        get(target, key: keyof Provider) {
          if (key === "readInstances")
            return (ids: readonly string[]) => {
              reads.push(ids);
              return target.readInstances(ids);
            };
          const value: unknown = target[key];
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        },
      }),
    );
    const ids = numbered("w", 10_000);
    const isDone = new Set<string>();
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const waiting = ids.map((id) =>
      crowd
        .waitForOrchestration(id, { signal: stop.signal, createdWithin: "1h" })
        .then(() => isDone.add(id))
        .catch(() => undefined),
    );
    const waitOf = (id: string): Promise<unknown> => waiting[ids.indexOf(id)] as Promise<unknown>;
    // Everybody is read at first, and again when the store has begun to listen.
    let quietCount = 0;
    await eventually(async () => {
      reads.length = 0;
      const id = `w${isDone.size + 10}`;
      await fleet.client.startOrchestration(id, echo, 1);
      await waitOf(id);
      const isQuiet = reads.flat().length <= 2 || !(store instanceof PostgresProvider);
      quietCount = isQuiet ? quietCount + 1 : 0;
      return quietCount > 2;
    });
    isDone.clear();
    reads.length = 0;
    const queriesBefore = store instanceof PostgresProvider ? store.queryCount : 0;
    await fleet.client.startOrchestration("nobody waits for it", echo, 1);
    await fleet.finished(["nobody waits for it"]);
    await fleet.client.startOrchestration("w7", echo, 1);
    await waitOf("w7");
    expect([...isDone]).toEqual(["w7"]);
    if (store instanceof PostgresProvider) {
      expect(new Set(reads.flat())).toEqual(new Set(["w7"]));
      expect(store.queryCount - queriesBefore).toBe(reads.length);
    }
    // A file does not say what has changed: all are read, as few times as there were commits.
    const commits = 12;
    expect(reads.length).toBeLessThanOrEqual(commits * 2);
    stop.abort();
    await Promise.all(waiting);
  });
});

describe.each(SHARED_STORES_AND_POOLER)("on $name", (kind) => {
  test("500 messages to a runtime that falls asleep and wakes: none is lost", async () => {
    const fleet = await Fleet.create(kind);
    const BURSTS = 20;
    let asleep = gate();
    await fleet.start(
      "one",
      { orchestrations, lease: "200ms" },
      {
        others: (inner) => ({
          removeNode: async (node, takeover) => {
            const removed = inner.removeNode(node, takeover);
            asleep.open(); // While it is on its way out.
            return removed;
          },
        }),
      },
    );
    const talker = new Client(await fleet.open());
    const ends: string[] = [];
    for (let burst = 0; burst < BURSTS; burst += 1) {
      const id = (n: number): string => `b${burst}-${n}`;
      await Promise.all([
        ...[0, 1, 2, 3, 4].map((n) => talker.startOrchestration(id(n), waits)),
        ...[5, 6, 7, 8, 9].map((n) => talker.startOrchestration(id(n), dequeues)),
        ...[10, 11].map((n) => talker.startOrchestration(id(n), waits)),
      ]);
      // All of them are at rest before the runtime falls asleep.
      await eventually(async () => {
        const { instances } = await fleet.client.listInstances({ status: "Running" });
        return instances.length === 12;
      });
      asleep = gate();
      await asleep.opened;
      await Promise.all([
        ...[0, 1, 2, 3, 4].map((n) => talker.raiseEvent(id(n), go, n)),
        ...[5, 6, 7, 8, 9].map((n) => talker.enqueueEvent(id(n), inbox, n)),
        ...[10, 11].map((n) => talker.cancelInstance(id(n), "no longer wanted")),
        talker.startOrchestration(id(12), echo, burst),
      ]);
      const burstIds = Array.from({ length: 13 }, (_, n) => id(n));
      await fleet.finished(burstIds);
      ends.push(...burstIds);
    }
    const statuses = await fleet.finished(ends);
    const counts = { Completed: 0, Canceled: 0 };
    for (const { status } of statuses) counts[status as keyof typeof counts] += 1;
    expect(counts).toEqual({ Completed: BURSTS * 11, Canceled: BURSTS * 2 });
    await fleet.expectOrder();
  });
});

const postgresKind = SHARED_STORES.find(({ name }) => name === "PostgreSQL");
if (postgresKind === undefined) throw new Error("PostgreSQL is not among the stores");

describe("on PostgreSQL", () => {
  test("what happens between the first look of a wait and its listening is not missed", async () => {
    const fleet = await Fleet.create(postgresKind);
    await fleet.start("one", { orchestrations });
    const mayListen = gate();
    const pool = new pg.Pool({ connectionString: fleet.place, max: 8 });
    const slow = new Proxy(pool, {
      get(target, key) {
        if (key === "connect")
          return async () => {
            const client = await target.connect();
            return new Proxy(client, {
              get(inner, name) {
                if (name === "query")
                  return async (query: pg.QueryConfig) => {
                    if (query.text.startsWith("listen ")) await mayListen.opened;
                    return inner.query(query);
                  };
                const value: unknown = Reflect.get(inner, name);
                return typeof value === "function" ? (value.bind(inner) as unknown) : value;
              },
            });
          };
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const store = await PostgresProvider.connect(slow, { pollInterval: "1h" });
    try {
      const before = store.queryCount;
      const end = new Client(store).waitForOrchestration("a", {
        timeout: "20s",
        createdWithin: "20s",
      });
      await eventually(() => store.queryCount > before);
      await fleet.client.startOrchestration("a", echo, 1);
      await fleet.finished(["a"]);
      mayListen.open();
      expect(await end).toMatchObject({ output: 1 });
    } finally {
      mayListen.open();
      await store.close();
      await pool.end();
    }
  });

  test("a runtime whose listening connection was killed listens again, and has missed nothing", async () => {
    const fleet = await Fleet.create(postgresKind);
    const one = await fleet.start("one", { orchestrations, lease: "200ms" });
    const admin = new pg.Client({ connectionString: fleet.place });
    await admin.connect();
    try {
      const kill = async (): Promise<number> => {
        const { rowCount } = await admin.query(`
          select pg_terminate_backend(pid)
          from pg_stat_activity
          where datname = current_database() and query like 'listen %'`);
        return rowCount ?? 0;
      };
      for (const round of [1, 2, 3]) {
        await fleet.untilIdle();
        await eventually(async () => (await kill()) > 0);
        const before = `r${round} before`;
        await fleet.client.startOrchestration(before, echo, round); // While nobody listens.
        await fleet.finished([before]);
        const after = `r${round} after`;
        await fleet.client.startOrchestration(after, echo, round);
        await fleet.finished([after]);
      }
    } finally {
      await admin.end();
    }
    expect(one.log.messages("error")).toEqual([]);
    await fleet.expectOrder();
  });
});
