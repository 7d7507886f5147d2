/** Durable timers in the engine (semantics 24). */

import { describe, expect, test } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import { activityCompleted as done, play, timerFired as fired } from "../support/story.ts";

type Ctx = OrchestrationContext;
const DATE_MS_MAX = 8_640_000_000_000_000;

describe("ctx.scheduleTimer()", () => {
  test.each<readonly [string, (ctx: Ctx) => unknown, number]>([
    ["S082 zero fires at the time of the turn", (ctx) => ctx.scheduleTimer(0), 1_010],
    ["a delay counts from the time of the turn", (ctx) => ctx.scheduleTimer("1m"), 61_010],
    ["a fraction of a millisecond is rounded up", (ctx) => ctx.scheduleTimer(0.2), 1_011],
    ["a point in time", (ctx) => ctx.scheduleTimer({ until: new Date(5_000) }), 5_000],
    ["a point in the past fires at once", (ctx) => ctx.scheduleTimer({ until: new Date(5) }), 5],
    ["a huge delay is cut", (ctx) => ctx.scheduleTimer(Number.MAX_VALUE), 4_320_000_000_001_010],
    [
      "the last date there is",
      (ctx) => ctx.scheduleTimer({ until: new Date(DATE_MS_MAX) }),
      DATE_MS_MAX,
    ],
  ])("%s", async (_name, code, fireAtMs) => {
    const { last } = await play(code);
    expect(last.timers).toMatchObject([{ eventId: 2, fireAtMs }]);
    expect(last.events[1]).toMatchObject({ kind: "TimerCreated", fireAtMs });
  });

  test.each([-1, NaN, "soon", undefined, null, {}, { until: new Date(NaN) }, { until: 5 }])(
    "%j is refused at the call",
    async (delay) => {
      const { output } = await play((ctx: Ctx) => {
        try {
          ctx.scheduleTimer(delay as never);
        } catch (error) {
          return (error as { code: string }).code;
        }
        return "accepted";
      });
      expect(output).toBe("invalid_duration");
    },
  );

  test("S080 three joined timers all fire, in any order", async () => {
    const { output } = await play(
      async (ctx: Ctx) =>
        (await ctx.join([1, 2, 3].map((ms) => ctx.scheduleTimer(ms)))).map(({ status }) => status),
      [[fired(4), fired(2)], [fired(3)]],
    );
    expect(output).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  });

  test("S081 a timer before and after an activity", async () => {
    const { story, output } = await play(
      async (ctx: Ctx) => {
        await ctx.scheduleTimer(1);
        const value = await ctx.scheduleActivity("A");
        await ctx.scheduleTimer(1);
        return value;
      },
      [[fired(2)], [done(4, "a")], [fired(6)]],
    );
    expect(output).toBe("a");
    expect(story.history).toHaveLength(8);
  });

  test("S085 a timer that fired does not shorten the next one", async () => {
    const { last } = await play(
      async (ctx: Ctx) => {
        await ctx.scheduleTimer(100);
        await ctx.scheduleTimer(1_000);
      },
      [[fired(2)]],
    );
    expect(last.timers).toMatchObject([{ eventId: 4, fireAtMs: 1_020 + 1_000 }]);
  });
});
