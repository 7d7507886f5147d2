/** Code that something else than a durable operation resumes (semantics 34, note 2). */

import { describe, expect, test } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import type { DurableFuture } from "../../src/orchestration/durable-future.ts";
import {
  activityCompleted as done,
  createExecution,
  play,
  raised,
  replay,
  runOneTurn,
  Story,
  timerFired as fired,
} from "../support/story.ts";

type Ctx = OrchestrationContext;

const start = { kind: "start", name: "test", input: undefined, seed: "s" } as const;
const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

const codeOf = (call: () => unknown): string => {
  try {
    call();
    return "accepted";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("awaiting what is not durable", () => {
  test("S078 a promise of the network ends the turn with a divergence that says so", async () => {
    const result = await replay(
      async (ctx: Ctx) => {
        await ctx.scheduleActivity("A");
        await new Promise(() => undefined);
      },
      [],
      [start],
      { isExplaining: true },
    );
    expect(result.kind).toBe("concluded");
    const story = new Story(
      async (ctx: Ctx) => {
        await ctx.scheduleActivity("A");
        await new Promise(() => undefined);
      },
      { isHotOnly: true, isExplaining: true },
    );
    await story.start();
    const error = (await story.turn(done(2)).catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({ code: "foreign_await", details: { eventId: 3 } });
    expect(error.message).toContain("awaited something that is not durable");
    expect(error.message).toMatch(/its last durable call was at .*foreign-await\.test\.ts:\d+/);
  });

  test.each([
    ["in the first turn", async () => new Promise(() => undefined)],
    [
      "in one branch of a join whose other branch is through",
      async (ctx: Ctx) =>
        ctx.all([async () => new Promise(() => undefined), Promise.resolve("through")]),
    ],
    [
      "that nothing ever resolves",
      async () => new Promise((resolve) => queueMicrotask(() => resolve)),
    ],
  ])("S078 %s", async (_name, code) => {
    const result = await replay(code, [], [start]);
    expect(result).toMatchObject({ kind: "diverged", divergence: { code: "foreign_await" } });
  });

  test("promises that microtasks alone resolve are harmless", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        await Promise.resolve();
        await new Promise<void>((resolve) => process.nextTick(resolve));
        for (let i = 0; i < 1_000; i += 1) await Promise.resolve(i);
        return ctx.scheduleActivity("A");
      },
      [[done(2, "a")]],
    );
    expect(output).toBe("a");
  });

  test("a foreign promise that resumes the code between turns condemns the next one", async () => {
    let release!: () => void;
    const foreign = new Promise<void>((resolve) => (release = resolve));
    const caught: string[] = [];
    const story = new Story(
      async (ctx: Ctx) => {
        const wait = ctx.scheduleWait("go");
        await foreign;
        caught.push(codeOf(() => ctx.scheduleActivity("A")));
        await wait;
      },
      { isHotOnly: true },
    );
    await story.start();
    release();
    await tick();
    expect(caught).toEqual(["outside_turn"]);
    await expect(story.turn(raised("go"))).rejects.toMatchObject({ code: "foreign_await" });
  });

  test("and so does one that lets the function end", async () => {
    let release!: () => void;
    const foreign = new Promise<void>((resolve) => (release = resolve));
    const story = new Story(
      async (ctx: Ctx) => {
        ctx.scheduleWait("go");
        await foreign;
        return "end";
      },
      { isHotOnly: true },
    );
    await story.start();
    release();
    await tick();
    await expect(story.turn(raised("go"))).rejects.toMatchObject({ code: "foreign_await" });
  });
});

describe("a context in the wrong hands", () => {
  async function leak(): Promise<{ story: Story; ctx: Ctx; wait: DurableFuture<unknown> }> {
    let ctx!: Ctx;
    let wait!: DurableFuture<unknown>;
    const story = new Story(
      async (own: Ctx) => {
        ctx = own;
        wait = own.scheduleWait("go");
        await wait;
        return "end";
      },
      { isHotOnly: true },
    );
    await story.start();
    return { story, ctx, wait };
  }

  test("of the host: every call is refused, and the next turn is condemned", async () => {
    const { story, ctx } = await leak();
    const calls = [
      () => ctx.scheduleActivity("A"),
      () => ctx.select([]),
      () => ctx.newGuid(),
      () => ctx.utcNowMs(),
      () => ctx.kv.get("k"),
      () => ctx.setCustomStatus(1),
      () => ctx.continueAsNew(1),
    ];
    expect(calls.map(codeOf)).toEqual(calls.map(() => "outside_turn"));
    await expect(story.turn(raised("go"))).rejects.toMatchObject({ code: "foreign_await" });
  });

  test("of the host: an operation cannot be cancelled from there", async () => {
    const { story, wait } = await leak();
    expect(codeOf(() => wait.cancel())).toBe("outside_turn");
    await expect(story.turn(raised("go"))).rejects.toMatchObject({ code: "foreign_await" });
  });

  test("of the host, after the end: refused, and nothing else happens", async () => {
    const { story, ctx, wait } = await leak();
    await story.turn(raised("go"));
    expect(codeOf(() => ctx.scheduleActivity("A"))).toBe("execution_ended");
    expect(codeOf(() => wait.cancel())).toBe("accepted");
    ctx.traceInfo("nobody hears this");
  });

  test("of another orchestration: the one is refused, the owner is condemned, the other goes on", async () => {
    const { story, ctx } = await leak();
    let code = "";
    const other = await replay(
      (own: Ctx) => {
        code = codeOf(() => ctx.scheduleActivity("A"));
        return own.scheduleActivity("B");
      },
      [],
      [start],
    );
    expect(code).toBe("outside_turn");
    expect(other).toMatchObject({ kind: "concluded", activities: [{ name: "B" }] });
    await expect(story.turn(raised("go"))).rejects.toMatchObject({ code: "foreign_await" });
  });

  test("a promise shared by two orchestrations resumes only its owner's story", async () => {
    let shared: Promise<unknown> | undefined;
    const code = async (ctx: Ctx) => {
      shared ??= Promise.resolve(ctx.scheduleActivity("Once"));
      const side = ctx.scheduleTimer(9);
      const value = await shared;
      await ctx.select([ctx.scheduleActivity("Then", value), side]);
    };
    const [first, second] = [
      new Story(code, { isHotOnly: true }),
      new Story(code, { isHotOnly: true }),
    ];
    await first.start();
    await second.start();
    expect((await first.turn(done(2, "v"))).activities).toMatchObject([{ name: "Then" }]);
    await expect(second.turn(fired(2))).rejects.toMatchObject({ code: "foreign_await" });
  });
});

describe("many instances at once", () => {
  test("share windows without touching each other", async () => {
    const results = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const execution = createExecution(async (ctx: Ctx) => {
          let sum = 0;
          for (let k = 0; k < 5; k += 1) sum += await ctx.scheduleActivity<number>("A", k);
          return sum;
        });
        let result = await runOneTurn(execution, { history: [], messages: [start], nowMs: 1 });
        for (let k = 0; k < 5; k += 1) {
          const messages = [done(2 + 2 * k, i)];
          result = await runOneTurn(execution, { history: [], messages, nowMs: 1 });
        }
        return result.kind === "concluded" ? result.outcome : result;
      }),
    );
    expect(results).toEqual(
      Array.from({ length: 300 }, (_, i) => ({ kind: "completed", output: String(i * 5) })),
    );
  });
});
