/**
 * A storage fault is never a business failure (G7, R3, R14): a workload with a bit of everything, run
 * again and again, each time with another call of the store failing.
 */

import {
  Client,
  ProviderError,
  Runtime,
  silentLogger,
  SqliteProvider,
  defineActivity,
  defineOrchestration,
  type KnownStatus,
} from "duroxide-ts";
import { describe, expect, test } from "vitest";

import {
  faultyStore,
  type FaultKind,
  type FaultyStore,
  type StoreMethod,
} from "../support/fault-provider.ts";
import { findViolations } from "../support/oracle.ts";
import { eventually } from "../support/signal.ts";

const step = defineActivity("Step", async (n: number) => n + 1);
const endless = defineActivity("Endless", async (_: undefined, ctx) => {
  await new Promise<void>((resolve) => {
    ctx.signal.addEventListener("abort", () => {
      resolve();
    });
  });
});

const child = defineOrchestration("Child", async (ctx, n: number) => ctx.scheduleActivity(step, n));
/** Activities, a timer, a race that an activity loses, an event, a message and a child. */
const everything = defineOrchestration("Everything", async (ctx) => {
  const [a, b] = await ctx.all([ctx.scheduleActivity(step, 0), ctx.scheduleActivity(step, 10)]);
  await ctx.scheduleTimer(2);
  const raced = await ctx.select([ctx.scheduleActivity(endless), ctx.scheduleTimer(2)]);
  ctx.setCustomStatus("listening");
  const event = await ctx.scheduleWait<number>("go");
  const message = await ctx.dequeueEvent<number>("inbox");
  const grown = await ctx.scheduleSubOrchestration(child, message);
  ctx.kv.set("last", grown);
  return [a, b, raced.index, event, message, grown];
});
const loop = defineOrchestration("Loop", async (ctx, n: number): Promise<number> => {
  const next = await ctx.scheduleActivity(step, n);
  return next < 3 ? ctx.continueAsNew(next) : next;
});
const waiter = defineOrchestration("Waiter", async (ctx) => ctx.scheduleWait("never"));
const canceled = defineOrchestration("Canceled", async (ctx) => {
  ctx.setCustomStatus("waiting");
  return ctx.all([ctx.scheduleActivity(endless), ctx.scheduleSubOrchestration(waiter)]);
});

const WANTED: Record<string, Partial<KnownStatus>> = {
  everything: { status: "Completed", output: [1, 11, 1, 7, 40, 41] },
  loop: { status: "Completed", output: 3 },
  canceled: { status: "Canceled", reason: "enough" },
  "canceled::sub::4": { status: "Canceled", reason: "parent canceled" },
};

/** A caller whose call has failed for good makes it again. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
    }
  }
}

async function runWorkload(store: FaultyStore, client: Client, isCold: boolean): Promise<void> {
  await using runtime = await Runtime.start({
    store: store.provider,
    activities: [step, endless],
    orchestrations: [child, everything, loop, waiter, canceled],
    lease: "300ms",
    parkedRetryMin: 1,
    parkedRetryMax: 5,
    logger: silentLogger,
    residency: { evictAfterEveryTurn: isCold },
  });
  const options = { idReuse: "ignore" } as const;
  await again(() => client.startOrchestration("loop", loop, 0, options));
  await again(() => client.startOrchestration("canceled", canceled, undefined, options));
  await again(() => client.startOrchestration("everything", everything, undefined, options));
  await client.waitForStatusChange("canceled", 0, { timeout: "20s", createdWithin: "20s" });
  await again(() => client.cancelInstance("canceled", "enough"));
  await client.waitForStatusChange("everything", 0, { timeout: "20s", createdWithin: "20s" });
  await eventually(async () => {
    const history = await client.readExecutionHistory("everything");
    return history.some((event) => event.kind === "ExternalSubscribed");
  });
  await again(() => client.raiseEvent("everything", "go", 7));
  await again(() => client.enqueueEvent("everything", "inbox", 40));
  for (const id of Object.keys(WANTED))
    await client.waitForOrchestration(id, { timeout: "20s", createdWithin: "20s" });
  expect(runtime.workerId).not.toBe("");
}

async function expectExact(client: Client): Promise<void> {
  for (const [id, wanted] of Object.entries(WANTED))
    expect(await client.getOrchestrationStatus(id), id).toMatchObject(wanted);
  const { instances } = await client.listInstances();
  expect(instances.filter(({ status }) => status === "Failed")).toEqual([]);
  expect(await findViolations(client)).toEqual([]);
}

/** Runs the workload until a call of that number is not made any more. */
async function failEach(method: StoreMethod, kind: FaultKind, isCold: boolean): Promise<number> {
  for (let n = 1; ; n += 1) {
    await using inner = await SqliteProvider.inMemory();
    const store = faultyStore(inner);
    const client = new Client(store.provider);
    store.failAt(method, n, kind);
    await runWorkload(store, client, isCold);
    await expectExact(client);
    if (!store.hasFailed) return n - 1;
  }
}

const METHODS: readonly StoreMethod[] = [
  "write",
  "claimInstances",
  "claimActivities",
  "readHeldWork",
  "nextDueMs",
  "listNodes",
  "renewNode",
];

describe.each([
  ["resident", false],
  ["evicted every turn", true],
] as const)("%s", (_, isCold) => {
  test.each(METHODS)("G1 G4 G7 R3 R14: every %s in turn fails once", async (method) => {
    const count = await failEach(method, "retryable", isCold);
    if (method === "write") expect(count).toBeGreaterThan(10);
  });

  test("G7 R14: nothing answers for a while in the middle of everything, leases run out", async () => {
    await using inner = await SqliteProvider.inMemory();
    const store = faultyStore(inner);
    const client = new Client(store.provider);
    const finished = runWorkload(store, client, isCold);
    await client.waitForStatusChange("canceled", 0, { timeout: "20s", createdWithin: "20s" });
    store.failAll([...METHODS, "hasClaimableWork", "registerNode", "removeNode"], "retryable");
    const { failureCount } = store;
    const raised = client.raiseEvent("canceled", "never heard of", 1);
    await eventually(() => store.failureCount > failureCount + 12);
    for (const node of await inner.listNodes()) await inner.removeNode(node.id);
    store.heal();
    await raised;
    await finished;
    await expectExact(client);
  });

  test("G4 G7: every write in turn fails for good", async () => {
    expect(await failEach("write", "permanent", isCold)).toBeGreaterThan(10);
  });

  test("G4 G7: every write in turn lands, and its answer is lost", async () => {
    expect(await failEach("write", "unheard", isCold)).toBeGreaterThan(10);
  });
});
