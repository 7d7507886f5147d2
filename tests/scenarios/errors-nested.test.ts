/** Errors that hold errors, and results that cannot be stored. */

import { ActivityError, defineActivity, defineOrchestration } from "duroxide-ts";
import { expect } from "vitest";

import { scenario } from "../support/scenario.ts";

scenario("F7 an AggregateError keeps its errors, through replay and rethrowing", async (world) => {
  const fail = defineActivity("Fail", async (): Promise<string> => {
    const errors = ["a", "b"].map((at) => Object.assign(new RangeError(`no ${at}`), { code: at }));
    throw Object.assign(new AggregateError(errors, "all failed"), { first: errors[0] });
  });
  const any = defineOrchestration("Any", async (ctx, rethrow: boolean) => {
    try {
      return await Promise.any([ctx.scheduleActivity(fail, undefined)]);
    } catch (error) {
      await ctx.scheduleWait("go");
      if (rethrow) throw error;
      const { errors } = error as AggregateError;
      const [inner] = errors as ActivityError[];
      return inner?.details.errors?.map(({ name, message, userCode }) => [name, message, userCode]);
    }
  });
  await world.start({ activities: [fail], orchestrations: [any] });
  const caught = await world.client.startOrchestration("i", any, false);
  await world.untilRecorded("i", "ExternalSubscribed");
  await caught.raiseEvent("go");
  expect(await caught.result({ timeout: "10s" })).toEqual([
    ["RangeError", "no a", "a"],
    ["RangeError", "no b", "b"],
  ]);

  const thrown = await world.client.startOrchestration("j", any, true);
  await world.untilRecorded("j", "ExternalSubscribed");
  await thrown.raiseEvent("go");
  const error = await thrown.result({ timeout: "10s" }).catch((reason: unknown) => reason);
  const cause = (error as Error).cause as AggregateError;
  expect(cause).toBeInstanceOf(AggregateError);
  expect(cause.message).toBe("All promises were rejected");
  expect(cause.errors[0]).toBeInstanceOf(Error);
  expect((cause.errors[0] as Error).message).toContain("all failed");
});

scenario(
  "F20 a step that ran and whose result cannot be kept is not retryable: the guide's loop runs it once",
  async (world) => {
    const calls: Record<string, number> = {};
    const count = (name: string): void => {
      calls[name] = (calls[name] ?? 0) + 1;
    };
    const schema = (accepts: boolean) => ({
      "~standard": {
        version: 1 as const,
        vendor: "test",
        validate: (value: unknown) => (accepts ? { value } : { issues: [{ message: "no" }] }),
      },
    });
    const steps = [
      defineActivity("BigInt", (): unknown => (count("BigInt"), 1n)),
      defineActivity("TooLarge", (): string => (count("TooLarge"), "x".repeat(20_000_000))),
      defineActivity({
        name: "BadOutput",
        output: schema(false),
        run: () => (count("BadOutput"), 1),
      }),
      defineActivity({ name: "BadInput", input: schema(false), run: () => count("BadInput") }),
      defineActivity("Flaky", (): void => {
        count("Flaky");
        throw new Error("try again");
      }),
    ];
    const loop = defineOrchestration("Loop", async (ctx, name: string) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await ctx.scheduleActivity(name, null);
        } catch (error) {
          if (attempt === 3 || !(error instanceof ActivityError) || !error.retryable) {
            return [attempt, (error as ActivityError).details.name];
          }
        }
      }
    });
    await world.start({ activities: steps, orchestrations: [loop] });
    const outcome = async (name: string): Promise<unknown> =>
      (await world.client.startOrchestration(name, loop, name)).result({ timeout: "10s" });
    expect(await outcome("BigInt")).toEqual([1, "UsageError"]);
    expect(await outcome("TooLarge")).toEqual([1, "UsageError"]);
    expect(await outcome("BadOutput")).toEqual([1, "ValidationError"]);
    expect(await outcome("BadInput")).toEqual([1, "ValidationError"]);
    expect(await outcome("Flaky")).toEqual([3, "Error"]);
    const { BigInt: bigint, ...rest } = calls;
    if (world.mode.nodeCount === undefined)
      expect([bigint, rest]).toEqual([1, { TooLarge: 1, BadOutput: 1, Flaky: 3 }]);
  },
  { compare: "unordered" },
);
