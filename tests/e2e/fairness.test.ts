/** Whoever always has something to do keeps nobody else waiting for ever (ARCHITECTURE, "Whose turn it is"). */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import {
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  Runtime,
  silentLogger,
  SqliteProvider,
  type RuntimeOptions,
} from "duroxide-ts";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { hooked } from "../support/hooked-store.ts";
import { findViolations } from "../support/oracle.ts";
import { eventually } from "../support/signal.ts";

const LIMIT = { timeout: "20s" } as const;

let store: SqliteProvider;
let client: Client;
let runtimes: Runtime[];

beforeEach(async () => {
  store = await SqliteProvider.inMemory();
  client = new Client(store);
  runtimes = [];
});
afterEach(async () => {
  for (const runtime of runtimes) await runtime.shutdown({ timeout: "1s" });
  expect(await findViolations(client)).toEqual([]);
  await store.close();
});

async function start(options: Partial<RuntimeOptions>): Promise<void> {
  runtimes.push(await Runtime.start({ store, logger: silentLogger, lease: "300ms", ...options }));
}

const go = defineEvent<number>("Go");
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
const listener = defineOrchestration("Listener", async (ctx) => ctx.scheduleWait(go));

/** Instances that always have something to do, until they are told to end. */
function createLoops(lookMs: number) {
  let mustEnd = false;
  const look = defineActivity("Look", async () => {
    if (lookMs > 0) await sleep(lookMs);
    return mustEnd;
  });
  const loop = defineOrchestration("Loop", async (ctx) => {
    while (!(await ctx.scheduleActivity(look))) ctx.setCustomStatus("goes on");
  });
  return {
    look,
    loop,
    begin: (by: Client, count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, i) => by.startOrchestration(`loop-${i}`, loop)),
      ),
    end: () => {
      mustEnd = true;
    },
  };
}

describe("instances that always have something to do", () => {
  test.for([
    { orchestrationConcurrency: 1, loopCount: 10 },
    { orchestrationConcurrency: 50, loopCount: 200 },
  ])(
    "keep no timer, event, start or queued work waiting for ever ($loopCount on $orchestrationConcurrency turns)",
    async ({ orchestrationConcurrency, loopCount }) => {
      await store.close();
      const folder = mkdtempSync(join(tmpdir(), "duroxide-fairness-"));
      onTestFinished(() => {
        rmSync(folder, { recursive: true });
      });
      const file = join(folder, "app.db");
      store = await SqliteProvider.open(file);
      client = new Client(store);
      await using other = await SqliteProvider.open(file);
      const elsewhere = new Client(other); // As another process would.
      const loops = createLoops(0);
      await start({
        orchestrations: [loops.loop, sleeper, listener],
        activities: [loops.look],
        orchestrationConcurrency,
      });
      const asleep = await client.startOrchestration("asleep", sleeper, 300);
      const listening = await client.startOrchestration("listening", listener);
      const handles = await loops.begin(client, loopCount);
      await elsewhere.startOrchestration("queued", sleeper, 1);
      await elsewhere.raiseEvent("listening", go, 7);
      const late = await client.startOrchestration("late", sleeper, 1);
      expect(await asleep.result(LIMIT)).toBe("awake");
      expect(await listening.result(LIMIT)).toBe(7);
      expect(await late.result(LIMIT)).toBe("awake");
      expect(await client.waitForOrchestration("queued", LIMIT)).toMatchObject({ output: "awake" });
      loops.end();
      for (const handle of handles) await handle.result(LIMIT);
    },
  );

  test("leave room for others where memory is full of those that rest", async () => {
    const loops = createLoops(0);
    await start({
      orchestrations: [loops.loop, sleeper],
      activities: [loops.look],
      orchestrationConcurrency: 1,
      residency: { maxInstances: 20 },
    });
    const evicted = await client.startOrchestration("evicted", sleeper, 500);
    for (let i = 0; i < 30; i += 1) await client.startOrchestration(`rests-${i}`, sleeper, 600_000);
    const handles = await loops.begin(client, 10);
    expect(await evicted.result(LIMIT)).toBe("awake");
    loops.end();
    for (const handle of handles) await handle.result(LIMIT);
  });

  test("keep no activity of another runtime's turns waiting for ever", async () => {
    const loops = createLoops(3); // Long enough that some always wait for a slot.
    await start({
      orchestrations: [loops.loop],
      activities: [loops.look, step],
      activityConcurrency: 4,
    });
    await start({ orchestrations: [chain], activityConcurrency: 0 });
    const handles = await loops.begin(client, 100);
    const other = await client.startOrchestration("other", chain, 3);
    expect(await other.result(LIMIT)).toBe(3);
    loops.end();
    for (const handle of handles) await handle.result(LIMIT);
  });

  test("keep no suspect from being tried, though every slot is always in use (poison)", async () => {
    let isReady = false;
    const loops = createLoops(3);
    const { provider } = hooked(store, undefined, {
      claimActivities: async (request) => (isReady ? await store.claimActivities(request) : []),
    });
    await start({ orchestrations: [chain], activityConcurrency: 0 });
    await start({
      store: provider,
      orchestrations: [loops.loop],
      activities: [loops.look, step],
      activityConcurrency: 1,
      poisonAfterCrashes: 5,
    });
    const handles = await loops.begin(new Client(provider), 20);
    const suspect = await client.startOrchestration("suspect", chain, 1);
    for (let deaths = 0; deaths < 3; deaths += 1) {
      const node = await store.registerNode({ label: "dies", leaseMs: 60_000 });
      await eventually(async () => (await store.claimActivities({ node, limit: 1 })).length === 1);
      await store.removeNode(node);
    }
    isReady = true;
    expect(await suspect.result(LIMIT)).toBe(1);
    loops.end();
    for (const handle of handles) await handle.result(LIMIT);
  });
});

test("starts that take every turn let a held timer fire", async () => {
  const short = defineOrchestration("Short", async () => "done");
  await start({ orchestrations: [short, sleeper], orchestrationConcurrency: 1 });
  const asleep = await client.startOrchestration("asleep", sleeper, 50);
  let mustEnd = false;
  const callers = [0, 1].map(async (caller) => {
    for (let i = 0; !mustEnd; i += 1) {
      await client.startOrchestration(`short-${caller}-${i}`, short);
    }
  });
  expect(await asleep.result(LIMIT)).toBe("awake");
  mustEnd = true;
  await Promise.all(callers);
});
