/** F5: the engine keeps to the timers that it found at load, whatever a test has put in their place. */

import { afterEach, describe, expect, test, vi } from "vitest";

import {
  Client,
  defineActivity,
  defineOrchestration,
  Runtime,
  silentLogger,
  SqliteProvider,
} from "../../src/index.ts";

const double = defineActivity("Double", (n: number) => n * 2);
const work = defineOrchestration("Work", async (ctx, n: number) => {
  const first = await ctx.scheduleActivity(double, n);
  await ctx.scheduleTimer("1ms");
  return await ctx.scheduleActivity(double, first);
});

async function open() {
  const store = await SqliteProvider.inMemory();
  const runtime = await Runtime.start({
    store,
    activities: [double],
    orchestrations: [work],
    logger: silentLogger,
  });
  const close = async () => {
    await runtime.shutdown();
    await store.close();
  };
  return { client: new Client(store), close };
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a test with fake timers", () => {
  test("F5 runs instances to their end without advancing time", async () => {
    const { client, close } = await open();
    vi.useFakeTimers({ toFake: [...ALL_TIMERS] });
    const handle = await client.startOrchestration("a", work, 1);
    expect(await handle.result()).toBe(4);
    await close();
  });

  test("F5 may open and close everything under them", async () => {
    vi.useFakeTimers();
    const { client, close } = await open();
    const handle = await client.startOrchestration("a", work, 2);
    expect(await handle.result()).toBe(8);
    await close();
  });

  test("F5 goes on with the same store when real timers are back", async () => {
    const { client, close } = await open();
    vi.useFakeTimers();
    const begun = client.startOrchestration("a", work, 3);
    vi.useRealTimers();
    expect(await (await begun).result()).toBe(12);
    expect(await (await client.startOrchestration("b", work, 4)).result()).toBe(16);
    await close();
  });

  test("F5 may load the library under them", async () => {
    vi.resetModules();
    vi.useFakeTimers({ toFake: [...ALL_TIMERS] });
    const { host } = await import("../../src/foundation/host.ts");
    vi.useRealTimers();
    const beforeMs = Date.now();
    await new Promise((resolve) => {
      host.setImmediate(() => host.setTimeout(resolve, 1));
    });
    await host.sleep(1);
    expect(host.nowMs()).toBeGreaterThanOrEqual(beforeMs);
    expect(host.monotonicMs()).toBeLessThanOrEqual(performance.now());
  });
});

const ALL_TIMERS = [
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "setImmediate",
  "clearImmediate",
  "queueMicrotask",
  "performance",
  "Date",
] as const;
