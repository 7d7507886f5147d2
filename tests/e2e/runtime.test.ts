/** What a runtime does at its edges: idle, beside others, without code, without a parent that listens. */

import {
  Client,
  defineActivity,
  defineOrchestration,
  Runtime,
  SqliteProvider,
  type RuntimeOptions,
} from "duroxide-ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { StoreHub } from "../../src/provider/hub.ts";
import type {
  ClaimInstancesRequest,
  Provider,
  WriteOperation,
  WriteOutcome,
} from "../../src/provider/provider.ts";
import { faultyStore } from "../support/fault-provider.ts";
import { hooked } from "../support/hooked-store.ts";
import { recordingLogger, type RecordingLogger } from "../support/logger.ts";
import { findViolations } from "../support/oracle.ts";
import { eventually, gate } from "../support/signal.ts";

const LIMIT = { timeout: "20s" } as const;

let store: SqliteProvider;
let client: Client;
let log: RecordingLogger;
let runtimes: Runtime[];

beforeEach(async () => {
  store = await SqliteProvider.inMemory();
  client = new Client(store);
  log = recordingLogger();
  runtimes = [];
});
afterEach(async () => {
  for (const runtime of runtimes) await runtime.shutdown({ timeout: "1s" });
  expect(await findViolations(client)).toEqual([]);
  await store.close();
});

async function start(options: Partial<RuntimeOptions>): Promise<Runtime> {
  const runtime = await Runtime.start({
    store,
    logger: log,
    lease: "300ms",
    parkedRetryMin: 5,
    parkedRetryMax: 20,
    ...options,
  });
  runtimes.push(runtime);
  return runtime;
}

const step = defineActivity("Step", async (n: number) => n + 1);
const chain = defineOrchestration("Chain", async (ctx, n: number) => {
  let sum = 0;
  for (let i = 0; i < n; i += 1) sum = await ctx.scheduleActivity(step, sum);
  return sum;
});
const sleeper = defineOrchestration("Sleeper", async (ctx, ms: number) => {
  await ctx.scheduleTimer(ms);
  return "awake";
});
const listener = defineOrchestration("Listener", async (ctx) => ctx.scheduleWait<number>("go"));

async function untilRunning(id: string): Promise<void> {
  await eventually(async () => (await client.getOrchestrationStatus(id)).status === "Running");
}

/** Whether nobody is on the list who could hold something. */
async function noNodes(): Promise<boolean> {
  const nodes = await store.listNodes();
  return nodes.every(({ label }) => label.endsWith("(presence)"));
}

/** A start that has landed, and of which its own process is not told before `lostNode` is open. */
async function startUnheard() {
  const lostNode = gate();
  const { provider: mine } = hooked(store, async (operations, next) => {
    const outcomes = await next();
    if (operations.some(({ kind }) => kind === "startInstance")) await lostNode.opened;
    return outcomes;
  });
  const here = new Client(mine);
  const runtime = await start({ store: mine, orchestrations: [listener] });
  const starting = here.startOrchestration("l", listener, undefined);
  await untilRunning("l");
  return { mine, runtime, starting, lostNode };
}

describe("waiting for what this process runs", () => {
  test("reads nothing where the commit of the end says what it is", async () => {
    let readCount = 0;
    const { provider } = hooked(store, undefined, {
      readInstances: (ids) => {
        readCount += ids.length;
        return store.readInstances(ids);
      },
    });
    await start({ store: provider, orchestrations: [listener] });
    const here = new Client(provider);
    const handle = await here.startOrchestration("l", listener, undefined);
    const result = handle.result(LIMIT);
    await here.raiseEvent("l", "go", 7);
    expect(await result).toBe(7);
    expect(readCount).toBe(0);
  });

  test("G3 finds an end that came elsewhere while the node here did not know that it was lost", async () => {
    // Two processes, as it were; neither hears of what the other does.
    const mine = hooked(store).provider;
    const theirs = hooked(store).provider;
    const here = new Client(mine);
    const runtime = await start({ store: mine, orchestrations: [listener], lease: "900ms" });
    await here.startOrchestration("l", listener, undefined);
    const held = (await store.listNodes()).find(({ label }) => label === runtime.workerId);
    await store.removeNode(held?.id ?? 0);
    await start({ store: theirs, orchestrations: [listener] });
    const there = new Client(theirs);
    await there.raiseEvent("l", "go", 7);
    await there.waitForOrchestration("l", LIMIT);
    expect(StoreHub.of(mine).isRunning("l")).toBe(true);
    // Neither the last look of a timeout nor the slow safety net may be what finds it.
    expect(await here.getHandle("l", listener).result()).toBe(7);
  }, 15_000);

  test("G3 trusts no start of which it was told only after its node was lost", async () => {
    const { runtime, starting, lostNode } = await startUnheard();
    const held = (await store.listNodes()).find(({ label }) => label === runtime.workerId);
    await store.removeNode(held?.id ?? 0);
    await eventually(() => log.messages().some((message) => message.startsWith("Lost")));
    lostNode.open();
    const handle = await starting;
    await start({ store, orchestrations: [listener] });
    await client.raiseEvent("l", "go", 7);
    await client.waitForOrchestration("l", LIMIT);
    expect(await handle.result()).toBe(7);
  }, 15_000);

  test("G2 a start of which it is told late does not take the place of its newer self", async () => {
    const { mine, runtime, starting, lostNode } = await startUnheard();
    const nodeOf = async () =>
      (await store.listNodes()).find(({ label }) => label === runtime.workerId)?.id;
    const first = (await nodeOf()) ?? 0;
    // A message for another name: it makes the instance claimable, and leaves it waiting.
    await client.raiseEvent("l", "other", 0);
    await store.removeNode(first);
    const hub = StoreHub.of(mine);
    await eventually(async () => {
      if ((await nodeOf()) === first) return false;
      hub.wakeAll(); // Nobody else tells a second hub on the same connection.
      return hub.isRunning("l");
    });
    lostNode.open();
    await starting;
    await client.raiseEvent("l", "go", 7);
    await eventually(async () => {
      hub.wakeAll();
      const status = await client.getOrchestrationStatus("l");
      return status.status === "Completed";
    });
  }, 15_000);
});

describe("commits (budget)", () => {
  test.each([1, 10, 100])("a chain of %i activities costs one more commit", async (n) => {
    await start({ activities: [step], orchestrations: [chain] });
    const before = StoreHub.of(store).pipeline.commitCount;
    const handle = await client.startOrchestration("chain", chain, n);
    expect(await handle.result(LIMIT)).toBe(n);
    expect(StoreHub.of(store).pipeline.commitCount - before).toBe(n + 1);
  });
});

describe("an idle runtime", () => {
  test("holds nothing, leaves the list of those who work, and wakes for an event with what it remembers", async () => {
    const faulty = faultyStore(store);
    const own = new Client(faulty.provider);
    await start({ store: faulty.provider, orchestrations: [listener], lease: "200ms" });
    const handle = await own.startOrchestration("a", listener);
    await untilRunning("a");
    await eventually(noNodes);
    faulty.failAt("registerNode", 1, "permanent"); // Whoever registers now would be seen to fail.
    await eventually(() => faulty.countOf("listNodes") > 3);
    expect(faulty.hasFailed).toBe(false);
    faulty.failAt("readHistory", 1, "permanent");
    await handle.raiseEvent("go", 7);
    expect(await handle.result(LIMIT)).toBe(7);
    expect(faulty.hasFailed).toBe(false);
  });

  test("its timers still fire", async () => {
    await start({ orchestrations: [sleeper], lease: "200ms" });
    const handle = await client.startOrchestration("a", sleeper, 700);
    await untilRunning("a");
    await eventually(noNodes);
    expect(await handle.result(LIMIT)).toBe("awake");
  });
});

describe("two runtimes of one process on one store", () => {
  test("the one that has the code hears of a death that the other one noticed", async () => {
    await start({ activities: [step] });
    const idle = await start({ orchestrations: [listener] });
    await client.startOrchestration("l", listener);
    const held = async () =>
      (await store.listNodes()).find(({ label }) => label === idle.workerId)?.id;
    // Idle for a lease: it leaves the list, and only its presence stays.
    await eventually(async () => (await held()) === undefined);
    const dead = await store.registerNode({ label: "dead", leaseMs: 900 });
    await store.claimInstances({ node: dead, limit: 1, remembered: new Map() });
    await client.raiseEvent("l", "go", 7);
    expect(await client.waitForOrchestration("l")).toMatchObject({ output: 7 });
  }, 15_000);

  test("the one that stays takes over the instances and timers of the one that goes", async () => {
    const orchestrations = [listener, sleeper];
    const first = await start({ orchestrations });
    const waiting = await client.startOrchestration("waiting", listener);
    const sleeping = await client.startOrchestration("sleeping", sleeper, 300);
    await untilRunning("sleeping");
    await start({ orchestrations });
    const shutdown = first.shutdown();
    await waiting.raiseEvent("go", 7);
    await shutdown;
    expect(await waiting.result(LIMIT)).toBe(7);
    expect(await sleeping.result(LIMIT)).toBe("awake");
  });

  test("activities that wait in memory for a slot are shared", async () => {
    const release = gate();
    const ranBy: string[] = [];
    const slow = defineActivity("Slow", async (n: number, ctx) => {
      ranBy.push(ctx.workerId);
      if (ctx.workerId === "busy") await release.opened;
      return n;
    });
    const fan = defineOrchestration("Fan", async (ctx) =>
      ctx.all([1, 2, 3, 4, 5].map((n) => ctx.scheduleActivity(slow, n))),
    );
    const options = { activities: [slow], orchestrations: [fan], activityConcurrency: 1 };
    await start({ ...options, workerId: "busy" });
    const handle = await client.startOrchestration("fan", fan);
    await eventually(() => ranBy.length === 1);
    await start({ ...options, workerId: "helper" });
    await eventually(() => ranBy.length === 5);
    expect(ranBy).toEqual(["busy", "helper", "helper", "helper", "helper"]);
    release.open();
    expect(await handle.result(LIMIT)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("starts", () => {
  test("a delayed start of the same process begins in time, though nothing else happens", async () => {
    await start({ orchestrations: [chain], activities: [step], lease: "200ms" });
    const handle = await client.startOrchestration("later", chain, 1, { startAfter: 400 });
    await eventually(noNodes);
    expect(await handle.result(LIMIT)).toBe(1);
  });

  test("a start when the node has just been taken for dead is queued instead", async () => {
    await start({ orchestrations: [chain], activities: [step], lease: "2s" });
    for (const node of await store.listNodes()) await store.removeNode(node.id);
    const handle = await client.startOrchestration("a", chain, 2);
    expect(await handle.result(LIMIT)).toBe(2);
  });

  test("a runtime that cannot start leaves nothing behind", async () => {
    const faulty = faultyStore(store);
    faulty.failAt("unblockWork", 1, "permanent");
    await expect(start({ store: faulty.provider })).rejects.toMatchObject({ code: "store_failed" });
    expect(await store.listNodes()).toEqual([]);
  });

  test("more instances than fit are claimed as they fit", async () => {
    const ids = Array.from({ length: 60 }, (_, i) => `i${i}`);
    for (const id of ids) await client.startOrchestration(id, chain, 2);
    let claimedCount = 0;
    let claimedBeforeWrite: number | undefined;
    const counting = new Proxy<Provider>(store, {
      get: (_, key) => {
        const value: unknown = (store as Provider)[key as keyof Provider];
        if (key === "claimInstances")
          return async (request: ClaimInstancesRequest) => {
            const instances = await store.claimInstances(request);
            claimedCount += instances.length;
            return instances;
          };
        if (key === "write")
          return (operations: readonly WriteOperation[]) => {
            claimedBeforeWrite ??= claimedCount;
            return store.write(operations);
          };
        return typeof value === "function" ? (value.bind(store) as unknown) : value;
      },
    });
    await start({
      store: counting,
      orchestrations: [chain],
      activities: [step],
      orchestrationConcurrency: 4,
    });
    const beside = new Client(counting); // Who shares the runtime's store hears of its commits.
    for (const id of ids)
      expect(await beside.waitForOrchestration(id, LIMIT)).toMatchObject({ output: 2 });
    // With the first write the first turns are over; until then there was room for so many.
    expect(claimedBeforeWrite).toBe(4);
  });

  test("while no turn is free, nobody reads what is due again and again (W6)", async () => {
    const [held, opened] = [gate(), gate()];
    let readCount = 0;
    const { provider } = hooked(
      store,
      async (operations, next) => {
        if (operations.some(({ kind }) => kind === "commitTurn")) {
          held.open();
          await opened.opened;
        }
        return next();
      },
      {
        readHeldWork: (node, limit) => {
          readCount += 1;
          return store.readHeldWork(node, limit);
        },
      },
    );
    await start({ store: provider, orchestrations: [sleeper], orchestrationConcurrency: 1 });
    const beside = new Client(provider);
    const ids = Array.from({ length: 20 }, (_, i) => `i${i}`);
    const startOne = (id: string, i: number) => beside.startOrchestration(id, sleeper, 300 + i * 5);
    const handles = await Promise.all(ids.map(startOne));
    await held.opened;
    const before = readCount;
    const allDueMs = store.nowMs() + 300 + ids.length * 5;
    await eventually(() => store.nowMs() > allDueMs);
    expect(readCount - before).toBeLessThanOrEqual(1); // One may have been on its way.
    opened.open();
    for (const handle of handles) expect(await handle.result(LIMIT)).toBe("awake");
  });
});

describe("without code", () => {
  test("an unknown activity is logged, waits without counting attempts, and runs once it is known", async () => {
    const first = await start({ orchestrations: [chain], poisonAfterCrashes: 2 });
    const handle = await client.startOrchestration("a", chain, 1);
    await eventually(() => log.messages("warn").length >= 5);
    expect(log.messages("warn")[0]).toContain('activity "Step": this runtime does not know it');
    await first.shutdown();
    const attempts: number[] = [];
    const late = defineActivity("Step", async (n: number, ctx) => {
      attempts.push(ctx.attempt);
      return n + 1;
    });
    await start({ orchestrations: [chain], activities: [late], poisonAfterCrashes: 2 });
    expect(await handle.result(LIMIT)).toBe(1);
    expect(attempts).toEqual([1]);
  });

  test("a shutdown waits for what is on its way back, so that no attempt is counted", async () => {
    const first = await start({ orchestrations: [chain], poisonAfterCrashes: 2 });
    const handle = await client.startOrchestration("a", chain, 1);
    await first.shutdown();
    const held = gate();
    const arrived = gate();
    const released: WriteOutcome[] = [];
    const slow = hooked(store, async (operations, next) => {
      const isRelease = operations.some(({ kind }) => kind === "releaseActivity");
      if (isRelease) {
        arrived.open();
        await held.opened;
      }
      const outcomes = await next();
      if (isRelease) released.push(...outcomes);
      return outcomes;
    });
    const second = await start({
      store: slow.provider,
      orchestrations: [chain],
      poisonAfterCrashes: 2,
    });
    await arrived.opened;
    const isOver = second.shutdown();
    await new Promise((resolve) => setTimeout(resolve, 30)); // Long enough to leave the list too early.
    held.open();
    await isOver;
    await eventually(() => released.length > 0);
    expect(released.map(({ kind }) => kind)).not.toContain("claimLost");
    await start({ orchestrations: [chain], activities: [step], poisonAfterCrashes: 2 });
    expect(await handle.result(LIMIT)).toBe(1);
  });

  test("R22 a message that cannot be read parks a resident instance, and a cancel ends it", async () => {
    await start({ orchestrations: [listener] });
    const handle = await client.startOrchestration("a", listener);
    await untilRunning("a");
    await StoreHub.of(store).write({
      kind: "sendMessage",
      message: { instanceId: "a", body: "not a message" },
    });
    const blocked = await eventually(async () => {
      const [row] = await store.readInstances(["a"]);
      return row?.blocked;
    });
    expect(blocked).toMatchObject({ code: "history_corrupt" });
    await handle.cancel("give up");
    expect(await client.waitForOrchestration("a", LIMIT)).toMatchObject({
      status: "Canceled",
      reason: "give up",
    });
  });
});

/** Claims whatever is there and dies, as a process that is killed by its work. */
async function crash(times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    const node = await store.registerNode({ label: "doomed", leaseMs: 60_000 });
    await store.claimInstances({ node, limit: 100, remembered: new Map() });
    await store.claimActivities({ node, limit: 100 });
    await store.removeNode(node, { ifRenewals: 0, isCrash: true });
  }
}

describe("poison", () => {
  test("of a child in its second execution is told to the parent", async () => {
    const child = defineOrchestration("Child", async (ctx, n: number): Promise<number> => {
      if (n === 0) return ctx.continueAsNew(1);
      return ctx.scheduleWait<number>("go");
    });
    const parent = defineOrchestration("Parent", async (ctx) =>
      ctx.scheduleSubOrchestration(child, 0, { instanceId: "the-child" }),
    );
    const definitions = { orchestrations: [parent, child], poisonAfterCrashes: 2 };
    const first = await start(definitions);
    await client.startOrchestration("parent", parent);
    await eventually(async () => (await client.listExecutions("the-child")).length === 2);
    await first.shutdown();
    await client.raiseEvent("the-child", "go", 1);
    await crash(3);
    await start(definitions);
    expect(await client.waitForOrchestration("the-child", LIMIT)).toMatchObject({
      status: "Failed",
      error: { category: "poison" },
    });
    expect(await client.waitForOrchestration("parent", LIMIT)).toMatchObject({
      status: "Failed",
      error: { category: "poison" },
    });
    const executions = await client.listExecutions("the-child");
    expect(executions.map(({ status }) => status)).toEqual(["ContinuedAsNew", "Failed"]);
  });

  test("R17 of a continue message ends the new execution, and leaves the finished one alone", async () => {
    const loop = defineOrchestration("Loop", async (ctx, n: number): Promise<number> =>
      n === 0 ? ctx.continueAsNew(1, { version: "2.0.0" }) : n,
    );
    const first = await start({ orchestrations: [loop], poisonAfterCrashes: 2 });
    await client.startOrchestration("loop", loop, 0);
    await eventually(async () => (await store.readInstances(["loop"]))[0]?.blocked);
    await first.shutdown();
    await store.unblockWork();
    await crash(3);
    await start({ orchestrations: [loop], poisonAfterCrashes: 2 });
    expect(await client.waitForOrchestration("loop", LIMIT)).toMatchObject({ status: "Failed" });
    const executions = await client.listExecutions("loop");
    expect(executions.map(({ status }) => status)).toEqual(["ContinuedAsNew", "Failed"]);
    const events = await client.readExecutionHistory("loop", 2);
    expect(events.map(({ kind }) => kind)).toEqual(["OrchestrationStarted", "OrchestrationFailed"]);
  });
});

describe("activities that are taken away", () => {
  test("G5 the signal fires, heartbeat details and key survive, what stops upon it is no result", async () => {
    const seen: { attempt: number; key: string; details: unknown }[] = [];
    const beaten = gate();
    const stopped = gate();
    const beating = defineActivity("Beating", async (_: undefined, ctx) => {
      const { attempt, idempotencyKey: key, heartbeatDetails: details } = ctx;
      seen.push({ attempt, key, details });
      if (attempt > 1) return "second";
      await ctx.heartbeat({ row: 17 });
      beaten.open();
      await new Promise<void>((resolve) => {
        ctx.signal.addEventListener("abort", () => {
          resolve();
        });
      });
      stopped.open();
      return "first";
    });
    const order = defineOrchestration("Order", async (ctx) => ctx.scheduleActivity(beating));
    await start({ activities: [beating], orchestrations: [order] });
    const handle = await client.startOrchestration("order", order);
    await beaten.opened;
    for (const node of await store.listNodes()) await store.removeNode(node.id);
    await stopped.opened;
    expect(await handle.result(LIMIT)).toBe("second");
    const key = seen[0]?.key;
    expect(seen).toEqual([
      { attempt: 1, key, details: undefined },
      { attempt: 2, key, details: { row: 17 } },
    ]);
  });
});

describe("shutdown", () => {
  test("S320 at rest it leaves no node and no timer that keeps work back", async () => {
    const runtime = await start({ orchestrations: [listener] });
    await client.startOrchestration("a", listener);
    await runtime.shutdown();
    expect(await store.listNodes()).toEqual([]);
    await expect(runtime.shutdown({ timeout: -1 })).rejects.toMatchObject({
      code: "invalid_duration",
    });
    await runtime.shutdown();
  });

  test("ends although the store does not answer any more", async () => {
    const faulty = faultyStore(store);
    const own = new Client(faulty.provider);
    const runtime = await start({ store: faulty.provider, orchestrations: [listener] });
    const handle = await own.startOrchestration("a", listener);
    await untilRunning("a");
    faulty.failAll(["write", "removeNode", "renewNode", "claimInstances"], "retryable");
    const raised = handle.raiseEvent("go", 7);
    await runtime.shutdown({ timeout: 50 });
    faulty.heal();
    await raised;
    await start({ store: faulty.provider, orchestrations: [listener] });
    expect(await handle.result(LIMIT)).toBe(7);
  });

  test("an activity that does not end is told, handed back, and its attempt not counted", async () => {
    const started = gate();
    const attempts: number[] = [];
    const slow = defineActivity("Slow", async (_: undefined, ctx) => {
      attempts.push(ctx.attempt);
      if (attempts.length > 1) return "done";
      started.open();
      await new Promise<void>((resolve) => {
        ctx.signal.addEventListener("abort", () => {
          resolve();
        });
      });
      throw new Error("told to stop");
    });
    const order = defineOrchestration("Order", async (ctx) => ctx.scheduleActivity(slow));
    const runtime = await start({ activities: [slow], orchestrations: [order] });
    const handle = await client.startOrchestration("order", order);
    await started.opened;
    await runtime.shutdown({ timeout: 10 });
    await start({ activities: [slow], orchestrations: [order] });
    expect(await handle.result(LIMIT)).toBe("done");
    expect(attempts).toEqual([1, 1]);
  });

  test("a start that waits for a turn when the runtime stops is queued, not lost", async () => {
    const runtime = await start({
      activities: [step],
      orchestrations: [chain],
      orchestrationConcurrency: 1,
    });
    const starts = Array.from({ length: 20 }, (_, i) =>
      client.startOrchestration(`i${i}`, chain, 1),
    );
    await runtime.shutdown();
    const handles = await Promise.all(starts);
    await start({ activities: [step], orchestrations: [chain] });
    for (const handle of handles) expect(await handle.result(LIMIT)).toBe(1);
  });
});
