/** Children and detached instances in the engine (semantics 13 and 14). */

import { describe, expect, test } from "vitest";
import { z } from "zod";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import { defineActivity, defineOrchestration } from "../../src/orchestration/define.ts";
import { childCompleted, childFailed, play } from "../support/story.ts";

type Ctx = OrchestrationContext;

const errorOf = async (call: () => unknown): Promise<unknown> => {
  try {
    await call();
  } catch (error) {
    const { name, code, message } = error as Error & { code: string };
    return { name, code, message };
  }
  return "accepted";
};

describe("ctx.scheduleSubOrchestration()", () => {
  test.each([
    [1, ["i::sub::2", "i::sub::3"]],
    [3, ["i::sub::3::2", "i::sub::3::3"]],
  ])("S169 S170 U1 generated ids in execution %i are unique for ever", async (executionId, ids) => {
    const { last } = await play(
      (ctx: Ctx) =>
        ctx.all([ctx.scheduleSubOrchestration("C"), ctx.scheduleSubOrchestration("C", 1)]),
      [],
      { executionId },
    );
    expect(last.children.map(({ instanceId }) => instanceId)).toEqual(ids);
    expect(last.events.slice(1)).toMatchObject(
      ids.map((instanceId) => ({ instanceId, isExplicitId: false })),
    );
  });

  test("S174 a chosen id and version go into the event and to the start", async () => {
    const { last } = await play((ctx: Ctx) =>
      ctx.scheduleSubOrchestration("C", { n: 1 }, { instanceId: "mine", version: "2.0.0" }),
    );
    const expected = { name: "C", instanceId: "mine", version: "2.0.0", input: '{"n":1}' };
    expect(last.children).toEqual([{ eventId: 2, ...expected }]);
    expect(last.events[1]).toMatchObject({ ...expected, isExplicitId: true });
  });

  test.each([
    ["an id that looks generated", { instanceId: "sub::1" }],
    ["an empty id", { instanceId: "" }],
    ["an id that is no text", { instanceId: 7 as never }],
  ])("%s is refused at the call", async (_name, options) => {
    const { output } = await play((ctx: Ctx) =>
      errorOf(() => ctx.scheduleSubOrchestration("C", 1, options)),
    );
    expect(output).toMatchObject({ code: "invalid_argument" });
  });

  test("S172 a failing child can be caught, with its message and where it ran", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        try {
          return await ctx.scheduleSubOrchestration("C");
        } catch (error) {
          const { message, orchestrationName, instanceId, isCanceled } = error as Error & {
            orchestrationName: string;
            instanceId: string;
            isCanceled: boolean;
          };
          return [message, orchestrationName, instanceId, isCanceled];
        }
      },
      [[childFailed(2)]],
    );
    expect(output).toEqual(["child broke", "C", "i::sub::2", false]);
  });

  test.each(["infrastructure", "configuration", "poison"] as const)(
    "S173 a child that fails by %s fails its parent in the same class, unseen by user code",
    async (category) => {
      let seen = 0;
      const { last } = await play(
        async (ctx: Ctx) => {
          try {
            await ctx.scheduleSubOrchestration("C");
          } catch {
            seen += 1;
          }
        },
        [[childFailed(2, { category, code: "nondeterminism" })]],
      );
      expect(last.outcome).toMatchObject({ kind: "failed", failure: { category } });
      expect(seen).toBe(0);
    },
  );

  test("S166 the result of a child, once", async () => {
    const { output } = await play(
      (ctx: Ctx) => ctx.scheduleSubOrchestration("C"),
      [[childCompleted(2, { n: 1 }), childCompleted(2, "again")]],
    );
    expect(output).toEqual({ n: 1 });
  });
});

describe("inputs are checked where they enter", () => {
  const schema = z.object({ cents: z.number() });
  const activity = defineActivity({ name: "a", input: schema, run: async () => 1 });
  const child = defineOrchestration({ name: "c", input: schema, run: async () => 1 });

  test.each<readonly [string, (ctx: Ctx, bad: never) => unknown]>([
    ["an activity", (ctx, bad) => ctx.scheduleActivity(activity, bad)],
    ["a child", (ctx, bad) => ctx.scheduleSubOrchestration(child, bad)],
    ["a detached instance", (ctx, bad) => ctx.scheduleOrchestration(child, "d", bad)],
  ])("of %s: by its schema, by the codec, by size", async (_name, call) => {
    const codes: unknown[] = [];
    const { last } = await play(
      async (ctx: Ctx) => {
        const large = { cents: 1, more: "x".repeat(200) };
        for (const bad of [{ cents: "1" }, { cents: 1, more: 1n }, large])
          codes.push(await errorOf(() => call(ctx, bad as never)));
      },
      [],
      { payloadBytesMax: 100, isHotOnly: true },
    );
    expect(codes).toMatchObject([
      { code: "validation_failed" },
      { code: "not_serializable" },
      { code: "payload_too_large" },
    ]);
    expect(last.events.map(({ kind }) => kind)).toEqual([
      "OrchestrationStarted",
      "OrchestrationCompleted",
    ]);
  });

  test("the input of the orchestration itself, and its output", async () => {
    const checked = defineOrchestration({
      name: "test",
      input: schema,
      output: z.string(),
      run: async (_ctx, { cents }) => (cents > 1 ? "much" : (7 as never)),
    });
    expect((await play(checked, [], { input: { cents: 2 } })).output).toBe("much");
    expect((await play(checked, [], { input: { cents: 1 } })).output).toMatchObject({
      failed: expect.stringContaining('Cannot accept the output of orchestration "test"'),
    });
    expect((await play(checked, [], { input: {} })).output).toMatchObject({
      failed: expect.stringContaining('Cannot accept the input of orchestration "test"'),
    });
  });
});

describe("ctx.scheduleOrchestration()", () => {
  test("S180 S181 starts exactly that id and waits for nothing", async () => {
    const { story, last, output } = await play((ctx: Ctx) => {
      ctx.scheduleOrchestration("D", "sub::any id at all");
      return "done";
    });
    expect(output).toBe("done");
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 OrchestrationChained D, 3 OrchestrationCompleted",
    );
    expect(last.detached).toMatchObject([{ instanceId: "sub::any id at all" }]);
  });
});
