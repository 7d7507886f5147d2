/** Work that is no longer needed, and instances that are cancelled (semantics 8 and 11, appendix A). */

import { describe, expect, test } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import {
  activityCompleted as done,
  cancelled,
  childCompleted,
  childFailed,
  historyOf,
  play,
  raised,
  replay,
  tell,
  timerFired as fired,
} from "../support/story.ts";

type Ctx = OrchestrationContext;

describe("worked histories of appendix A", () => {
  test("A1 S004 a chain of two", async () => {
    const { story } = await play(
      async (ctx: Ctx) => {
        const one = await ctx.scheduleActivity("Step1");
        return ctx.scheduleActivity("Step2", one);
      },
      [[done(2, 1)], [done(4, 2)]],
    );
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 ActivityScheduled Step1 | " +
        "3 ActivityCompleted(2), 4 ActivityScheduled Step2 | " +
        "5 ActivityCompleted(4), 6 OrchestrationCompleted",
    );
    expect(story.history[3]).toMatchObject({ name: "Step2", input: "1" });
  });

  test("A2 a race lost by an activity; the commit cancels exactly that activity", async () => {
    const { story, last } = await play(
      async (ctx: Ctx) => {
        await ctx.select([ctx.scheduleActivity("Slow"), ctx.scheduleTimer(1)]);
      },
      [[fired(3)]],
    );
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 ActivityScheduled Slow, 3 TimerCreated | " +
        "4 TimerFired(3), 5 ActivityCancelRequested(2) dropped_future, 6 OrchestrationCompleted",
    );
    expect(last.cancelledActivities).toEqual([2]);
  });

  // A3 is S109 in select-join.test.ts, A4 and A6 are in queues.test.ts and events.test.ts.

  test("A5 a recorded completion behind the cancellation is legal and ignored", async () => {
    const code = async (ctx: Ctx) => {
      await ctx.select([ctx.scheduleActivity("Slow"), ctx.scheduleTimer(1)]);
      return ctx.scheduleWait("end");
    };
    const history = historyOf(
      { kind: "ActivityScheduled", name: "Slow", input: undefined },
      { kind: "TimerCreated", fireAtMs: 1 },
      { kind: "TimerFired", sourceEventId: 3, fireAtMs: 1 },
      { kind: "ExternalSubscribed", name: "end" },
      { kind: "ActivityCancelRequested", sourceEventId: 2, reason: "dropped_future" },
      { kind: "ActivityCompleted", sourceEventId: 2, result: '"late"' },
    );
    const result = await replay(code, history, [raised("end", "ok")]);
    expect(result.kind === "concluded" && tell(result.events)).toBe(
      "8 ExternalEvent end, 9 OrchestrationCompleted",
    );
  });

  test("A7 S129 S188 a cancelled parent cancels its child; no code runs afterwards", async () => {
    const seen: string[] = [];
    const { story, last } = await play(
      async (ctx: Ctx) => {
        try {
          await ctx.all([ctx.scheduleSubOrchestration("Child"), ctx.scheduleWait("x")]);
        } finally {
          seen.push("finally");
        }
      },
      [[cancelled("enough")]],
    );
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 SubOrchestrationScheduled Child, 3 ExternalSubscribed x | " +
        "4 OrchestrationCancelRequested enough, " +
        "5 ExternalSubscribedCancelled(3) orchestration_terminal, 6 OrchestrationFailed",
    );
    expect(last.cancelledChildren).toEqual([
      { eventId: 2, instanceId: "i::sub::2", reason: "parent canceled" },
    ]);
    expect(last.outcome).toMatchObject({
      kind: "canceled",
      failure: { code: "canceled", name: "CanceledError", message: "enough" },
    });
    expect(seen).toEqual([]);
  });
});

describe("cancelling an operation", () => {
  test("S122 an explicit cancel leaves one breadcrumb and one effect, and none later", async () => {
    const { story, last } = await play(
      async (ctx: Ctx) => {
        const activity = ctx.scheduleActivity("A");
        await ctx.scheduleTimer(1);
        activity.cancel("changed my mind");
        activity.cancel("again");
        await ctx.scheduleTimer(1);
      },
      [[fired(3)], [fired(5)]],
    );
    expect(story.turns[1]).toBe(
      "4 TimerFired(3), 5 TimerCreated, 6 ActivityCancelRequested(2) changed my mind",
    );
    expect(story.turns[2]).toBe("7 TimerFired(5), 8 OrchestrationCompleted");
    expect(last.cancelledActivities).toEqual([]);
  });

  test("a cancelled operation rejects with a CanceledError that names it and the reason", async () => {
    const { output } = await play(async (ctx: Ctx) => {
      const texts: unknown[] = [];
      for (const operation of [
        ctx.scheduleActivity("A"),
        ctx.scheduleTimer(1),
        ctx.scheduleWait("w"),
        ctx.dequeueEvent("q"),
        ctx.scheduleSubOrchestration("C"),
      ]) {
        operation.cancel("why");
        const outcome = await operation.settled();
        if (outcome.status === "rejected") texts.push((outcome.reason as Error).message);
      }
      return texts;
    });
    expect(output).toEqual([
      'Cannot finish activity "A": it was canceled (why)',
      "Cannot finish a timer: it was canceled (why)",
      'Cannot finish event "w": it was canceled (why)',
      'Cannot finish queue "q": it was canceled (why)',
      'Cannot finish subOrchestration "C": it was canceled (why)',
    ]);
  });

  test("S124 scheduled and cancelled in one turn: recorded, but nothing is started or taken back", async () => {
    const { story, last } = await play(
      async (ctx: Ctx) => {
        for (const operation of [
          ctx.scheduleActivity("A"),
          ctx.scheduleTimer(1),
          ctx.scheduleSubOrchestration("C"),
        ])
          operation.cancel();
        await ctx.scheduleWait("end");
        return "end";
      },
      [[raised("end")]],
    );
    expect(story.turns[0]).toBe(
      "1 OrchestrationStarted, 2 ActivityScheduled A, 3 TimerCreated, " +
        "4 SubOrchestrationScheduled C, 5 ExternalSubscribed end, " +
        "6 ActivityCancelRequested(2) dropped_future, " +
        "7 SubOrchestrationCancelRequested(4) dropped_future, 8 TimerCancelled(3) dropped_future",
    );
    expect(last.outcome.kind).toBe("completed");
  });

  test("S124 and the effects of that first turn are empty (R2: no cancel for a child never started)", async () => {
    const { last } = await play(async (ctx: Ctx) => {
      ctx.scheduleActivity("A").cancel();
      ctx.scheduleTimer(1).cancel();
      ctx.scheduleSubOrchestration("C").cancel();
      await ctx.scheduleWait("end");
    });
    const { activities, timers, children } = last;
    const { cancelledActivities, cancelledTimers, cancelledChildren } = last;
    expect([activities, timers, children]).toEqual([[], [], []]);
    expect([cancelledActivities, cancelledTimers, cancelledChildren]).toEqual([[], [], []]);
  });

  test("S125 S130 cancelling what has finished does nothing", async () => {
    const { story, last } = await play(
      async (ctx: Ctx) => {
        const child = ctx.scheduleSubOrchestration("C");
        const value = await child;
        child.cancel();
        return [value, await child];
      },
      [[childCompleted(2, "v")]],
    );
    expect(story.turns[1]).toBe("3 SubOrchestrationCompleted(2), 4 OrchestrationCompleted");
    expect(last.cancelledChildren).toEqual([]);
  });

  test("S101 S130 a result behind the decision in the same batch leaves nothing to cancel", async () => {
    const { story, last, output } = await play(
      async (ctx: Ctx) => {
        const winner = await ctx.select([ctx.scheduleSubOrchestration("C"), ctx.scheduleTimer(1)]);
        await ctx.scheduleWait("end");
        return winner.index;
      },
      [[fired(3), childCompleted(2, "late")], [raised("end")]],
    );
    expect(output).toBe(1);
    expect(story.turns[1]).toBe(
      "4 TimerFired(3), 5 SubOrchestrationCompleted(2), 6 ExternalSubscribed end",
    );
    expect(last.cancelledChildren).toEqual([]);
  });

  test("cancelling a mapped operation cancels its source", async () => {
    const { output, story } = await play(async (ctx: Ctx) => {
      const source = ctx.scheduleActivity("A");
      const mapped = source.map(String).map((text) => text.length);
      mapped.cancel("no");
      return [(await mapped.settled()).status, (await source.settled()).status, mapped.kind];
    });
    expect(output).toEqual(["rejected", "rejected", "mapped"]);
    expect(story.told).toContain("3 ActivityCancelRequested(2) no");
  });

  test("cancel in a catch and finally of user code is part of the story", async () => {
    const { story } = await play(
      async (ctx: Ctx) => {
        const side = ctx.scheduleActivity("Side");
        try {
          await ctx.scheduleActivity("Main");
        } finally {
          side.cancel("tidy up");
        }
        return ctx.continueAsNew();
      },
      [[done(3)]],
    );
    expect(story.turns[1]).toBe(
      "4 ActivityCompleted(3), 5 ActivityCancelRequested(2) tidy up, 6 OrchestrationContinuedAsNew",
    );
  });
});

describe("the end of an orchestration", () => {
  const leaveOpen = (ctx: Ctx) => {
    ctx.scheduleActivity("A");
    ctx.scheduleSubOrchestration("C");
    ctx.scheduleWait("w");
    ctx.dequeueEvent("q");
    ctx.scheduleTimer(1);
  };

  test.each([
    ["completes", (ctx: Ctx) => ctx.scheduleActivity("B"), "completed", "parent completed"],
    [
      "fails (S201, R9)",
      async (ctx: Ctx) => {
        await ctx.scheduleActivity("B");
        throw new Error("x");
      },
      "failed",
      "parent failed",
    ],
    [
      "continues as new (R9)",
      async (ctx: Ctx) => {
        await ctx.scheduleActivity("B");
        return ctx.continueAsNew();
      },
      "continued_as_new",
      "parent continued as new",
    ],
  ])(
    "S126 S129 R19 an orchestration that %s: one breadcrumb each, the terminal event last",
    async (_name, end, word, reason) => {
      const { story, last } = await play(
        async (ctx: Ctx) => {
          leaveOpen(ctx);
          return end(ctx);
        },
        [[done(7)]],
      );
      expect(story.turns[1]).toMatch(
        new RegExp(
          `^8 ActivityCompleted\\(7\\), 9 ActivityCancelRequested\\(2\\) orchestration_terminal_${word}, ` +
            "10 SubOrchestrationCancelRequested\\(3\\) orchestration_terminal, " +
            "11 ExternalSubscribedCancelled\\(4\\) orchestration_terminal, " +
            "12 QueueSubscribedCancelled\\(5\\) orchestration_terminal, 13 Orchestration\\w+$",
        ),
      );
      expect(last.cancelledActivities).toEqual([2]);
      expect(last.cancelledTimers).toHaveLength(1);
      expect(last.cancelledChildren).toEqual([{ eventId: 3, instanceId: "i::sub::3", reason }]);
    },
  );

  test("R2 what the last turn scheduled is never started and needs no cancel", async () => {
    const { last } = await play(async (ctx: Ctx) => {
      leaveOpen(ctx);
      return "end";
    });
    const { activities, timers, children } = last;
    const { cancelledActivities, cancelledTimers, cancelledChildren } = last;
    expect([activities, timers, children]).toEqual([[], [], []]);
    expect([cancelledActivities, cancelledTimers, cancelledChildren]).toEqual([[], [], []]);
  });

  test.each([
    ["completes", () => "end"],
    [
      "fails",
      () => {
        throw new Error("x");
      },
    ],
    ["continues as new", (ctx: Ctx) => ctx.continueAsNew()],
    ["is cancelled", (ctx: Ctx) => ctx.scheduleWait("never")],
  ])("S182 R8 a detached start is honoured when the same turn %s", async (name, end) => {
    const { last } = await play(
      async (ctx: Ctx) => {
        await ctx.scheduleWait("go");
        ctx.scheduleOrchestration("D", "detached-1", { n: 1 }, { version: "2.0.0" });
        return end(ctx);
      },
      [[raised("go"), ...(name === "is cancelled" ? [cancelled()] : [])]],
    );
    expect(last.detached).toEqual(
      [{ eventId: 4, name: "D", instanceId: "detached-1", input: '{"n":1}', version: "2.0.0" }].map(
        (start) => ({ ...start, eventId: expect.any(Number) }),
      ),
    );
  });
});

describe("cancelling an instance", () => {
  test("S192 a cancel in the batch of the start: the code runs once, its work is not started", async () => {
    const { story } = await play(() => "unused", []);
    expect(story.told).toContain("OrchestrationCompleted");
    const code = (ctx: Ctx) => ctx.scheduleActivity("A");
    const started = historyOf().slice(0, 0);
    const result = await replay(code, started, [
      { kind: "start", name: "test", input: undefined, seed: "s" },
      cancelled("before it began"),
    ]);
    expect(result).toMatchObject({ outcome: { kind: "canceled" }, activities: [] });
  });

  test("S193 of three cancels the first counts", async () => {
    const { last } = await play(
      (ctx: Ctx) => ctx.scheduleWait("x"),
      [[cancelled("1"), cancelled("2"), cancelled("3")]],
    );
    expect(last.events.filter(({ kind }) => kind === "OrchestrationCancelRequested")).toHaveLength(
      1,
    );
    expect(last.outcome).toMatchObject({ failure: { message: "1" } });
    expect(last.dropped).toHaveLength(2);
  });

  test("semantics 11.4 a cancel wins over a result in the same batch, whatever their order", async () => {
    for (const batch of [
      [done(2), cancelled()],
      [cancelled(), done(2)],
    ]) {
      const { last } = await play((ctx: Ctx) => ctx.scheduleActivity("A"), [batch]);
      expect(last.outcome.kind).toBe("canceled");
    }
  });

  test("S088 S196 a pending timer and a pending activity are taken back", async () => {
    const { last } = await play(
      async (ctx: Ctx) => ctx.join([ctx.scheduleActivity("A"), ctx.scheduleTimer("9h")]),
      [[cancelled()]],
    );
    expect(last.cancelledActivities).toEqual([2]);
    expect(last.cancelledTimers.map(({ eventId }) => eventId)).toEqual([3]);
  });

  test("S128 a child that was dropped is cancelled once, with the first reason", async () => {
    const { last } = await play(
      async (ctx: Ctx) => {
        const child = ctx.scheduleSubOrchestration("C");
        await ctx.scheduleTimer(1);
        child.cancel("not needed");
        await ctx.scheduleWait("never");
      },
      [[fired(3), cancelled()]],
    );
    expect(last.cancelledChildren).toEqual([
      { eventId: 2, instanceId: "i::sub::2", reason: "parent dropped sub-orchestration future" },
    ]);
  });

  test("S189 a cancelled child is an error of its parent: canceled: <reason>", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        try {
          return await ctx.scheduleSubOrchestration("C");
        } catch (error) {
          const { message, isCanceled, code } = error as Error & {
            isCanceled: boolean;
            code: string;
          };
          return [message, isCanceled, code];
        }
      },
      [[childFailed(2, { code: "canceled", message: "by hand" })]],
    );
    expect(output).toEqual(["canceled: by hand", true, "sub_orchestration_failed"]);
  });
});
