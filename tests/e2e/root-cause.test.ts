/** F29 F35: one way to what user code threw, whatever was between. */

import { inspect } from "node:util";

import {
  ActivityError,
  Client,
  defineActivity,
  defineOrchestration,
  type OrchestrationContext,
  type OrchestrationFailedError,
  Runtime,
  silentLogger,
  SqliteProvider,
  SubOrchestrationError,
} from "duroxide-ts";
import { describe, expect, onTestFinished, test } from "vitest";

class CardDeclined extends Error {
  override readonly name = "CardDeclined";
  readonly code = "card_declined";
  readonly limit = 5;
}

const charge = defineActivity("Charge", (thrown: string) => {
  if (thrown === "error") throw new CardDeclined("no funds"); // The user's line.
  const values: Record<string, unknown> = {
    undefined,
    null: null,
    text: "text",
    five: 5,
    code: { code: "x" },
  };

  throw values[thrown];
});
const child = defineOrchestration("Child", async (ctx, thrown: string) =>
  ctx.scheduleActivity(charge, thrown),
);
const parent = defineOrchestration("Parent", async (ctx, thrown: string) =>
  ctx.scheduleSubOrchestration(child, thrown, { instanceId: "the-child" }),
);

const codeOf = (error: Error): unknown => ("code" in error ? error.code : undefined);

async function failureOf(
  run: (ctx: OrchestrationContext, thrown: string) => Promise<unknown>,
  thrown = "error",
) {
  const program = defineOrchestration("Program", run);
  const store = await SqliteProvider.inMemory();
  const runtime = await Runtime.start({
    store,
    activities: [charge],
    orchestrations: [program, child, parent],
    logger: silentLogger,
  });
  onTestFinished(async () => {
    await runtime.shutdown();
    await store.close();
  });
  const client = new Client(store);
  const handle = await client.startOrchestration("i-1", program, thrown);
  const error = await handle.result().then(
    () => expect.unreachable("it has not failed"),
    (reason: unknown) => reason as OrchestrationFailedError,
  );
  const status = await client.getInstanceInfo("i-1");
  if (status.status !== "Failed") return expect.unreachable(status.status);
  return { error, status };
}

const WAYS: Readonly<
  Record<string, (ctx: OrchestrationContext, thrown: string) => Promise<unknown>>
> = {
  "an orchestration": async () => {
    throw new CardDeclined("no funds"); // The user's line.
  },
  "an activity": async (ctx, thrown) => ctx.scheduleActivity(charge, thrown),
  "an activity of a child": async (ctx, thrown) => ctx.scheduleSubOrchestration(child, thrown),
  "an activity two levels down": async (ctx, thrown) =>
    ctx.scheduleSubOrchestration(parent, thrown),
  "a wrapped activity": async (ctx, thrown) => {
    try {
      await ctx.scheduleActivity(charge, thrown);
    } catch (error) {
      throw new Error("cannot pay", { cause: error });
    }
  },
  select: async (ctx, thrown) => ctx.select([ctx.scheduleActivity(charge, thrown)]),
};

describe("what user code throws", () => {
  test.each(Object.entries(WAYS))("F29 is found in one way behind %s", async (_way, run) => {
    const { error, status } = await failureOf(run);
    expect(error.rootCause).toMatchObject({
      name: "CardDeclined",
      message: "no funds",
      code: "card_declined",
      limit: 5,
    });
    expect(status.rootCause).toMatchObject({
      name: "CardDeclined",
      message: "no funds",
      userCode: "card_declined",
      data: { limit: 5 },
    });
    // Node prints the chain, with the line of the user.
    expect(inspect(error, { depth: 4 })).toMatch(
      /CardDeclined: no funds\n.*root-cause\.test\.ts:\d+/,
    );
    expect(error.rootCause.stack).toContain("root-cause.test.ts");
    // Each is stored once.
    const text = JSON.stringify(status.error);
    expect(text.split("CardDeclined: no funds")).toHaveLength(2);
    expect(text.split('"limit"')).toHaveLength(2);
  });

  test.each<[string, string]>([
    ["an activity", 'activity "Charge" (attempt 1) failed: no funds'],
    [
      "an activity of a child",
      'child "Child" ("i-1::sub::2") failed: activity "Charge" (attempt 1) failed: no funds',
    ],
    ["an orchestration", "no funds"],
    ["a wrapped activity", "cannot pay"],
  ])("F35 is named with where it came from: %s", async (way, message) => {
    const { error } = await failureOf(WAYS[way]!);
    expect(error.message).toBe(`Orchestration "i-1" failed: ${message}`);
  });

  test("F29 is the cause of what the orchestration catches, with its code", async () => {
    const codes: unknown[] = [];
    await failureOf(async (ctx, thrown) => {
      const one: unknown = await ctx
        .scheduleActivity(charge, thrown)
        .then(undefined, (it: unknown) => it);
      const other: unknown = await ctx
        .scheduleSubOrchestration(child, thrown)
        .then(undefined, (it: unknown) => it);
      if (!(one instanceof ActivityError) || !(other instanceof SubOrchestrationError)) return;
      codes.push(codeOf(one.cause), codeOf(one.rootCause));
      codes.push(other.cause.name, codeOf(other.rootCause));
      codes.push(one.details.code, other.details.code);
      throw other;
    });
    expect(codes).toEqual([
      ...["card_declined", "card_declined", "ActivityError", "card_declined"],
      ...["card_declined", "card_declined"],
    ]);
  });

  test.each([
    ["undefined", "undefined was thrown, which is no Error"],
    ["null", "null was thrown, which is no Error"],
    ["five", "5 was thrown, which is no Error"],
    ["text", "text"],
    ["code", '{"code":"x"}'],
  ])("F45 is said plainly when it is no error: %s", async (thrown, message) => {
    const { error, status } = await failureOf(WAYS["an activity"]!, thrown);
    expect(error.message).toBe(
      `Orchestration "i-1" failed: activity "Charge" (attempt 1) failed: ${message}`,
    );
    expect(status.rootCause.message).toBe(message);
  });
});

test("F29 is found behind more levels than are kept", async () => {
  const deep = defineOrchestration("Deep", async (ctx, level: number): Promise<unknown> =>
    level === 0
      ? ctx.scheduleActivity(charge, "error")
      : ctx.scheduleSubOrchestration("Deep", level - 1),
  );
  const store = await SqliteProvider.inMemory();
  const runtime = await Runtime.start({
    store,
    activities: [charge],
    orchestrations: [deep],
    logger: silentLogger,
  });
  onTestFinished(async () => {
    await runtime.shutdown();
    await store.close();
  });
  const handle = await new Client(store).startOrchestration("d", deep, 20);
  await expect(handle.result()).rejects.toMatchObject({
    rootCause: { name: "CardDeclined", code: "card_declined", limit: 5 },
  });
});
