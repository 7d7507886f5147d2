/** Lines that an orchestration logs: once, never on replay, and only with the turn that logged them. */

import { describe, expect, test } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import {
  activityCompleted as done,
  createExecution,
  play,
  raised,
  runOneTurn,
  Story,
} from "../support/story.ts";

type Ctx = OrchestrationContext;

describe("ctx.traceInfo() and its kin", () => {
  test("S044 each line appears once over many turns, whether resident or replayed", async () => {
    const code = async (ctx: Ctx) => {
      ctx.traceInfo("start", { n: 1 });
      await ctx.scheduleActivity("A");
      ctx.traceWarn("after A");
      await ctx.scheduleActivity("B");
      ctx.traceError("after B");
    };
    const story = new Story(code);
    const lines: unknown[] = [];
    // `Story` compares the lines of the resident turn with those of a replayed one.
    for (const batch of [[story.startMessage()], [done(2)], [done(4)]])
      lines.push(...(await story.turn(...batch)).traces);
    expect(lines).toEqual([
      { level: "info", message: "start", fields: { n: 1 } },
      { level: "warn", message: "after A", fields: undefined },
      { level: "error", message: "after B", fields: undefined },
    ]);
  });

  test("S045 R20 a line behind the last completion of a quiet turn is not repeated", async () => {
    const { last, story } = await play(
      async (ctx: Ctx) => {
        const [a, b] = [ctx.scheduleActivity("A"), ctx.scheduleActivity("B")];
        await a;
        ctx.traceInfo("quiet");
        await b;
        ctx.traceDebug("end");
      },
      [[done(2)], [done(3)]],
    );
    expect(story.turns[1]).toBe("4 ActivityCompleted(2)");
    expect(last.traces.map(({ message }) => message)).toEqual(["end"]);
  });

  test("S046 isReplaying is false in the first turn, true while a later one is rebuilt, false after", async () => {
    const seen: boolean[] = [];
    const code = async (ctx: Ctx) => {
      seen.push(ctx.isReplaying);
      await ctx.scheduleActivity("A");
      seen.push(ctx.isReplaying);
      await ctx.scheduleActivity("B");
      seen.push(ctx.isReplaying);
    };
    const { story } = await play(code, [[done(2)]], { isHotOnly: true });
    expect(seen.splice(0)).toEqual([false, false]);
    await runOneTurn(createExecution(code), {
      history: story.history,
      messages: [done(4)],
      nowMs: 9,
    });
    expect(seen).toEqual([true, true, false]);
  });

  test("lines of a turn that diverged are not shown", async () => {
    const { story } = await play((ctx: Ctx) => ctx.scheduleActivity("A"), []);
    const other = createExecution(async (ctx: Ctx) => {
      await ctx.scheduleActivity("A");
      ctx.traceInfo("not to be seen");
      await new Promise(() => undefined);
    });
    const result = await runOneTurn(other, {
      history: story.history,
      messages: [done(2)],
      nowMs: 9,
    });
    expect(result).toEqual({ kind: "diverged", divergence: expect.anything() });
  });

  test("a line of code that something foreign resumed is not kept", async () => {
    let leaked: Ctx | undefined;
    const story = new Story(
      async (ctx: Ctx) => {
        leaked = ctx;
        await ctx.scheduleWait("go");
      },
      { isHotOnly: true },
    );
    await story.start();
    leaked?.traceInfo("from the host");
    expect((await story.turn(raised("go"))).traces).toEqual([]);
  });
});
