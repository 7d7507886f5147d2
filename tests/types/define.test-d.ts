/** What the compiler infers from a definition, without a type argument at any call. */

import { describe, expectTypeOf, test } from "vitest";
import { z } from "zod";

import {
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  defineTransaction,
  type ActivityContext,
  type ActivityDefinition,
  type DurableFuture,
  type EventDefinition,
  type OrchestrationContext,
  type OrchestrationDefinition,
  type QueueDefinition,
  type Transaction,
  type TransactionContext,
} from "duroxide-ts";

declare const ctx: OrchestrationContext;

describe("defineActivity()", () => {
  test("infers input and output from the function, promise or not", () => {
    const sync = defineActivity("a", (input: { readonly cents: number }) => input.cents);
    expectTypeOf(sync).toEqualTypeOf<ActivityDefinition<{ readonly cents: number }, number>>();
    const later = defineActivity(
      "a",
      async (text: string, own: ActivityContext) => [text, own.attempt] as const,
    );
    expectTypeOf(later).toEqualTypeOf<ActivityDefinition<string, readonly [string, number]>>();
  });

  test("infers from schemas: callers pass their input, functions get their output", () => {
    const schema = z.object({ count: z.number().default(1) });
    const activity = defineActivity({
      name: "a",
      input: schema,
      output: z.string(),
      run: async (input) => {
        expectTypeOf(input).toEqualTypeOf<{ count: number }>();
        return String(input.count);
      },
    });
    expectTypeOf(activity).toEqualTypeOf<
      ActivityDefinition<{ count?: number | undefined }, string>
    >();
  });

  test("refuses a function whose result the output schema does not accept", () => {
    // @ts-expect-error A number is not a text.
    defineActivity({ name: "a", output: z.string(), run: async () => 7 });
  });
});

describe("defineTransaction()", () => {
  test("infers input and output from the function, behind its transaction", () => {
    const pay = defineTransaction(
      "a",
      async (tx, order: { readonly cents: number }, own: TransactionContext) => {
        expectTypeOf(tx).toEqualTypeOf<Transaction>();
        const { rows } = await tx.query<{ readonly id: string }>("select $1", [own.attempt]);
        expectTypeOf(rows).toEqualTypeOf<readonly { readonly id: string }[]>();
        return order.cents;
      },
    );
    expectTypeOf(pay).toEqualTypeOf<ActivityDefinition<{ readonly cents: number }, number>>();
    expectTypeOf(ctx.scheduleActivity(pay, { cents: 1 })).toEqualTypeOf<DurableFuture<number>>();
    // @ts-expect-error The input is missing.
    void ctx.scheduleActivity(pay);
    const plain = defineTransaction("a", async () => 1);
    void ctx.scheduleActivity(plain);
  });

  test("infers from schemas: callers pass their input, functions get their output", () => {
    const transaction = defineTransaction({
      name: "a",
      input: z.object({ count: z.number().default(1) }),
      output: z.string(),
      run: async (tx, input) => {
        expectTypeOf(tx).toEqualTypeOf<Transaction>();
        expectTypeOf(input).toEqualTypeOf<{ count: number }>();
        return String(input.count);
      },
    });
    expectTypeOf(transaction).toEqualTypeOf<
      ActivityDefinition<{ count?: number | undefined }, string>
    >();
    // @ts-expect-error A number is not a text.
    defineTransaction({ name: "a", output: z.string(), run: async () => 7 });
  });

  test("has no heartbeat: nothing outlives a transaction that is rolled back", () => {
    // @ts-expect-error There is none.
    defineTransaction("a", async (_tx, _input: string, own) => own.heartbeat());
  });
});

describe("defineOrchestration()", () => {
  test("infers input and output; the context is typed", () => {
    const orchestration = defineOrchestration("o", async (own, order: { readonly id: string }) => {
      expectTypeOf(own).toEqualTypeOf<OrchestrationContext>();
      return { done: order.id };
    });
    expectTypeOf(orchestration).toEqualTypeOf<
      OrchestrationDefinition<{ readonly id: string }, { done: string }>
    >();
  });

  test("infers from one schema and the function", () => {
    const orchestration = defineOrchestration({
      name: "o",
      version: "2.0.0",
      input: z.object({ n: z.number() }),
      run: async (_ctx, { n }) => n > 1,
    });
    expectTypeOf(orchestration).toEqualTypeOf<OrchestrationDefinition<{ n: number }, boolean>>();
  });

  test("continueAsNew adds nothing to the output", () => {
    const loop = defineOrchestration("o", async (own, count: number) => {
      if (count > 3) return "done" as const;
      return own.continueAsNew(count + 1);
    });
    expectTypeOf(loop).toEqualTypeOf<OrchestrationDefinition<number, "done">>();
  });
});

describe("scheduleActivity() and scheduleSubOrchestration()", () => {
  const charge = defineActivity(
    "charge",
    async (input: { readonly cents: number }) => `r-${input.cents}`,
  );
  const ping = defineActivity("ping", async () => 1);
  const maybe = defineActivity("maybe", async (input: string | undefined) => input);
  const child = defineOrchestration("child", async (_ctx, n: number) => [n]);

  test("give the output of the definition", () => {
    expectTypeOf(ctx.scheduleActivity(charge, { cents: 1 })).toEqualTypeOf<DurableFuture<string>>();
    expectTypeOf(ctx.scheduleSubOrchestration(child, 1)).toEqualTypeOf<DurableFuture<number[]>>();
    const awaited = async () => ctx.scheduleActivity(charge, { cents: 1 });
    expectTypeOf(awaited).returns.resolves.toEqualTypeOf<string>();
  });

  test("demand the input that the definition takes, and none where it takes none", () => {
    ctx.scheduleActivity(ping);
    ctx.scheduleActivity(maybe);
    ctx.scheduleActivity(maybe, "x");
    // @ts-expect-error The input is missing.
    ctx.scheduleActivity(charge);
    // @ts-expect-error The input is of another type.
    ctx.scheduleActivity(charge, { cents: "1" });
    // @ts-expect-error The input is missing.
    ctx.scheduleSubOrchestration(child);
    // @ts-expect-error The input is missing.
    ctx.scheduleOrchestration(child, "id");
    ctx.scheduleOrchestration(child, "id", 1, { version: "1.0.0" });
    ctx.scheduleSubOrchestration(child, 1, { instanceId: "x" });
  });

  test("by name, the caller may say what comes back", () => {
    expectTypeOf(ctx.scheduleActivity("n", 1)).toEqualTypeOf<DurableFuture<unknown>>();
    expectTypeOf(ctx.scheduleActivity<string>("n")).toEqualTypeOf<DurableFuture<string>>();
  });

  test("a timer gives nothing, a mapped operation what the function gives", () => {
    expectTypeOf(ctx.scheduleTimer("5s")).toEqualTypeOf<DurableFuture<void>>();
    ctx.scheduleTimer({ until: new Date(0) });
    // @ts-expect-error No such unit.
    ctx.scheduleTimer("5 apples");
    expectTypeOf(ctx.scheduleActivity(ping).map(String)).toEqualTypeOf<DurableFuture<string>>();
  });
});

describe("events and queues", () => {
  test("carry the type that they were defined with", () => {
    const plain = defineEvent<{ by: string }>("e");
    expectTypeOf(plain).toEqualTypeOf<EventDefinition<{ by: string }>>();
    expectTypeOf(ctx.scheduleWait(plain)).toEqualTypeOf<DurableFuture<{ by: string }>>();
    const checked = defineQueue("q", z.object({ n: z.coerce.number() }));
    expectTypeOf(checked).toEqualTypeOf<QueueDefinition<{ n: number }>>();
    expectTypeOf(ctx.dequeueEvent(checked)).toEqualTypeOf<DurableFuture<{ n: number }>>();
    expectTypeOf(ctx.scheduleWait("e")).toEqualTypeOf<DurableFuture<unknown>>();
    expectTypeOf(ctx.dequeueEvent<number>("q")).toEqualTypeOf<DurableFuture<number>>();
  });
});

describe("ctx.kv", () => {
  test("gives unknown, or what the caller says, or nothing", () => {
    expectTypeOf(ctx.kv.get("k")).toEqualTypeOf<unknown>();
    expectTypeOf(ctx.kv.get<number>("k")).toEqualTypeOf<number | undefined>();
    expectTypeOf(ctx.kv.entries<number>()).toEqualTypeOf<[key: string, value: number][]>();
    // @ts-expect-error The size is not for writing.
    ctx.kv.size = 3;
  });
});
