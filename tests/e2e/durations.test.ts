/** Durations of options: whatever their length, they mean what they say. */

import { readdirSync } from "node:fs";
import { join } from "node:path";

import {
  Client,
  defineActivity,
  defineOrchestration,
  Runtime,
  silentLogger,
  type DurationInput,
  type Provider,
} from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import { SqliteProvider } from "duroxide-ts/sqlite";
import { describe, expect, onTestFinished, test } from "vitest";

import { readPage, root } from "../support/markdown.ts";
import { freshDatabase } from "../support/postgres.ts";
import { eventually } from "../support/signal.ts";

/** The host says when a timer is longer than it can keep, and rings after a millisecond. */
function collectOverflows(): string[] {
  const found: string[] = [];
  const note = (warning: Error): void => {
    if (warning.name === "TimeoutOverflowWarning") found.push(warning.message);
  };
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  return found;
}

const stuck = defineActivity("Stuck", async (_: undefined, ctx) => {
  await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
});
const impatient = defineOrchestration("Impatient", async (ctx) => {
  await ctx.select2(ctx.scheduleActivity(stuck, undefined), ctx.scheduleTimer(1));
  await ctx.scheduleWait("Go");
  return "done";
});

/** Uses every duration option of runtime and client once. */
async function useAll(store: Provider, long: DurationInput): Promise<void> {
  const runtime = await Runtime.start({
    store,
    activities: [stuck],
    orchestrations: [impatient],
    cancellationGrace: long,
    parkedRetryMin: 1,
    parkedRetryMax: long,
    logger: silentLogger,
  });
  const client = new Client(store, { retryFor: long });
  const handle = await client.startOrchestration("i", impatient);
  const signal = AbortSignal.timeout(60_000);
  await eventually(async () => {
    const events = await client.readExecutionHistory("i");
    return events.some(({ kind }) => kind === "ExternalSubscribed");
  });
  await handle.raiseEvent("Go");
  expect(await handle.result({ timeout: long, signal })).toBe("done");
  await client.startOrchestration("later", impatient, undefined, { startAfter: long });
  await runtime.shutdown({ timeout: long });
}

const LONG: readonly DurationInput[] = [2 ** 31, "60d", Number.POSITIVE_INFINITY];

describe.each(LONG)("F10 durations of %s", (long) => {
  test("in every option of SQLite, runtime and client", async () => {
    const overflows = collectOverflows();
    const store = await SqliteProvider.inMemory({ busyTimeout: long, changePollInterval: long });
    onTestFinished(() => store.close());
    const endWatch = store.watch(() => undefined);
    await useAll(store, long);
    endWatch();
    await new Promise(setImmediate);
    expect(overflows).toEqual([]);
  });

  test("in every option of PostgreSQL, runtime and client", async () => {
    const overflows = collectOverflows();
    const store = await PostgresProvider.connect(await freshDatabase(), {
      notify: long === "60d",
      pollInterval: long,
      queryTimeout: long,
    });
    onTestFinished(() => store.close());
    await useAll(store, long);
    await new Promise(setImmediate);
    expect(overflows).toEqual([]);
  });
});

describe("F10 a point in time is no duration", () => {
  const now = Date.now();

  test("startAfter: Date.now() + 5000 says to pass a Date", async () => {
    const store = await SqliteProvider.inMemory();
    onTestFinished(() => store.close());
    const start = new Client(store).startOrchestration("i", impatient, undefined, {
      startAfter: now + 5_000,
    });
    await expect(start).rejects.toMatchObject({
      code: "invalid_duration",
      message: `Cannot use ${now + 5_000} as \`startAfter\`: it is a point in time (${new Date(now + 5_000).toISOString()}), and a duration counts from now; pass new Date(${now + 5_000}), or a duration such as "5s"`,
    });
  });

  test("scheduleTimer(Date.now() + 5000) says to pass { until }", async () => {
    const store = await SqliteProvider.inMemory();
    const late = defineOrchestration("Late", async (ctx) => {
      await ctx.scheduleTimer(ctx.utcNowMs() + 5_000);
    });
    const runtime = await Runtime.start({ store, orchestrations: [late], logger: silentLogger });
    onTestFinished(async () => {
      await runtime.shutdown();
      await store.close();
    });
    const handle = await new Client(store).startOrchestration("i", late);
    await expect(handle.result()).rejects.toThrow(/pass \{ until: new Date\(\d+\) \}/);
  });
});

describe("F10 every duration of every option goes through one function", () => {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => ({ file, text: readPage(join("src", file)) }));
  const options = files.flatMap(({ file, text }) =>
    [...text.matchAll(/readonly (\w+)\??: [^;=]*\bDurationInput\b[^;]*;/g)].map(
      ([, name]) => [name as string, file, text] as const,
    ),
  );

  test("there are such options", () => {
    expect(options.length).toBeGreaterThan(9);
  });

  test.each(options)("%s of %s", (name, _file, text) => {
    // Where it is declared it is also parsed, under its own name.
    expect(text).toMatch(new RegExp(`(parseDurationMs|duration)\\([^;]*\\b${name}\\b`));
  });
});
