/** F14: a thread that has loaded the package twice works as if it had loaded it once. */

import { expect, test, vi } from "vitest";

import * as first from "../../src/index.ts";

vi.resetModules();
const second = await import("../../src/index.ts");

function codeOf(copy: typeof first) {
  const double = copy.defineActivity("Double", (n: number) => n * 2);
  const work = copy.defineOrchestration("Work", async (ctx, n: number) => {
    const results = await Promise.all([n, n + 1].map((i) => ctx.scheduleActivity(double, i)));
    await ctx.scheduleTimer("1ms");
    return results;
  });
  const dice = copy.defineOrchestration("Dice", async (_ctx, _input: null) => Math.random());
  return { activities: [double], orchestrations: [work, dice], work, dice };
}

test("F14 the client of one copy and the runtime of another notice each other at once", async () => {
  expect(second.Client).not.toBe(first.Client);
  const store = await first.SqliteProvider.inMemory();
  const code = codeOf(first);
  const runtime = await first.Runtime.start({
    store,
    activities: code.activities,
    orchestrations: code.orchestrations,
    logger: first.silentLogger,
  });
  const client = new second.Client(store);
  const handles = await Promise.all(
    [1, 2, 3].map((n) => client.startOrchestration(`i${n}`, codeOf(second).work, n)),
  );
  const ends = await Promise.all(handles.map((handle) => handle.result({ timeout: "5s" })));
  expect(ends).toEqual([
    [2, 4],
    [4, 6],
    [6, 8],
  ]);

  await runtime.shutdown();
  await store.close();
});

test("F14 runtimes of two copies take turns in one loop, each with its guards", async () => {
  const ends = [first, second].map(async (copy) => {
    const store = await copy.SqliteProvider.inMemory();
    const { work, dice, ...code } = codeOf(copy);
    const options = { store, ...code, nondeterminism: "fail", logger: copy.silentLogger } as const;
    const runtime = await copy.Runtime.start(options);
    const client = new copy.Client(store);
    const handles = await Promise.all(
      Array.from({ length: 20 }, (_, i) => client.startOrchestration(`i${i}`, work, i)),
    );
    const results = await Promise.all(handles.map((handle) => handle.result()));
    const thrown = await (
      await client.startOrchestration("dice", dice, null)
    )
      .result()
      .catch((error: unknown) => error);
    await runtime.shutdown();
    await store.close();
    return { count: results.length, thrown };
  });
  for (const end of ends) {
    expect(await end).toMatchObject({
      count: 20,
      thrown: { failure: { code: "guard_violation" } },
    });
  }
});

test("F14 a copy that cannot work together with the other says so", async () => {
  const store = await first.SqliteProvider.inMemory();
  const hubs = (globalThis as unknown as Record<symbol, WeakMap<object, object>>)[
    Symbol.for("duroxide-ts/hubs")
  ]!;
  hubs.set(store, { version: 0, hub: {} });
  expect(() => new second.Client(store)).toThrow(/another copy of duroxide-ts/);
  await store.close();
});

test("F14 each copy knows the errors of the other by their class", async () => {
  const store = await first.SqliteProvider.inMemory();
  const charge = first.defineActivity("Charge", () => {
    throw new Error("card declined");
  });
  const pay = second.defineOrchestration("Pay", async (ctx) => {
    const timer = ctx.scheduleTimer("1h");
    timer.cancel("enough");
    const canceled = await timer.settled();
    const charged = await ctx.scheduleActivity("Charge").settled();
    return [canceled, charged].map(
      (end) =>
        end.status === "rejected" && [
          end.reason instanceof second.DuroxideError,
          end.reason instanceof second.CanceledError,
          end.reason instanceof second.ActivityError,
        ],
    );
  });
  const slow = second.defineOrchestration("Slow", async (ctx) => ctx.scheduleTimer("1h"));
  const runtime = await first.Runtime.start({
    store,
    activities: [charge],
    orchestrations: [pay, slow],
    logger: first.silentLogger,
  });
  const client = new first.Client(store);
  expect(await (await client.startOrchestration("pay", pay)).result()).toEqual([
    [true, true, false],
    [true, false, true],
  ]);
  const waiting = (await client.startOrchestration("slow", slow)).result({ timeout: 1 });
  await expect(waiting).rejects.toBeInstanceOf(second.TimeoutError);
  await runtime.shutdown();
  await store.close();
});

test("F14 each class of errors is told apart, in the other copy and from what users make of it", () => {
  const classes = Object.entries(first).filter(
    (entry): entry is [keyof typeof first, typeof first.DuroxideError] =>
      typeof entry[1] === "function" &&
      ((entry[1] as unknown) === first.DuroxideError ||
        Object.getPrototypeOf(entry[1]) === first.DuroxideError),
  );
  expect(classes.length).toBeGreaterThan(15);
  for (const [name] of classes) {
    const prototype = (second[name] as typeof first.DuroxideError).prototype;
    const error: unknown = Object.create(prototype);
    const known = classes.filter(([, errorClass]) => error instanceof errorClass);
    expect(known.map(([known]) => known)).toEqual(
      name === "DuroxideError" ? [name] : expect.arrayContaining([name, "DuroxideError"]),
    );
    expect(known).toHaveLength(name === "DuroxideError" ? 1 : 2);
  }

  class Declined extends first.NonRetryableError {}
  const declined: unknown = new Declined("no");
  expect(declined).toBeInstanceOf(Declined);
  expect(declined).toBeInstanceOf(second.NonRetryableError);
  expect(new second.NonRetryableError("no")).not.toBeInstanceOf(Declined);
  expect(new first.NonRetryableError("no")).not.toBeInstanceOf(Declined);
  for (const value of [undefined, null, "text", 1, {}, new Error("x")])
    expect(value instanceof first.DuroxideError).toBe(false);
});
