/** What the compiler knows of the winner of a race and of the results of a join. */

import { describe, expectTypeOf, test } from "vitest";

import { defineActivity, type DurableFuture, type OrchestrationContext } from "duroxide-ts";

declare const ctx: OrchestrationContext;
const text = defineActivity("text", async () => "t");
const count = defineActivity("count", async () => 1);

describe("select()", () => {
  test("of a tuple is a union by index that narrows", async () => {
    const winner = await ctx.select([ctx.scheduleActivity(text), ctx.scheduleActivity(count)]);
    expectTypeOf(winner).toEqualTypeOf<
      { readonly index: 0; readonly value: string } | { readonly index: 1; readonly value: number }
    >();
    if (winner.index === 0) expectTypeOf(winner.value).toEqualTypeOf<string>();
    else expectTypeOf(winner.value).toEqualTypeOf<number>();
  });

  test("of a record is a union by key that narrows", async () => {
    const winner = await ctx.select({
      approval: ctx.scheduleWait<boolean>("approval"),
      timeout: ctx.scheduleTimer("1d"),
      work: async (scope) => {
        expectTypeOf(scope).toEqualTypeOf<OrchestrationContext>();
        return scope.scheduleActivity(count);
      },
    });
    switch (winner.key) {
      case "approval":
        expectTypeOf(winner.value).toEqualTypeOf<boolean>();
        break;
      case "timeout":
        expectTypeOf(winner.value).toEqualTypeOf<void>();
        break;
      default:
        expectTypeOf(winner).toEqualTypeOf<{ readonly key: "work"; readonly value: number }>();
    }
  });

  test("of a list of unknown length is an index and the value of any", async () => {
    const branches = ["a", "b"].map(() => ctx.scheduleActivity(text));
    expectTypeOf(await ctx.select(branches)).toEqualTypeOf<{
      readonly index: number;
      readonly value: string;
    }>();
  });

  test("of async functions in a tuple knows what they return", async () => {
    const winner = await ctx.select([async () => "a", async (scope) => scope.random()]);
    if (winner.index === 1) expectTypeOf(winner.value).toEqualTypeOf<number>();
  });

  test("select2 is select of two", async () => {
    const winner = await ctx.select2(ctx.scheduleActivity(text), ctx.scheduleTimer(1));
    if (winner.index === 0) expectTypeOf(winner.value).toEqualTypeOf<string>();
    // @ts-expect-error There is no third branch.
    if (winner.index === 2) return;
  });

  test("refuses what is no branch", () => {
    // @ts-expect-error A number is not a branch.
    ctx.select([7]);
    // @ts-expect-error A text is not a branch.
    ctx.select({ a: "x" });
  });
});

describe("join() and all()", () => {
  test("S096 of a tuple are tuples", async () => {
    expectTypeOf(
      await ctx.all([ctx.scheduleActivity(text), ctx.scheduleTimer(1), async () => 7]),
    ).toEqualTypeOf<[string, void, number]>();
    expectTypeOf(
      await ctx.join([ctx.scheduleActivity(text), ctx.scheduleActivity(count)]),
    ).toEqualTypeOf<[PromiseSettledResult<string>, PromiseSettledResult<number>]>();
  });

  test("of a list are lists", async () => {
    const branches = [1, 2].map(() => ctx.scheduleActivity(count));
    expectTypeOf(await ctx.all(branches)).toEqualTypeOf<number[]>();
    expectTypeOf(await ctx.join(branches)).toEqualTypeOf<PromiseSettledResult<number>[]>();
  });

  test("nest", async () => {
    const nested = ctx.join([ctx.select([ctx.scheduleActivity(text)]), ctx.all([])]);
    expectTypeOf(nested).toEqualTypeOf<
      DurableFuture<
        [
          PromiseSettledResult<{ readonly index: 0; readonly value: string }>,
          PromiseSettledResult<[]>,
        ]
      >
    >();
  });
});

describe("native combinators", () => {
  test("know what an operation gives", async () => {
    expectTypeOf(
      await Promise.all([ctx.scheduleActivity(text), ctx.scheduleActivity(count)]),
    ).toEqualTypeOf<[string, number]>();
    expectTypeOf(
      await Promise.race([ctx.scheduleActivity(text), ctx.scheduleActivity(count)]),
    ).toEqualTypeOf<string | number>();
    expectTypeOf(await ctx.scheduleActivity(text).settled()).toEqualTypeOf<
      PromiseSettledResult<string>
    >();
  });
});
