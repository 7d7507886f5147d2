/** F11 F59: timers, while the wall clock of the machine jumps (SQLite). */

import { performance } from "node:perf_hooks";

import {
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  Runtime,
  silentLogger,
  SqliteProvider,
  type DurationInput,
} from "duroxide-ts";
import { expect, onTestFinished, test } from "vitest";

const HOUR_MS = 3_600_000;
const PATIENCE = { timeout: "30s" } as const;

const go = defineEvent("Go");
const note = defineActivity("Note", () => undefined);
const sleeper = defineOrchestration("Sleeper", async (ctx, delay: DurationInput) => {
  await ctx.scheduleTimer(delay);
  return "awake";
});
const twice = defineOrchestration("Twice", async (ctx) => {
  await ctx.scheduleActivity(note);
  ctx.setCustomStatus("ready");
  await ctx.scheduleWait(go);
  await ctx.scheduleTimer(50); // Counts from the clock as it is now, not from the time of the turn.
  return "awake";
});

async function open() {
  let setMs = 0;
  const clock = {
    nowMs: () => Date.now() + setMs + 0.25,
    monotonicMs: () => performance.now(),
  };
  const store = await SqliteProvider.inMemory({ clock });
  const runtime = await Runtime.start({
    store,
    activities: [note],
    orchestrations: [sleeper, twice],
    lease: "1s",
    logger: silentLogger,
  });
  onTestFinished(async () => {
    await runtime.shutdown();
    await store.close();
  });
  return { client: new Client(store), set: (ms: number) => (setMs += ms) };
}

test("F11 new timers ring on time after the clock has jumped forward", async () => {
  const { client, set } = await open();
  // The alarm sleeps for this one, and afterwards its time is over.
  const first = await client.startOrchestration("first", sleeper, "30m");
  await client.waitForStatusChange("first", 0, { timeout: 1 }).catch(() => undefined);
  set(HOUR_MS);
  const second = await client.startOrchestration("second", sleeper, "100ms");
  expect(await second.result(PATIENCE)).toBe("awake");
  expect(await first.result(PATIENCE)).toBe("awake");
});

test("F11 a timer whose time has come by a jump alone rings", async () => {
  const { client, set } = await open();
  const first = await client.startOrchestration("first", sleeper, "30m");
  await client.waitForStatusChange("first", 0, { timeout: 50 }).catch(() => undefined);
  set(HOUR_MS);
  expect(await first.result(PATIENCE)).toBe("awake");
});

test("F59 a relative timer follows elapsed time after the clock was set back", async () => {
  const { client, set } = await open();
  const first = await client.startOrchestration("first", sleeper, "2s");
  await client.waitForStatusChange("first", 0, { timeout: 50 }).catch(() => undefined);
  set(-2 * HOUR_MS);
  expect(await first.result(PATIENCE)).toBe("awake");
});

test("F59 timers that an instance creates after the clock was set back are not late", async () => {
  const { client, set } = await open();
  const handle = await client.startOrchestration("i", twice);
  await client.waitForStatusChange("i", 0, PATIENCE);
  set(-2 * HOUR_MS);
  await client.raiseEvent("i", go);
  expect(await handle.result(PATIENCE)).toBe("awake");
});
