/** One-shot external events: delivered by position to whoever waits at that point of history. */

import { describe, expect, test } from "vitest";
import { z } from "zod";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import { defineEvent } from "../../src/orchestration/define.ts";
import {
  activityCompleted as done,
  play,
  raised,
  sent,
  timerFired as fired,
} from "../support/story.ts";

type Ctx = OrchestrationContext;

describe("ctx.scheduleWait()", () => {
  test("S132 A6 an event raised before the wait is lost, and recorded for audit", async () => {
    const { story, output } = await play(
      async (ctx: Ctx) => {
        await ctx.scheduleTimer(10);
        const winner = await ctx.select([ctx.scheduleWait("X"), ctx.scheduleTimer(10)]);
        return winner.index;
      },
      [[raised("X", "early")], [fired(2)], [fired(6)]],
    );
    expect(output).toBe(1);
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 TimerCreated | 3 ExternalEvent X | " +
        "4 TimerFired(2), 5 ExternalSubscribed X, 6 TimerCreated | " +
        "7 TimerFired(6), 8 ExternalSubscribedCancelled(5) dropped_future, 9 OrchestrationCompleted",
    );
  });

  test("S133 an event that was too early is delivered when raised again", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        await ctx.scheduleTimer(10);
        return ctx.scheduleWait("X");
      },
      [[raised("X", 1)], [fired(2)], [raised("X", 2)]],
    );
    expect(output).toBe(2);
  });

  test("S134 two waits of one name get two identical events", async () => {
    const { output } = await play(
      async (ctx: Ctx) => [await ctx.scheduleWait("X"), await ctx.scheduleWait("X")],
      [[raised("X", "same")], [raised("X", "same")]],
    );
    expect(output).toEqual(["same", "same"]);
  });

  test("S134 the k-th open wait takes the k-th event, whatever the order of awaiting", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const [first, second] = [ctx.scheduleWait("X"), ctx.scheduleWait("X")];
        const late = await second;
        return [await first, late];
      },
      [[raised("X", 1), raised("X", 2)]],
    );
    expect(output).toEqual([1, 2]);
  });

  const secondWait = async (ctx: Ctx) => {
    const first = await ctx.select([ctx.scheduleWait("X"), ctx.scheduleTimer(10)]);
    const second = await ctx.select([ctx.scheduleWait("X"), ctx.scheduleTimer(10)]);
    return [first.index, second];
  };

  test("S136 U5 a wait that lost a race does not take the event of the next wait", async () => {
    const { output } = await play(secondWait, [[fired(3)], [raised("X", "for the second")]]);
    expect(output).toEqual([1, { index: 0, value: "for the second" }]);
  });

  test("S137 R6 timer and event in one batch: the event belongs to the wait that the timer opened", async () => {
    const { story, output } = await play(
      async (ctx: Ctx) => {
        const first = await ctx.select([ctx.scheduleWait("X"), ctx.scheduleTimer(10)]);
        const second = ctx.scheduleWait("X");
        return [first.index, await second];
      },
      [[fired(3), raised("X", "at once")]],
    );
    expect(output).toEqual([1, "at once"]);
    expect(story.turns[1]).toBe(
      "4 TimerFired(3), 5 ExternalEvent X, 6 ExternalSubscribed X, " +
        "7 ExternalSubscribedCancelled(2) dropped_future, 8 OrchestrationCompleted",
    );
  });

  test("S137 R6 the other way round, the event wins and the timer is cancelled", async () => {
    const { output, last } = await play(secondWait, [[raised("X", 1), fired(3)], [raised("X", 2)]]);
    expect(output).toEqual([0, { index: 0, value: 2 }]);
    expect(last.cancelledTimers).toHaveLength(1);
  });

  test("S140 waits named per document leave each other alone", async () => {
    const { output } = await play(
      async (ctx: Ctx) => ctx.scheduleWait("approve:7"),
      [[raised("approve:8", "no")], [raised("approve:7", "yes")]],
    );
    expect(output).toBe("yes");
  });

  test("S141 a manager's timeout, then the director without one", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const manager = await ctx.select({
          approval: ctx.scheduleWait<string>("manager"),
          timeout: ctx.scheduleTimer("1d"),
        });
        if (manager.key === "approval") return manager.value;
        await ctx.scheduleActivity("Escalate");
        return ctx.scheduleWait("director");
      },
      [[fired(3)], [raised("director", "early")], [done(5)], [raised("director", "signed")]],
    );
    expect(output).toBe("signed");
  });

  test("S142 a typed event is checked: good data is decoded, bad data is a catchable error", async () => {
    const approval = defineEvent("approval", z.object({ by: z.string() }));
    const { output } = await play(
      async (ctx: Ctx) => {
        try {
          await ctx.scheduleWait(approval);
        } catch (error) {
          const { code } = error as { code: string };
          return [code, (await ctx.scheduleWait(approval)).by];
        }
        return "accepted";
      },
      [[raised("approval", { by: 7 })], [raised("approval", { by: "ann", more: 1 })]],
    );
    expect(output).toEqual(["validation_failed", "ann"]);
  });

  test("S144 an event without data gives undefined, an empty text stays one", async () => {
    const { output } = await play(
      async (ctx: Ctx) => [
        (await ctx.scheduleWait("X")) === undefined,
        await ctx.scheduleWait("X"),
      ],
      [[raised("X")], [raised("X", "")]],
    );
    expect(output).toEqual([true, ""]);
  });

  test("S145 events of different names are independent", async () => {
    const { output } = await play(
      async (ctx: Ctx) => Promise.all([ctx.scheduleWait("a"), ctx.scheduleWait("b")]),
      [[raised("b", "b"), raised("c", "c")], [raised("a", "a")]],
    );
    expect(output).toEqual(["a", "b"]);
  });

  test("S153 a queue message does not answer a wait of the same name", async () => {
    const { output } = await play(
      async (ctx: Ctx) => ctx.scheduleWait("x"),
      [[sent("x", "message")], [raised("x", "event")]],
    );
    expect(output).toBe("event");
  });

  test("a wait inside a losing branch stops counting at that very delivery", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        await ctx.select([async (scope) => scope.scheduleWait("X"), ctx.scheduleActivity("A")]);
        return ctx.scheduleWait("X");
      },
      [[done(2), raised("X", "mine")]],
    );
    expect(output).toBe("mine");
  });

  test("a wait cancelled by hand stops counting at once", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const first = ctx.scheduleWait("X");
        const second = ctx.scheduleWait("X");
        first.cancel("changed my mind");
        first.cancel("twice");
        return [(await first.settled()).status, await second];
      },
      [[raised("X", "second")]],
    );
    expect(output).toEqual(["rejected", "second"]);
  });
});
