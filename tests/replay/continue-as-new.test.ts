/** The end of one execution and the start of the next (semantics 12). */

import { describe, expect, test } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import type { Branch } from "../../src/orchestration/durable-future.ts";
import { activityCompleted as done, play, raised, Story } from "../support/story.ts";

type Ctx = OrchestrationContext;

const codeOf = (call: () => unknown): string => {
  try {
    call();
    return "accepted";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("ctx.continueAsNew()", () => {
  test("S202 ends the execution with the new input, which the next one starts with at event 1", async () => {
    const code = async (ctx: Ctx, count: number) =>
      count < 3 ? ctx.continueAsNew(count + 1) : `done after ${ctx.executionId}`;
    let input: unknown = 0;
    for (let executionId = 1; executionId <= 3; executionId += 1) {
      const { last, story } = await play(code, [], { input, executionId });
      expect(story.told).toBe("1 OrchestrationStarted, 2 OrchestrationContinuedAsNew");
      if (last.outcome.kind !== "continuedAsNew") throw new Error(last.outcome.kind);
      input = JSON.parse(last.outcome.input as string);
    }
    expect((await play(code, [], { input, executionId: 4 })).output).toBe("done after 4");
  });

  test.each([
    ["returns", () => "ignored"],
    [
      "throws",
      () => {
        throw new Error("ignored");
      },
    ],
    ["waits for ever", () => new Promise(() => undefined)],
  ])("S204 counts although it is not awaited and the function then %s", async (_name, end) => {
    const { output } = await play((ctx: Ctx) => {
      void ctx.continueAsNew("next");
      return end();
    });
    expect(output).toEqual({ continuedAsNew: "next" });
  });

  test("S205 results of another execution, earlier or later, are dropped", async () => {
    const story = new Story((ctx: Ctx) => ctx.scheduleActivity("A"), { executionId: 2 });
    await story.start();
    const old = await story.turn(done(2, "old"));
    expect(old.dropped).toMatchObject([{ reason: "otherExecution" }]);
    const later = await story.turn({ ...done(2, "future"), executionId: 3 } as never);
    expect(later.dropped).toMatchObject([{ reason: "otherExecution" }]);
    const now = await story.turn({ ...done(2, "now"), executionId: 2 } as never);
    expect(now.outcome).toEqual({ kind: "completed", output: '"now"' });
  });

  test("S206 an activity that nobody awaited is cancelled", async () => {
    const { last } = await play(
      async (ctx: Ctx) => {
        ctx.scheduleActivity("A");
        await ctx.scheduleWait("go");
        return ctx.continueAsNew();
      },
      [[raised("go")]],
    );
    expect(last.cancelledActivities).toEqual([2]);
  });

  test("S208 takes a version", async () => {
    const { last } = await play((ctx: Ctx) => ctx.continueAsNew(1, { version: "2.0.0" }));
    expect(last.outcome).toMatchObject({ kind: "continuedAsNew", version: "2.0.0" });
    expect(last.events.at(-1)).toMatchObject({ version: "2.0.0" });
  });

  test("S213 carries the custom status, also one of an earlier execution", async () => {
    const { last } = await play((ctx: Ctx) => {
      ctx.setCustomStatus({ step: 1 });
      return ctx.continueAsNew();
    });
    expect(last.outcome).toMatchObject({ customStatus: '{"step":1}' });
  });

  test("S216 refuses every later call of the same turn with an error", async () => {
    const codes: string[] = [];
    await play(
      (ctx: Ctx) => {
        void ctx.continueAsNew(1);
        codes.push(
          codeOf(() => ctx.scheduleActivity("A")),
          codeOf(() => ctx.scheduleTimer(1)),
          codeOf(() => ctx.scheduleWait("w")),
          codeOf(() => ctx.dequeueEvent("q")),
          codeOf(() => ctx.scheduleSubOrchestration("C")),
          codeOf(() => ctx.scheduleOrchestration("D", "d")),
          codeOf(() => ctx.select([ctx.scheduleTimer(1)])),
          codeOf(() => ctx.setCustomStatus(1)),
          codeOf(() => ctx.kv.set("k", 1)),
          codeOf(() => ctx.kv.get("k")),
          codeOf(() => ctx.newGuid()),
          codeOf(() => ctx.continueAsNew(2)),
        );
      },
      [],
      { isHotOnly: true },
    );
    expect(codes).toHaveLength(12);
    expect(new Set(codes)).toEqual(new Set(["execution_ended"]));
  });

  test("S216 a trace after it is not refused, and is kept", async () => {
    const { last } = await play((ctx: Ctx) => {
      void ctx.continueAsNew(1);
      ctx.traceInfo("bye");
    });
    expect(last.traces.map(({ message }) => message)).toEqual(["bye"]);
  });

  test("counts inside a branch of a race and of a join: nothing waits for the others", async () => {
    type Combine = (ctx: Ctx, branches: readonly Branch[]) => PromiseLike<unknown>;
    const combinators: readonly Combine[] = [
      (ctx, branches) => ctx.select(branches),
      (ctx, branches) => ctx.join(branches),
      (ctx, branches) => ctx.all(branches),
    ];
    for (const combine of combinators) {
      const { output } = await play(
        async (ctx: Ctx) => {
          const branches = [
            ctx.scheduleActivity("A"),
            async (scope: Ctx) => {
              await scope.scheduleWait("go");
              return scope.continueAsNew("from a branch");
            },
          ];
          return combine(ctx, branches);
        },
        [[raised("go"), done(2)]],
      );
      expect(output).toEqual({ continuedAsNew: "from a branch" });
    }
  });

  test("a forgotten `return` in a loop that catches everything does not hang the host", async () => {
    let rounds = 0;
    const { output } = await play(
      async (ctx: Ctx) => {
        for (;;) {
          rounds += 1;
          if (rounds > 10_000) throw new Error("a hang");
          try {
            await ctx.scheduleActivity("A");
            void ctx.continueAsNew("next");
          } catch {
            ctx.traceWarn("again");
          }
        }
      },
      [[done(2)]],
      { isHotOnly: true },
    );
    expect(output).toEqual({ continuedAsNew: "next" });
    expect(rounds).toBeLessThan(200);
  });

  test("an input that cannot be stored is an error at the call, and the execution goes on", async () => {
    const { output } = await play((ctx: Ctx) => codeOf(() => void ctx.continueAsNew(1n)));
    expect(output).toBe("not_serializable");
  });
});
