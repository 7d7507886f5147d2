/** Randomness and time that replay: derived from the recorded seed and the recorded times. */

import { describe, expect, test } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import { activityCompleted as done, play, raised, sent, Story } from "../support/story.ts";

type Ctx = OrchestrationContext;

// Every `play` compares the resident turn with a replay (S253).
describe("system calls", () => {
  const draw = async (ctx: Ctx) => {
    const before = [ctx.newGuid(), ctx.random(), ctx.utcNowMs()];
    await ctx.scheduleActivity("A", before);
    return [...before, ctx.newGuid(), ctx.random(), ctx.utcNowMs(), ctx.utcNow().toISOString()];
  };

  test("S253 S256 R23 give the same on replay, also as inputs, and guids are of version 4", async () => {
    const { output } = await play(draw, [[done(2)]]);
    const [guid, random, time, guid2, random2, time2, date] = output as [
      string,
      number,
      number,
      string,
      number,
      number,
      string,
    ];
    const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(guid).toMatch(version4);
    expect(guid2).toMatch(version4);
    for (const number of [random, random2]) {
      expect(number).toBeGreaterThanOrEqual(0);
      expect(number).toBeLessThan(1);
    }
    expect([time, time2, date]).toEqual([1_010, 1_020, new Date(1_020).toISOString()]);
  });

  test("S254 two guids differ, and so do those of two instances", async () => {
    const guids = async (seed: string) =>
      (await play((ctx: Ctx) => [ctx.newGuid(), ctx.newGuid()], [], { seed })).output as string[];
    const all = [...(await guids("seed-1")), ...(await guids("seed-2"))];
    expect(new Set(all).size).toBe(4);
    expect(await guids("seed-1")).toEqual(all.slice(0, 2));
  });

  test("S257 are values at once, and `await` on them is harmless", async () => {
    const { output } = await play(async (ctx: Ctx) => {
      const outcomes = await ctx.join([Promise.resolve(ctx.newGuid()), Promise.resolve(1)]);
      return [outcomes.length, typeof ctx.newGuid()];
    });
    expect(output).toEqual([2, "string"]);
  });

  test("R25 time stands still within a turn and never goes back, although the clock does", async () => {
    const story = new Story(async (ctx: Ctx) => {
      const times = [ctx.utcNowMs(), ctx.utcNowMs()];
      for (let i = 0; i < 2; i += 1) {
        await ctx.scheduleWait("go");
        times.push(ctx.utcNowMs());
      }
      return times;
    });
    await story.start();
    story.nowMs = 500;
    await story.turn(raised("go"));
    story.nowMs = 9_000;
    const last = await story.turn(raised("go"));
    expect(last.outcome).toEqual({ kind: "completed", output: "[1010,1010,1010,9010]" });
  });

  test("metadata is the same on replay", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const before = ctx.historyLength;
        await ctx.scheduleActivity("A");
        const { instanceId, executionId, orchestrationName, orchestrationVersion } = ctx;
        return [
          [instanceId, executionId, orchestrationName, orchestrationVersion],
          [
            ctx.parentInstanceId === undefined,
            before,
            ctx.historyLength,
            ctx.continueAsNewSuggested,
          ],
        ];
      },
      [[done(2)]],
    );
    expect(output).toEqual([
      ["i", 1, "test", "1.0.0"],
      [true, 1, 3, false],
    ]);
  });

  test("continue-as-new is suggested from 10,000 events on", async () => {
    const messages = Array.from({ length: 9_999 }, () => sent("q", 1));
    const suggested: number[] = [];
    await play(
      async (ctx: Ctx) => {
        for (;;) {
          await ctx.dequeueEvent("q");
          if (ctx.continueAsNewSuggested) suggested.push(ctx.historyLength);
        }
      },
      [messages],
      { isHotOnly: true },
    );
    expect(suggested).toEqual([10_000, 10_001]);
  });

  test("S280 S281 a status is seen at once by the code, and the last of a turn is what is shown", async () => {
    const { last, story } = await play(
      async (ctx: Ctx) => {
        ctx.setCustomStatus("one");
        ctx.setCustomStatus({ two: ctx.getCustomStatus() });
        await ctx.scheduleWait("go");
        const seen = ctx.getCustomStatus();
        ctx.resetCustomStatus();
        return [seen, ctx.getCustomStatus() === undefined];
      },
      [[raised("go")]],
    );
    expect(story.turns[0]).toBe(
      "1 OrchestrationStarted, 2 CustomStatusUpdated, 3 CustomStatusUpdated, 4 ExternalSubscribed go",
    );
    expect(last.outcome).toMatchObject({ output: '[{"two":"one"},true]' });
    expect(last.customStatus).toEqual({ value: undefined });
  });

  test("S284 a status of exactly 262,144 bytes fits, one more fails and names the limit", async () => {
    const set = async (length: number) =>
      (await play((ctx: Ctx) => ctx.setCustomStatus("é".repeat(length / 2 - 1)))).output;
    expect(await set(262_144)).toBe(undefined);
    expect(await set(262_146)).toEqual({
      failed: expect.stringContaining("has 262146 bytes; the limit is 262144 bytes"),
    });
  });
});
