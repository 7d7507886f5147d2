/** Transactions that business rows share with the store: what lands together, and what happens once. */

import {
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  defineTransaction,
  InstanceAlreadyExistsError,
  Runtime,
  silentLogger,
  type ActivityDefinition,
  type OrchestrationDefinition,
  type Provider,
  type RuntimeOptions,
} from "duroxide-ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";

import { withMethods } from "../support/client-world.ts";
import { faultyStore, type FaultKind, type StoreMethod } from "../support/fault-provider.ts";
import { findViolations } from "../support/oracle.ts";
import { startProcess } from "../support/processes.ts";
import { eventually, gate } from "../support/signal.ts";
import {
  createLedger,
  note,
  openStore,
  readLedger,
  STORE_KINDS,
  type TransactionStore,
} from "../support/transaction-stores.ts";
import { book, chain, CHAIN_ENTRIES, createBook } from "./transactions.ts";

const WORKER = new URL("transactions.process.ts", import.meta.url);
const BOOKED = CHAIN_ENTRIES.map((entry) => `${entry} booked`);

const go = defineEvent<number>("Go");
const inbox = defineQueue<number>("Inbox");
const listener = defineOrchestration("Listener", async (ctx) => {
  ctx.setCustomStatus("listening");
  return [await ctx.dequeueEvent(inbox), await ctx.scheduleWait(go)];
});
const echo = defineOrchestration("Echo", async (_ctx, text: string) => text);
const changedMyMind = new Error("changed my mind");

async function startRuntime(
  store: Provider,
  activities: readonly ActivityDefinition[],
  orchestrations: readonly OrchestrationDefinition[],
  some: Partial<RuntimeOptions> = {},
): Promise<Runtime> {
  const runtime = await Runtime.start({
    store,
    activities,
    orchestrations,
    lease: "300ms",
    parkedRetryMin: 1,
    parkedRetryMax: 5,
    logger: silentLogger,
    ...some,
  });
  onTestFinished(() => runtime.shutdown());
  return runtime;
}

describe.each(STORE_KINDS)("on $name", (kind) => {
  describe("a client", () => {
    test("G1: starts an instance together with the user's rows, or not at all", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      await startRuntime(store, [], [echo]);
      const place = (id: string) => async (tx: Parameters<typeof note>[0]) => {
        await note(tx, id);
        return client.startOrchestration(id, echo, "hello", { transaction: tx });
      };
      const failing = store.transaction(async (tx) => {
        await place("refused")(tx);
        throw changedMyMind;
      });
      await expect(failing).rejects.toBe(changedMyMind);
      const handle = await store.transaction(place("placed"));
      expect(handle.isNew).toBe(true);
      expect(await handle.result({ timeout: "20s" })).toBe("hello");
      expect(await client.getOrchestrationStatus("refused")).toEqual({
        status: "NotFound",
        instanceId: "refused",
        isReplaced: false,
      });
      expect(await readLedger(store)).toEqual(["placed"]);
    });

    test("G3: wakes a runtime after the commit, and not before", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      const order: string[] = [];
      const mark = defineOrchestration("Mark", async (ctx) => {
        if (!ctx.isReplaying) order.push("ran");
      });
      await startRuntime(store, [], [mark]);
      await store.transaction(async (tx) => {
        await client.startOrchestration("a", mark, undefined, { transaction: tx });
        for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
        order.push("commits");
      });
      await client.waitForOrchestration("a", { timeout: "20s" });
      expect(order).toEqual(["commits", "ran"]);
    });

    test("G1: raises, enqueues and cancels together with the user's rows, or not at all", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      await startRuntime(store, [], [listener]);
      for (const id of ["a", "b"]) {
        await client.startOrchestration(id, listener);
        await client.waitForStatusChange(id, 0, { timeout: "20s" });
      }
      const accepted = { kind: "accepted" };
      const handle = client.getHandle("a");
      const say = (n: number) =>
        store.transaction(async (tx) => {
          const options = { transaction: tx };
          await note(tx, String(n));
          expect(await client.enqueueEvent("a", inbox, n, options)).toEqual(accepted);
          expect(await client.cancelInstance("b", `reason ${n}`, options)).toEqual(accepted);
          expect(await client.raiseEvent("nobody", "Go", n, options)).toEqual({
            kind: "dropped",
            reason: "unknownInstance",
          });
          if (n === 1) throw changedMyMind;
        });
      await expect(say(1)).rejects.toBe(changedMyMind);
      await say(2);
      await eventually(async () =>
        (await client.readExecutionHistory("a")).some((it) => it.kind === "ExternalSubscribed"),
      );
      await store.transaction((tx) => handle.raiseEvent(go, 3, { transaction: tx }));
      expect(await handle.result({ timeout: "20s" })).toEqual([2, 3]);
      expect(await client.waitForOrchestration("b", { timeout: "20s" })).toMatchObject({
        status: "Canceled",
        reason: "reason 2",
      });
      expect(await readLedger(store)).toEqual(["2"]);
    });

    test("learns of an id in use as it does without a transaction", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      await client.startOrchestration("a", echo, "first");
      await store.transaction(async (tx) => {
        const options = { transaction: tx };
        await expect(
          client.startOrchestration("a", echo, "second", options),
        ).rejects.toBeInstanceOf(InstanceAlreadyExistsError);
        const handle = await client.startOrchestration("a", echo, "third", {
          ...options,
          idReuse: "ignore",
        });
        expect(handle.isNew).toBe(false);
        await client.startOrchestration("b", echo, "x", { ...options, startAfter: "1h" });
        await expect(client.startOrchestration("b", echo, "y", options)).rejects.toBeInstanceOf(
          InstanceAlreadyExistsError,
        );
        await note(tx, "went on");
      });
      expect(await readLedger(store)).toEqual(["went on"]);
      expect(await client.getOrchestrationStatus("b")).toMatchObject({ status: "Pending" });
    });

    test("is told when there is no transaction", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      const wrong = { name: "UsageError", code: "invalid_argument" };
      await expect(
        client.startOrchestration("a", echo, "x", { transaction: {} }),
      ).rejects.toMatchObject(wrong);
      await expect(
        client.cancelInstance("a", "x", { transaction: null as never }),
      ).rejects.toMatchObject(wrong);
      const bare = new Client(withMethods(store, { transactions: undefined }));
      await store.transaction(async (tx) => {
        await expect(bare.raiseEvent("a", go, 1, { transaction: tx })).rejects.toMatchObject(wrong);
      });
    });
  });

  describe("a transactional activity", () => {
    test("G1 G5: lands its rows and its completion together", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      await startRuntime(store, [book], [chain]);
      const handle = await client.startOrchestration("chain", chain);
      expect(await handle.result({ timeout: "20s" })).toEqual(BOOKED);
      expect(await readLedger(store)).toEqual(CHAIN_ENTRIES);
      expect(await findViolations(client)).toEqual([]);
    });

    test("G1: works evicted after every turn, and many at once", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      await startRuntime(store, [book], [chain], { residency: { evictAfterEveryTurn: true } });
      const ids = Array.from({ length: 20 }, (_, i) => `chain-${i}`);
      await Promise.all(ids.map((id) => client.startOrchestration(id, chain)));
      for (const id of ids) await client.waitForOrchestration(id, { timeout: "60s" });
      expect(await readLedger(store)).toHaveLength(ids.length * CHAIN_ENTRIES.length);
      expect(await findViolations(client)).toEqual([]);
    });

    test("G1: rolls back when it throws, and fails like any activity", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      let tries = 0;
      const flaky = defineTransaction("Flaky", async (tx, entry: string) => {
        await note(tx, entry);
        tries += 1;
        if (tries < 3) throw new RangeError(`try ${tries}`);
        return tries;
      });
      const retrying = defineOrchestration("Retrying", async (ctx) => {
        const errors: string[] = [];
        for (;;) {
          try {
            return [...errors, await ctx.scheduleActivity(flaky, "x")];
          } catch (error) {
            errors.push((error as Error).message);
          }
        }
      });
      await startRuntime(store, [flaky], [retrying]);
      const handle = await client.startOrchestration("a", retrying);
      expect(await handle.result({ timeout: "20s" })).toEqual(["try 1", "try 2", 3]);
      expect(await readLedger(store)).toEqual(["x"]);
    });

    test("checks its input and its result, and knows where it runs", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      const checked = defineTransaction({
        name: "Checked",
        input: z.object({ n: z.number() }),
        output: z.number().max(5),
        run: async (tx, { n }, ctx) => {
          await note(tx, `${ctx.instanceId} ${ctx.activityName} ${ctx.attempt} ${n}`);
          expect(ctx).not.toHaveProperty("heartbeat");
          expect(ctx.signal.aborted).toBe(false);
          return n;
        },
      });
      const both = defineOrchestration("Both", async (ctx) => {
        const outcomes = await ctx.join([
          ctx.scheduleActivity(checked, { n: 5 }),
          ctx.scheduleActivity(checked, { n: 6 }),
        ]);
        return outcomes.map((it) => (it.status === "fulfilled" ? it.value : "rejected"));
      });
      await startRuntime(store, [checked], [both]);
      const handle = await client.startOrchestration("a", both);
      expect(await handle.result({ timeout: "20s" })).toEqual([5, "rejected"]);
      expect(await readLedger(store)).toEqual(["a Checked 1 5"]);
    });

    test("G1: starts other instances with its rows", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      const spawn = defineTransaction("Spawn", async (tx, id: string) => {
        await note(tx, id);
        await client.startOrchestration(id, echo, "spawned", { transaction: tx });
      });
      const parent = defineOrchestration("Parent", async (ctx) =>
        ctx.scheduleActivity(spawn, "child"),
      );
      await startRuntime(store, [spawn], [parent, echo]);
      await client.startOrchestration("parent", parent);
      expect(
        await client.waitForOrchestration("child", { timeout: "20s", createdWithin: "20s" }),
      ).toMatchObject({
        output: "spawned",
      });
      await client.waitForOrchestration("parent", { timeout: "20s" });
      expect(await readLedger(store)).toEqual(["child"]);
    });

    test("G4 G5: rolls back when its claim is lost, and happens once", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      let runs = 0;
      const { transactions } = store;
      const losing = withMethods(store, {
        transactions: {
          write: transactions!.write.bind(transactions),
          run: async (work) => {
            runs += 1;
            // Taken for dead in the moment in which it begins.
            if (runs === 1)
              for (const { id } of await store.listNodes()) await store.removeNode(id);
            return transactions!.run(work);
          },
        },
      });
      const attempts: number[] = [];
      const counted = createBook(async (_, attempt) => {
        attempts.push(attempt);
      });
      await startRuntime(losing, [counted], [chain]);
      const handle = await new Client(losing).startOrchestration("chain", chain);
      expect(await handle.result({ timeout: "60s" })).toEqual(BOOKED);
      expect(await readLedger(store)).toEqual(CHAIN_ENTRIES);
      // The first attempt begins, or learns of its loss before; the steps after it have one each.
      expect(["1,2,1,1", "2,1,1"]).toContain(attempts.join());
      expect(await findViolations(client)).toEqual([]);
    });

    test("G1 G4: a cancellation meets its rows and its completion, or neither", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      const running = gate();
      const endless = defineActivity("Endless", async (_: undefined, ctx) => {
        running.open();
        await new Promise<void>((resolve) => {
          ctx.signal.addEventListener("abort", () => {
            resolve();
          });
        });
      });
      const racing = defineOrchestration("Racing", async (ctx) =>
        ctx.all([ctx.scheduleActivity(endless), ctx.scheduleActivity(book, "x")]),
      );
      await startRuntime(store, [endless, book], [racing]);
      await client.startOrchestration("a", racing);
      await running.opened;
      await client.cancelInstance("a", "enough");
      expect(await client.waitForOrchestration("a", { timeout: "20s" })).toMatchObject({
        status: "Canceled",
      });
      const history = await client.readExecutionHistory("a");
      const completed = history.filter((event) => event.kind === "ActivityCompleted");
      expect((await readLedger(store)).length).toBeGreaterThanOrEqual(completed.length);
      expect(await findViolations(client)).toEqual([]);
    });

    test("G5: a shutdown in the middle of it hands it over, and it happens once", async () => {
      const store = await openStore(kind);
      const client = new Client(store);
      const running = gate();
      const first = createBook(async () => {
        running.open();
        await new Promise((resolve) => {
          setTimeout(resolve, 50);
        });
      });
      const runtime = await startRuntime(store, [first], [chain]);
      await client.startOrchestration("chain", chain);
      await running.opened;
      await runtime.shutdown({ timeout: 0 });
      await startRuntime(store, [book], [chain]);
      expect(await client.waitForOrchestration("chain", { timeout: "20s" })).toMatchObject({
        output: BOOKED,
      });
      expect(await readLedger(store)).toEqual(CHAIN_ENTRIES);
      expect(await findViolations(client)).toEqual([]);
    });

    test("is refused by a runtime whose store shares no transactions", async () => {
      const store = await openStore(kind);
      const bare = withMethods(store, { transactions: undefined });
      await expect(Runtime.start({ store: bare, activities: [book] })).rejects.toMatchObject({
        name: "UsageError",
        code: "invalid_argument",
        message: expect.stringContaining('activity "Book" is a transaction') as string,
      });
    });
  });

  describe("faults of the store", () => {
    const FAULTS: readonly [StoreMethod, FaultKind][] = [
      ["transactions.run", "retryable"],
      ["transactions.run", "permanent"],
      ["transactions.run", "unheard"],
      ["transactions.write", "retryable"],
      ["transactions.write", "permanent"],
      ["transactions.write", "unheard"],
      ["write", "retryable"],
      ["write", "unheard"],
      ["claimInstances", "retryable"],
      ["claimActivities", "retryable"],
      ["findLostActivities", "retryable"],
    ];

    test.each(FAULTS)("G1 G4 G7: every %s in turn fails once (%s)", async (method, fault) => {
      let count = 0;
      for (let hasFailed = true; hasFailed; count += 1) {
        const store = await kind.open(await kind.place());
        await createLedger(store);
        const faulty = faultyStore(store);
        const client = new Client(faulty.provider);
        faulty.failAt(method, count + 1, fault);
        {
          await using runtime = await startRuntime(faulty.provider, [book], [chain]);
          await client.startOrchestration("chain", chain);
          const status = await client.waitForOrchestration("chain", { timeout: "20s" });
          expect(status).toMatchObject({ status: "Completed", output: BOOKED });
          expect(runtime.workerId).not.toBe("");
        }
        expect(await readLedger(store)).toEqual(CHAIN_ENTRIES);
        expect(await findViolations(client)).toEqual([]);
        ({ hasFailed } = faulty);
        await store.close();
      }
      if (method.startsWith("transactions.")) expect(count).toBeGreaterThan(CHAIN_ENTRIES.length);
    });

    test("G7: what no store ever takes is poison in the end", async () => {
      const store = await openStore(kind);
      const faulty = faultyStore(store);
      const client = new Client(faulty.provider);
      faulty.failAll(["transactions.run"], "permanent");
      await startRuntime(faulty.provider, [book], [chain], { poisonAfterCrashes: 3 });
      await client.startOrchestration("chain", chain);
      expect(await client.waitForOrchestration("chain", { timeout: "20s" })).toMatchObject({
        status: "Failed",
      });
      expect(await readLedger(store)).toEqual([]);
    });
  });
});

describe.each(STORE_KINDS.filter((kind) => kind.isShared))("on $name", (kind) => {
  test("G1 G5: SIGKILL at one moment after the other: each step happens once", async () => {
    const place = await kind.place();
    const store: TransactionStore = await kind.open(place);
    onTestFinished(() => store.close());
    await createLedger(store);
    const client = new Client(store);
    await client.startOrchestration("chain", chain);
    for (const moment of ["completion", "commit", "statement", "commit", "completion"]) {
      const child = startProcess(WORKER, [kind.name, place, moment]);
      await child.exited;
      expect(child.process.signalCode).toBe("SIGKILL");
    }
    expect(await readLedger(store)).toEqual(["a", "b"]);
    await startRuntime(store, [book], [chain]);
    expect(await client.waitForOrchestration("chain", { timeout: "60s" })).toMatchObject({
      output: BOOKED,
    });
    expect(await readLedger(store)).toEqual(CHAIN_ENTRIES);
    expect(await findViolations(client)).toEqual([]);
  });

  test.each(["statement", "completion", "commit"])(
    "G1 G5: SIGKILL after the %s: it happens once",
    async (moment) => {
      const place = await kind.place();
      const store: TransactionStore = await kind.open(place);
      onTestFinished(() => store.close());
      await createLedger(store);
      const client = new Client(store);
      const child = startProcess(WORKER, [kind.name, place, moment]);
      await child.ready;
      await client.startOrchestration("chain", chain);
      await child.exited;
      expect(child.process.signalCode).toBe("SIGKILL");
      expect(await readLedger(store)).toEqual(moment === "commit" ? ["a"] : []);
      await startRuntime(store, [book], [chain]);
      expect(await client.waitForOrchestration("chain", { timeout: "60s" })).toMatchObject({
        status: "Completed",
        output: BOOKED,
      });
      expect(await readLedger(store)).toEqual(CHAIN_ENTRIES);
      expect(await findViolations(client)).toEqual([]);
    },
  );
});
