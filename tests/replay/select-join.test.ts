/** Races and joins, at engine level (semantics sections 7 and 8). */

import { describe, expect, test } from "vitest";

import {
  activityCompleted as done,
  activityFailed as broke,
  play,
  raised,
  sent,
  timerFired as fired,
} from "../support/story.ts";
import type { OrchestrationContext } from "../../src/orchestration/context.ts";

type Ctx = OrchestrationContext;

describe("ctx.select()", () => {
  test("S097 gives index and value of the activity that beats a timer, and cancels the timer", async () => {
    const { story, last, output } = await play(
      async (ctx: Ctx) => ctx.select([ctx.scheduleActivity("A"), ctx.scheduleTimer("1h")]),
      [[done(2, "fast")]],
    );
    expect(output).toEqual({ index: 0, value: "fast" });
    expect(story.turns[1]).toBe(
      "4 ActivityCompleted(2), 5 TimerCancelled(3) dropped_future, 6 OrchestrationCompleted",
    );
    expect(last.cancelledTimers).toEqual([{ eventId: 3, fireAtMs: 1_010 + 3_600_000 }]);
  });

  test("S098 gives index 1 when the timer wins, and cancels the activity", async () => {
    const { story, last, output } = await play(
      async (ctx: Ctx) => ctx.select2(ctx.scheduleActivity("A"), ctx.scheduleTimer(1)),
      [[fired(3)]],
    );
    expect(output).toEqual({ index: 1 });
    expect(last.cancelledActivities).toEqual([2]);
    expect(story.turns[1]).toContain("5 ActivityCancelRequested(2) dropped_future");
  });

  test("S100 an event nobody raises loses against a timer", async () => {
    const { output, story } = await play(
      async (ctx: Ctx) => {
        const winner = await ctx.select({
          ev: ctx.scheduleWait("ev"),
          timeout: ctx.scheduleTimer(5),
        });
        return winner.key;
      },
      [[fired(3)]],
    );
    expect(output).toBe("timeout");
    expect(story.turns[1]).toContain("ExternalSubscribedCancelled(2) dropped_future");
  });

  test.each([
    [[done(2, "a"), raised("ev", "e")], { index: 0, value: "a" }],
    [[raised("ev", "e"), done(2, "a")], { index: 1, value: "e" }],
  ])("S101 the first delivered of activity and event wins (%#)", async (batch, expected) => {
    const { output } = await play(
      async (ctx: Ctx) => ctx.select([ctx.scheduleActivity("A"), ctx.scheduleWait("ev")]),
      [batch],
    );
    expect(output).toEqual(expected);
  });

  test("S102 of two waits raised in one batch the first raised wins", async () => {
    const { output } = await play(
      async (ctx: Ctx) => ctx.select([ctx.scheduleWait("a"), ctx.scheduleWait("b")]),
      [[raised("b", 2), raised("a", 1)]],
    );
    expect(output).toEqual({ index: 1, value: 2 });
  });

  test("S104 a three-way race of mixed kinds cancels both losers", async () => {
    const { output, last } = await play(
      async (ctx: Ctx) =>
        ctx.select([ctx.scheduleActivity("A"), ctx.scheduleTimer(9), ctx.dequeueEvent("q")]),
      [[sent("q", "m")]],
    );
    expect(output).toEqual({ index: 2, value: "m" });
    expect([last.cancelledActivities, last.cancelledTimers.length]).toEqual([[2], 1]);
  });

  test("S105 a race over a list of N gives index and value of the winner", async () => {
    const { output, last } = await play(
      async (ctx: Ctx) =>
        ctx.select(Array.from({ length: 20 }, (_, i) => ctx.scheduleActivity<number>("A", i))),
      [[done(2 + 13, "won")]],
    );
    expect(output).toEqual({ index: 13, value: "won" });
    expect(last.cancelledActivities).toHaveLength(19);
  });

  test("S106 a winner that failed throws", async () => {
    const { output, last } = await play(
      async (ctx: Ctx) => {
        try {
          return await ctx.select([ctx.scheduleActivity("A"), ctx.scheduleTimer(9)]);
        } catch (error) {
          return (error as Error).name + ": " + (error as Error).message;
        }
      },
      [[broke(2, new RangeError("no"))]],
    );
    expect(output).toBe("ActivityError: no");
    expect(last.cancelledTimers).toHaveLength(1);
  });

  test("S108 a schedule after a decided race keeps its id on replay", async () => {
    const { story, output } = await play(
      async (ctx: Ctx) => {
        await ctx.select([ctx.scheduleActivity("A"), ctx.scheduleTimer(9)]);
        return ctx.scheduleActivity("B");
      },
      [[done(2)], [done(5, "b")]],
    );
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 ActivityScheduled A, 3 TimerCreated | " +
        "4 ActivityCompleted(2), 5 ActivityScheduled B, 6 TimerCancelled(3) dropped_future | " +
        "7 ActivityCompleted(5), 8 OrchestrationCompleted",
    );
    expect(output).toBe("b");
  });

  test("S110 the first finished block wins, and the loser schedules nothing more", async () => {
    const { story, output } = await play(
      async (ctx: Ctx) => {
        const winner = await ctx.select([
          async (scope) => {
            await scope.scheduleActivity("A1");
            return scope.scheduleActivity<string>("A2");
          },
          async (scope) => {
            await scope.scheduleActivity("B1");
            return scope.scheduleActivity<string>("B2");
          },
        ]);
        await ctx.scheduleTimer(5);
        return winner;
      },
      [[done(2)], [done(3)], [done(7, "b2")], [fired(9)]],
    );
    expect(story.told).toMatchInlineSnapshot(
      `"1 OrchestrationStarted, 2 ActivityScheduled A1, 3 ActivityScheduled B1 | 4 ActivityCompleted(2), 5 ActivityScheduled A2 | 6 ActivityCompleted(3), 7 ActivityScheduled B2 | 8 ActivityCompleted(7), 9 TimerCreated, 10 ActivityCancelRequested(5) dropped_future | 11 TimerFired(9), 12 OrchestrationCompleted"`,
    );
    expect(output).toEqual({ index: 1, value: "b2" });
  });
});

describe("ctx.select() with nested and unusual branches", () => {
  test("S112 of three blocks with timers the shortest wait wins", async () => {
    const { output, last } = await play(
      async (ctx: Ctx) =>
        ctx.select(
          [30, 10, 20].map((ms) => async (scope: Ctx) => {
            await scope.scheduleTimer(ms);
            return ms;
          }),
        ),
      [[fired(3)]],
    );
    expect(output).toEqual({ index: 1, value: 10 });
    expect(last.cancelledTimers.map(({ eventId }) => eventId)).toEqual([2, 4]);
  });

  test("S113 a join inside a race, and the race's loser is the whole join", async () => {
    const { output, last } = await play(
      async (ctx: Ctx) =>
        ctx.select([
          ctx.join([ctx.scheduleActivity("A"), ctx.scheduleActivity("B")]),
          ctx.scheduleTimer(9),
        ]),
      [[done(2, "a")], [fired(4)]],
    );
    expect(output).toEqual({ index: 1 });
    expect(last.cancelledActivities).toEqual([3]);
  });

  test("S113 a race inside a join", async () => {
    const { output } = await play(
      async (ctx: Ctx) =>
        ctx.join([
          ctx.select([ctx.scheduleActivity("A"), ctx.scheduleTimer(9)]),
          ctx.scheduleActivity("B"),
        ]),
      [[done(4, "b")], [done(2, "a")]],
    );
    expect(output).toEqual([
      { status: "fulfilled", value: { index: 0, value: "a" } },
      { status: "fulfilled", value: "b" },
    ]);
  });

  test("S114 a losing block's child is cancelled", async () => {
    const { last, story } = await play(
      async (ctx: Ctx) =>
        ctx.select([
          async (scope) => scope.scheduleSubOrchestration("Child"),
          ctx.scheduleTimer(5),
        ]),
      [[fired(2)]],
    );
    expect(last.cancelledChildren).toEqual([
      { eventId: 3, instanceId: "i::sub::3", reason: "parent dropped sub-orchestration future" },
    ]);
    expect(story.turns[1]).toContain("SubOrchestrationCancelRequested(3) dropped_future");
  });

  test("S116 a mapped operation can win, and can lose", async () => {
    const program = async (ctx: Ctx) =>
      ctx.select([
        ctx.scheduleActivity<number>("A").map((n) => n * 2),
        ctx.scheduleTimer(5).map(() => "late"),
      ]);
    expect((await play(program, [[done(2, 21)]])).output).toEqual({ index: 0, value: 42 });
    const lost = await play(program, [[fired(3)]]);
    expect(lost.output).toEqual({ index: 1, value: "late" });
    expect(lost.last.cancelledActivities).toEqual([2]);
  });

  test("S116 a transformation that throws fails the mapped operation only", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const source = ctx.scheduleActivity<string>("A");
        const mapped = source.map((): string => {
          throw new RangeError("bad map");
        });
        const [outcome] = await ctx.join([mapped]);
        return [outcome.status === "rejected" && (outcome.reason as Error).message, await source];
      },
      [[done(2, "a")]],
    );
    expect(output).toEqual(["bad map", "a"]);
  });

  test.each(["42", 42, true, null, "", [1, "2"], { a: { b: [] } }, 0, "null"])(
    "S117 a value keeps its type through join and race: %j",
    async (value) => {
      const { output } = await play(
        async (ctx: Ctx) => {
          const winner = await ctx.select([ctx.scheduleActivity("A"), ctx.scheduleTimer(9)]);
          const [joined] = await ctx.join([ctx.scheduleActivity("B")]);
          return [winner.value, joined.status === "fulfilled" && joined.value];
        },
        [[done(2, value)], [done(5, value)]],
      );
      expect(output).toEqual([value, value]);
    },
  );

  test("a branch that throws before its first await fails the race and cancels the others", async () => {
    const { output, story } = await play(async (ctx: Ctx) =>
      ctx.select([
        ctx.scheduleTimer(9),
        () => {
          throw new Error("at once");
        },
      ]),
    );
    expect(output).toEqual({ failed: "at once" });
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 TimerCreated, 3 TimerCancelled(2) dropped_future, 4 OrchestrationFailed",
    );
  });

  test("the same operation twice: the leftmost place wins and nothing is cancelled", async () => {
    const { output, story } = await play(
      async (ctx: Ctx) => {
        const a = ctx.scheduleActivity("A");
        return ctx.select([a, a]);
      },
      [[done(2, "a")]],
    );
    expect(output).toEqual({ index: 0, value: "a" });
    expect(story.turns[1]).toBe("3 ActivityCompleted(2), 4 OrchestrationCompleted");
  });

  test("of several finished operations the leftmost wins, whatever finished first", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const [a, b, t] = [
          ctx.scheduleActivity("A"),
          ctx.scheduleActivity("B"),
          ctx.scheduleTimer(1),
        ];
        await t;
        return ctx.select([a, b]);
      },
      [[done(3, "b")], [done(2, "a")], [fired(4)]],
    );
    expect(output).toEqual({ index: 0, value: "a" });
  });

  test("one scheduled and cancelled in the same turn as a race is recorded once and not started", async () => {
    const { story, last } = await play(
      async (ctx: Ctx) => {
        await ctx.scheduleTimer(1);
        // The message is there already, so that the activity loses before it has an id.
        const winner = await ctx.select([ctx.dequeueEvent("q"), ctx.scheduleActivity("Never")]);
        await ctx.scheduleTimer(1);
        return winner;
      },
      [[sent("q", "m"), fired(2)], [fired(7)]],
    );
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 TimerCreated | " +
        "3 QueueMessage q, 4 TimerFired(2), 5 QueueSubscribed q, 6 ActivityScheduled Never, " +
        "7 TimerCreated, 8 ActivityCancelRequested(6) dropped_future | " +
        "9 TimerFired(7), 10 OrchestrationCompleted",
    );
    expect(last.cancelledActivities).toEqual([]);
  });

  test.each([
    ["select of nothing", (ctx: Ctx) => ctx.select([])],
    ["select of no names", (ctx: Ctx) => ctx.select({})],
    ["join of no list", (ctx: Ctx) => ctx.join({} as never)],
    ["all of no list", (ctx: Ctx) => ctx.all("ab" as never)],
  ])("%s is the caller's mistake", async (_name, call) => {
    const { output } = await play(async (ctx: Ctx) => {
      try {
        return await call(ctx);
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    expect(output).toBe("invalid_argument");
  });

  test("a cancelled race, join or all rejects with a CanceledError of its own and takes its branches along", async () => {
    const { output, story } = await play(async (ctx: Ctx) => {
      const combined = [
        ctx.select([ctx.scheduleActivity("A"), ctx.scheduleTimer(9)]),
        ctx.join([ctx.scheduleActivity("B")]),
        ctx.all([ctx.scheduleActivity("C"), async (scope) => scope.scheduleActivity("D")]),
      ];
      const texts: string[] = [];
      for (const future of combined) {
        future.cancel("not needed");
        future.cancel("again");
        await future.then(undefined, (error: unknown) => texts.push((error as Error).message));
      }
      return texts;
    });
    expect(output).toEqual([
      "Cannot finish ctx.select(): it was canceled (not needed)",
      "Cannot finish ctx.join(): it was canceled (not needed)",
      "Cannot finish ctx.all(): it was canceled (not needed)",
    ]);
    expect(story.turns[0]?.match(/CancelRequested\(\d\) not needed/g)).toHaveLength(4);
  });

  test("nested branch functions: closing the outer branch closes the inner one", async () => {
    const seen: string[] = [];
    const { last } = await play(
      async (ctx: Ctx) => {
        const winner = await ctx.select([
          async (outer) => {
            await outer.select([
              async (inner) => {
                await inner.scheduleActivity("Deep");
                seen.push("resumed");
              },
            ]);
          },
          ctx.scheduleTimer(5),
        ]);
        await ctx.scheduleTimer(5);
        return winner.index;
      },
      [[fired(2)]],
    );
    expect(last.cancelledActivities).toEqual([3]);
    expect(seen).toEqual([]);
  });

  test("a losing branch that waits outside its scope is refused when it wants to schedule", async () => {
    const codes: string[] = [];
    const { output } = await play(
      async (ctx: Ctx) => {
        const outside = ctx.scheduleActivity("Outside");
        await ctx.select([
          async (scope) => {
            await outside;
            try {
              await scope.scheduleActivity("TooLate");
            } catch (error) {
              codes.push((error as { code: string }).code);
            }
          },
          ctx.scheduleTimer(5),
        ]);
        await outside;
        return "end";
      },
      [[fired(3)], [done(2)]],
    );
    expect(output).toBe("end");
    expect(new Set(codes)).toEqual(new Set(["scope_closed"]));
  });

  test("a losing branch that catches refusals in a loop is put to sleep", async () => {
    let rounds = 0;
    const { output } = await play(
      async (ctx: Ctx) => {
        const outside = ctx.scheduleActivity("Outside");
        await ctx.select([
          async (scope) => {
            await outside;
            for (;;) {
              rounds += 1;
              if (rounds > 10_000) return;
              try {
                await scope.scheduleActivity("TooLate");
              } catch {
                continue;
              }
            }
          },
          ctx.scheduleTimer(5),
        ]);
        await outside;
        return "end";
      },
      [[fired(3)], [done(2)]],
      { isHotOnly: true },
    );
    expect(output).toBe("end");
    expect(rounds).toBeLessThan(200);
  });
});

describe("ctx.join() and ctx.all()", () => {
  test("S090 results come in argument order, whatever the order of completion", async () => {
    const { output } = await play(
      async (ctx: Ctx) => ctx.all([1, 2, 3].map((n) => ctx.scheduleActivity<string>("A", n))),
      [[done(4, "c")], [done(2, "a"), done(3, "b")]],
    );
    expect(output).toEqual(["a", "b", "c"]);
  });

  test("S092 a join with one pending gives nothing yet", async () => {
    const { output } = await play(
      async (ctx: Ctx) => ctx.join([ctx.scheduleActivity("A"), ctx.scheduleActivity("B")]),
      [[done(2)]],
    );
    expect(output).toBe("running");
  });

  test("S093 nothing to wait for resolves at once", async () => {
    const { output } = await play(async (ctx: Ctx) => [await ctx.join([]), await ctx.all([])]);
    expect(output).toEqual([[], []]);
  });

  test("join gives failures as values and cancels nothing", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const outcomes = await ctx.join([ctx.scheduleActivity("A"), ctx.scheduleActivity("B")]);
        return outcomes.map((o) =>
          o.status === "fulfilled" ? o.value : (o.reason as Error).message,
        );
      },
      [[broke(2, new Error("bad"))], [done(3, "b")]],
    );
    expect(output).toEqual(["bad", "b"]);
  });

  test("all throws the first failure and cancels the rest", async () => {
    const { output, last } = await play(
      async (ctx: Ctx) => ctx.all([ctx.scheduleActivity("A"), ctx.scheduleActivity("B")]),
      [[broke(3, new Error("bad"))]],
    );
    expect(output).toEqual({ failed: "bad" });
    expect(last.cancelledActivities).toEqual([2]);
  });

  test("S109 blocks with several awaits progress interleaved (A3: emitted between deliveries, numbered after)", async () => {
    const { story, output } = await play(
      async (ctx: Ctx) =>
        ctx.all([
          async (scope) => {
            await scope.scheduleActivity("A");
            return scope.scheduleActivity<string>("C");
          },
          async (scope) => scope.scheduleActivity<string>("B"),
        ]),
      [[done(2), done(3, "b")], [done(6, "c")]],
    );
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 ActivityScheduled A, 3 ActivityScheduled B | " +
        "4 ActivityCompleted(2), 5 ActivityCompleted(3), 6 ActivityScheduled C | " +
        "7 ActivityCompleted(6), 8 OrchestrationCompleted",
    );
    expect(output).toEqual(["c", "b"]);
  });

  test("S118 an operation that nobody awaits blocks nobody", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        ctx.scheduleActivity("Ignored");
        return ctx.scheduleActivity("B");
      },
      [[broke(2)], [done(3, "b")]],
    );
    expect(output).toBe("b");
  });

  test.each([1_000, 5_000])("S094 U4 a join of %i activities, also replayed", async (count) => {
    const batch = Array.from({ length: count }, (_, i) => done(count + 1 - i, count - 1 - i));
    const { output } = await play(
      async (ctx: Ctx) => {
        const values = await ctx.all(
          Array.from({ length: count }, (_, i) => ctx.scheduleActivity<number>("A", i)),
        );
        return values.every((value, i) => value === i);
      },
      [batch],
    );
    expect(output).toBe(true);
  });

  test("S094 a race of 5,000 cancels 4,999 losers, also when they are branch functions", async () => {
    const { last, output } = await play(
      async (ctx: Ctx) => {
        const first = ctx.select(Array.from({ length: 5_000 }, (_, i) => ctx.scheduleTimer(i + 1)));
        const second = ctx.select(
          Array.from({ length: 5_000 }, () => async (scope: Ctx) => scope.scheduleActivity("A")),
        );
        return [(await first).index, (await second).index];
      },
      [[fired(2 + 77)], [done(5_002 + 4_999)]],
    );
    expect(output).toEqual([77, 4_999]);
    expect(last.cancelledActivities).toHaveLength(4_999);
  });
});

describe("native combinators", () => {
  test("Promise.all gives values in order, and its failure is fast", async () => {
    const program = async (ctx: Ctx) =>
      Promise.all([ctx.scheduleActivity("A"), ctx.scheduleActivity("B")]);
    expect((await play(program, [[done(3, "b")], [done(2, "a")]])).output).toEqual(["a", "b"]);
    const failed = await play(program, [[broke(3, new Error("bad"))]]);
    expect(failed.output).toEqual({ failed: "bad" });
    expect(failed.story.turns[1]).toContain(
      "ActivityCancelRequested(2) orchestration_terminal_failed",
    );
  });

  test.each([
    [[done(3, "b"), done(2, "a")], "b"],
    [[done(2, "a"), done(3, "b")], "a"],
  ])(
    "Promise.race follows the order of messages within one batch (%#)",
    async (batch, expected) => {
      const { output, last } = await play(
        async (ctx: Ctx) => {
          const winner = await Promise.race([ctx.scheduleActivity("A"), ctx.scheduleActivity("B")]);
          await ctx.scheduleTimer(5);
          return winner;
        },
        [batch, [fired(6)]],
      );
      expect(output).toBe(expected);
      expect(last.cancelledActivities).toEqual([]);
    },
  );

  test("Promise.any and Promise.allSettled", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const any = await Promise.any([ctx.scheduleActivity("A"), ctx.scheduleActivity("B")]);
        const settled = await Promise.allSettled([ctx.scheduleActivity("C"), ctx.scheduleTimer(1)]);
        return [any, settled.map(({ status }) => status)];
      },
      [[broke(2), done(3, "b")], [broke(6)], [fired(7)]],
    );
    expect(output).toEqual(["b", ["rejected", "fulfilled"]]);
  });

  test("settled() gives the outcome as a value, before and after the end", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const a = ctx.scheduleActivity("A");
        const before = await a.settled();
        const after = await a.settled();
        return [before.status, after.status, await ctx.scheduleTimer(1).settled()];
      },
      [[broke(2)], [fired(4)]],
    );
    expect(output).toEqual(["rejected", "rejected", { status: "fulfilled" }]);
  });

  test("awaiting one operation many times gives the same value", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const a = ctx.scheduleActivity("A");
        return [await a, await a, await Promise.all([a, a]), a.id];
      },
      [[done(2, "x")]],
    );
    expect(output).toEqual(["x", "x", ["x", "x"], 2]);
  });
});
