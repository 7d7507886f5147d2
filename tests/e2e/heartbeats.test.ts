/** F25 F31: heartbeats that nothing awaits, such as those of an interval, never reach the host. */

import {
  type ActivityContext,
  Client,
  defineActivity,
  defineOrchestration,
  type LogLevel,
  Runtime,
  SqliteProvider,
} from "duroxide-ts";
import { expect, onTestFinished, test } from "vitest";

import { createDeferred } from "../../src/foundation/deferred.ts";

/** Runs one activity; `unhandled` are the rejections that reached the host. */
async function openWorld(run: (ctx: ActivityContext) => Promise<unknown>) {
  const beating = defineActivity("Beating", async (_: undefined, ctx) => run(ctx));
  const order = defineOrchestration("Order", async (ctx) => ctx.scheduleActivity(beating));
  const lines: { level: LogLevel; message: string; fields: unknown }[] = [];
  const store = await SqliteProvider.inMemory();
  const runtime = await Runtime.start({
    store,
    activities: [beating],
    orchestrations: [order],
    payloadBytesMax: 1_000,
    logger: {
      log: (level, message, fields) => {
        if (level === "warn") lines.push({ level, message, fields });
      },
    },
  });
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", note);
  onTestFinished(async () => {
    process.off("unhandledRejection", note);
    await runtime.shutdown({ timeout: 0 });
    await store.close();
  });
  const handle = await new Client(store).startOrchestration("i", order);
  return { runtime, handle, lines, unhandled };
}

/** Node reports what is unhandled before the next macrotask. */
const macrotask = () => new Promise((resolve) => setImmediate(resolve));

test.each(["cancel", "terminate", "shutdown"] as const)(
  "F31 one that is refused after %s ends no process",
  async (how) => {
    const begun = createDeferred<undefined>();
    const beaten = createDeferred<undefined>();
    const { runtime, handle, unhandled } = await openWorld(async (ctx) => {
      const aborted = new Promise((resolve) => {
        ctx.signal.addEventListener("abort", resolve);
      });
      begun.resolve(undefined);
      await aborted;
      void ctx.heartbeat(1);
      await macrotask();
      beaten.resolve(undefined);
    });
    await begun.promise;
    if (how === "shutdown") await runtime.shutdown({ timeout: 0 });
    else await handle[how]();
    await beaten.promise;
    await macrotask();
    expect(unhandled).toEqual([]);
  },
);

test("F31 one after the end of its activity says so", async () => {
  let late: ActivityContext | undefined;
  const { handle, unhandled } = await openWorld(async (ctx) => {
    late = ctx;
    return Promise.resolve(1);
  });
  await handle.result();
  void late?.heartbeat();
  await expect(late?.heartbeat()).rejects.toThrow(
    "Cannot store a heartbeat: the function of the activity has ended",
  );
  await macrotask();
  expect(unhandled).toEqual([]);
});

test("F25 one that cannot be stored is a line in the log", async () => {
  const { handle, lines, unhandled } = await openWorld(async (ctx) => {
    void ctx.heartbeat("x".repeat(2_000));
    await macrotask();
    return 1;
  });
  await handle.result();
  expect(unhandled).toEqual([]);
  expect(lines).toMatchObject([
    {
      message: "A heartbeat was not stored",
      fields: {
        instanceId: "i",
        activityName: "Beating",
        error: expect.stringContaining("the details of a heartbeat"),
      },
    },
  ]);
});

test("F33 the signal of an activity takes any number of listeners without a warning", async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on("warning", note);
  const { handle } = await openWorld(async (ctx) => {
    for (let i = 0; i < 20; i += 1) ctx.signal.addEventListener("abort", () => undefined);
    await macrotask();
    return 1;
  });
  await handle.result();
  await macrotask();
  process.off("warning", note);
  expect(warnings).toEqual([]);
});
