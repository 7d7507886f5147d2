/** What becomes of the losers of a race, and of messages that nobody takes. */

import { describe, expect, test } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import type { DurableFuture } from "../../src/orchestration/durable-future.ts";
import type { CanceledError } from "../../src/orchestration/errors.ts";
import {
  activityCompleted as done,
  activityFailed as broke,
  play,
  raised,
  sent,
  timerFired as fired,
} from "../support/story.ts";

type Ctx = OrchestrationContext;

const codeOf = (error: unknown): string => (error as CanceledError).code;

describe("settled() and map()", () => {
  test("F17 are durable futures: a select cancels what lost through them", async () => {
    const { output, last } = await play(
      async (ctx: Ctx) => {
        const [a, b] = [ctx.scheduleActivity("A"), ctx.scheduleActivity("B")];
        const c = ctx.scheduleActivity("C").map(String);
        const winner = await ctx.select([a.settled(), b.settled(), c.settled()]);
        return [winner.index, winner.value.status, a.settled().kind, a.settled().id];
      },
      [[broke(2)]],
    );
    expect(output).toMatchObject([0, "rejected", "mapped", 2]);
    expect(last.cancelledActivities).toEqual([3, 4]);
  });

  test("F17 settled() of something canceled is an outcome", async () => {
    const { output } = await play(async (ctx: Ctx) => {
      const settled = ctx.scheduleTimer("1h").settled();
      settled.cancel();
      const outcome = await settled;
      return outcome.status === "rejected" && codeOf(outcome.reason);
    });
    expect(output).toBe("operation_canceled");
  });
});

describe("a failed winner", () => {
  test("F17 carries the index or the key of its branch, the outermost last", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const seen: unknown[] = [];
        const attempt = async (race: PromiseLike<unknown>): Promise<void> => {
          try {
            await race;
          } catch (error) {
            const { index, key } = error as CanceledError;
            seen.push([index ?? null, key ?? null, Object.keys(error as object).includes("key")]);
          }
        };
        await attempt(ctx.select([ctx.scheduleTimer("1h"), ctx.scheduleActivity("A")]));
        await attempt(ctx.select({ a: ctx.scheduleTimer("1h"), b: ctx.scheduleActivity("A") }));
        await attempt(ctx.all([ctx.scheduleTimer("1h"), ctx.scheduleActivity("A")]));
        const inner = ctx.all([ctx.scheduleTimer("1h"), ctx.scheduleActivity("A")]);
        await attempt(ctx.select({ timer: ctx.scheduleTimer("1h"), inner }));
        const own = Object.assign(new Error("own"), { key: "mine" });
        await attempt(ctx.select({ x: () => Promise.reject(own) }));
        await attempt(ctx.select({ x: () => Promise.reject(Object.freeze(new Error("x"))) }));
        const [outcome] = await ctx.join([ctx.scheduleActivity("A")]);
        if (outcome.status === "rejected") seen.push((outcome.reason as CanceledError).index);
        return seen;
      },
      [[broke(3)], [broke(6)], [broke(10)], [broke(14)], [broke(18)]],
    );
    expect(output).toEqual([
      [1, null, false],
      [null, "b", false],
      [1, null, false],
      [null, "inner", false],
      [null, "mine", true],
      [null, null, false],
      0,
    ]);
  });
});

describe("a losing branch", () => {
  test("F18 gets CanceledError, cleans up before the winner goes on, and schedules no more", async () => {
    const { output, story } = await play(
      async (ctx: Ctx) => {
        const log: string[] = [];
        const slow = async (scope: Ctx): Promise<void> => {
          try {
            await (async () => {
              await scope.scheduleActivity("A");
            })();
          } catch (error) {
            log.push(codeOf(error));
            try {
              scope.scheduleActivity("Undo");
            } catch (refusal) {
              log.push(codeOf(refusal));
            }
            // Cleaning up may take many steps.
            for (let i = 0; i < 50; i += 1) await Promise.resolve();
            throw error;
          } finally {
            log.push("finally");
          }
        };
        const winner = await ctx.select({ slow, timer: ctx.scheduleTimer(1) });
        log.push(winner.key);
        await ctx.scheduleActivity("Next");
        return log;
      },
      [[fired(2)], [done(5)]],
    );
    expect(output).toEqual(["branch_lost", "scope_closed", "finally", "timer"]);
    expect(story.turns[1]).toBe(
      "4 TimerFired(2), 5 ActivityScheduled Next, 6 ActivityCancelRequested(3) dropped_future",
    );
  });

  test("F18 the same where it lost at once, in all(), and nested", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const log: string[] = [];
        const branch = (name: string) => async (scope: Ctx) => {
          try {
            await scope.select([
              scope.scheduleTimer("1h"),
              async (inner: Ctx) => {
                try {
                  await inner.scheduleTimer("2h");
                } finally {
                  log.push(`${name} inner`);
                }
              },
            ]);
          } finally {
            log.push(name);
          }
        };
        const first = ctx.scheduleActivity("A");
        await first;
        log.push((await ctx.select({ first, late: branch("late") })).key);
        await ctx.all([branch("other"), ctx.scheduleActivity("B")]).then(undefined, () => {
          log.push("failed");
        });
        return log;
      },
      [[done(2)], [broke(6)]],
    );
    expect(output).toEqual(
      expect.arrayContaining(["late", "late inner", "first", "other", "other inner", "failed"]),
    );
    const log = output as string[];
    expect(log.indexOf("first")).toBe(2);
    expect(log.indexOf("failed")).toBe(5);
  });

  test("F18 one that goes on although it lost neither holds nor fails the winner", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const outer = ctx.scheduleWait("never");
        const stubborn = async (scope: Ctx): Promise<never> => {
          for (;;) {
            try {
              await scope.scheduleTimer("1h");
            } catch {
              await Promise.race([outer, Promise.resolve()]);
            }
          }
        };
        return (await ctx.select({ stubborn, timer: ctx.scheduleTimer(1) })).key;
      },
      [[fired(3)]],
    );
    expect(output).toBe("timer");
  });
});

describe("select({ keep: true })", () => {
  test("F38 leaves the losers as they are: an answer during the reminder is not lost", async () => {
    const { output, story } = await play(
      async (ctx: Ctx) => {
        const answer = ctx.scheduleWait<string>("Approved");
        for (let reminders = 0; ; reminders += 1) {
          const timer = ctx.scheduleTimer("1d");
          const winner = await ctx.select({ answer, timer }, { keep: true });
          if (winner.key === "answer") {
            timer.cancel();
            return [winner.value, reminders];
          }
          await ctx.scheduleActivity("Remind");
        }
      },
      [[fired(3)], [raised("Approved", "yes"), done(5)]],
    );
    expect(output).toEqual(["yes", 1]);
    expect(story.told).not.toContain("ExternalSubscribedCancelled");
  });

  test("F38 refuses functions, which each select would start anew", async () => {
    const { output } = await play((ctx: Ctx) =>
      ctx.select([(scope: Ctx) => scope.scheduleTimer(1)], { keep: true }),
    );
    expect(output).toMatchObject({
      failed: expect.stringMatching(/Cannot keep the losers of ctx.select\(\): a branch is a fun/),
    });
  });

  test("F38 without it, reusing a loser says why, where, and what to do", async () => {
    const code = (reuse: (ctx: Ctx, wait: PromiseLike<unknown>) => PromiseLike<unknown>) =>
      play(
        async (ctx: Ctx) => {
          const wait = ctx.scheduleWait("Approved");
          await ctx.select([wait.map(String), ctx.scheduleTimer(1)]);
          return reuse(ctx, wait);
        },
        [[fired(3)]],
      );
    for (const again of [
      (ctx: Ctx, wait: PromiseLike<unknown>) => ctx.select([wait]),
      (ctx: Ctx, wait: PromiseLike<unknown>) => ctx.all([wait]),
    ]) {
      expect((await code(again)).output).toEqual({
        failed: expect.stringMatching(
          /^Cannot (select from|wait for) event "Approved" again \(.*losers.test.ts:\d+.*\): it lost an earlier ctx.select\(\), which canceled it; pass \{ keep: true \} to ctx.select\(\) where its losers are used again, or schedule it anew$/,
        ),
      });
    }
    expect((await code((_, wait) => wait)).output).toEqual({
      failed:
        'Cannot finish event "Approved": it was canceled (it lost ctx.select(), which cancels its losers; pass { keep: true } to ctx.select() where a loser is used again, or schedule it anew)',
    });
  });
});

describe("what nobody takes", () => {
  test("F38 an event without a wait is one warning, with the open waits, and stays in history", async () => {
    const { last, story } = await play(
      async (ctx: Ctx) => {
        await ctx.select({ a: ctx.scheduleWait("Other"), t: ctx.scheduleTimer("1h") });
      },
      [[raised("Approved", 1)]],
    );
    expect(last.traces).toEqual([
      {
        level: "warn",
        message: expect.stringMatching(
          /^Cannot deliver event "Approved" to "i": no wait for it is open \(open: "Other"\); wait before it is raised/,
        ),
        fields: { event: "Approved", waits: ["Other"] },
      },
    ]);
    expect(story.told).toContain("ExternalEvent");
  });

  type Subscribe = (ctx: Ctx) => DurableFuture<string>;
  type Race = (ctx: Ctx, message: DurableFuture<string>) => PromiseLike<unknown>;
  const dequeue: Subscribe = (ctx) => ctx.dequeueEvent<string>("q");
  const wait: Subscribe = (ctx) => ctx.scheduleWait<string>("q");
  const native: Race = (ctx, message) => Promise.race([message, ctx.scheduleTimer(1)]);
  const keeping: Race = (ctx, message) =>
    ctx.select([message, ctx.scheduleTimer(1)], { keep: true });

  const race = async (
    ctx: Ctx,
    rounds: number,
    { subscribe = dequeue, with: racing = native } = {},
  ): Promise<unknown[]> => {
    const log: unknown[] = [];
    for (let i = 0; i < rounds; i += 1) {
      log.push(await racing(ctx, subscribe(ctx)));
      await ctx.scheduleActivity("Step");
    }
    return log;
  };

  test.each([
    ["a dequeue in Promise.race", dequeue, native, sent("q", "lost")],
    ["a dequeue in a select that keeps", dequeue, keeping, sent("q", "lost")],
    ["a wait in Promise.race", wait, native, raised("q", "lost")],
    ["a wait in a select that keeps", wait, keeping, raised("q", "lost")],
  ])(
    "F16 F38 a message that %s has swallowed is a warning with the line",
    async (_name, subscribe, racing, message) => {
      const { story } = await play(
        (ctx: Ctx) => race(ctx, 3, { subscribe, with: racing }),
        [[fired(3)], [message]],
      );
      const last = await story.turn(done(5));
      expect(last.traces).toEqual([
        {
          level: "warn",
          message: expect.stringMatching(
            subscribe === wait
              ? /^Cannot give event "q" to the code: wait 2 took it, the code did nothing with it, and now it waits for the event again \(.*losers.test.ts:\d+.*\); .* make the wait once, before the loop/
              : /^Cannot give a message of queue "q" to the code: dequeue 2 took it, the code did nothing with it, and now it asks the queue again \(.*losers.test.ts:\d+.*\); .* make the dequeue once, before the loop/,
          ),
          fields: { [subscribe === wait ? "event" : "queue"]: "q", eventId: 2 },
        },
      ]);
    },
  );

  test("F16 the same when the execution continues as new", async () => {
    const { last } = await play(
      async (ctx: Ctx) => {
        await race(ctx, 1);
        return ctx.continueAsNew(1);
      },
      [[fired(3)], [sent("q", "lost")], [done(5)]],
    );
    expect(last.traces).toMatchObject([
      { level: "warn", message: expect.stringContaining("and now it continues as new") },
    ]);
  });

  const failing = async (ctx: Ctx): Promise<unknown> => {
    await ctx.scheduleActivity("Bad");
    throw new Error("bad");
  };
  test.each<readonly [string, (ctx: Ctx) => Promise<unknown>, number]>([
    [
      "a ctx.all() that fails",
      async (ctx) => {
        const all = ctx.all([ctx.dequeueEvent("q"), async (scope: Ctx) => failing(scope)]);
        await all.settled();
        return ctx.dequeueEvent("q");
      },
      3,
    ],
    [
      "a ctx.all() in a branch that loses",
      async (ctx) => {
        await ctx.select({
          branch: async (scope: Ctx) =>
            scope.all([scope.dequeueEvent("q"), scope.scheduleTimer("1h")]),
          work: ctx.scheduleActivity("Step"),
        });
        return ctx.dequeueEvent("q");
      },
      2,
    ],
    [
      "a branch that loses",
      async (ctx) => {
        await ctx.select({
          branch: async (scope: Ctx) => {
            const message = scope.dequeueEvent("q");
            await scope.scheduleTimer("1h");
            return message;
          },
          work: ctx.scheduleActivity("Step"),
        });
        return ctx.dequeueEvent("q");
      },
      2,
    ],
    [
      "an execution that continues as new",
      async (ctx) => {
        void ctx.dequeueEvent("q");
        await ctx.scheduleActivity("Step");
        return ctx.continueAsNew(1);
      },
      3,
    ],
    [
      "a ctx.select() of what is finished already",
      async (ctx) => {
        const message = ctx.dequeueEvent("q");
        const work = ctx.scheduleActivity("Step");
        await work;
        await ctx.select({ work, message });
        return ctx.dequeueEvent("q");
      },
      3,
    ],
  ])("F16 a message that goes down with %s is a warning", async (_name, code, work) => {
    const { story } = await play(code, [[sent("q", "lost")]]);
    const last = await story.turn(done(work));
    expect(last.traces).toMatchObject([
      {
        level: "warn",
        message: expect.stringMatching(
          /^Cannot give a message of queue "q" to the code: dequeue [23]/,
        ),
        fields: { queue: "q" },
      },
    ]);
  });

  test("F16 with ctx.select the message waits for the next dequeue", async () => {
    const { output, last } = await play(
      async (ctx: Ctx) => {
        const first = await ctx.select({ m: ctx.dequeueEvent("q"), t: ctx.scheduleTimer(1) });
        await ctx.scheduleActivity("Step");
        return [first.key, await ctx.dequeueEvent("q")];
      },
      [[fired(3)], [sent("q", "kept")], [done(5)]],
    );
    expect(output).toEqual(["t", "kept"]);
    expect(last.traces).toEqual([]);
  });

  test.each<readonly [string, (ctx: Ctx) => Promise<unknown>]>([
    [
      "a dequeue that is kept and raced again",
      async (ctx) => {
        const message = ctx.dequeueEvent("q");
        await Promise.race([message, ctx.scheduleTimer(1)]);
        await ctx.scheduleActivity("Step");
        await Promise.race([message, ctx.scheduleTimer(1)]);
        return ctx.dequeueEvent("q");
      },
    ],
    [
      "a dequeue that is awaited later",
      async (ctx) => {
        const message = ctx.dequeueEvent("q");
        await ctx.scheduleTimer(1);
        await ctx.scheduleActivity("Step");
        await message;
        return ctx.dequeueEvent("q");
      },
    ],
    [
      "a dequeue that is kept and selected from again",
      async (ctx) => {
        const message = ctx.dequeueEvent("q");
        await keeping(ctx, message as DurableFuture<string>);
        await ctx.scheduleActivity("Step");
        await keeping(ctx, message as DurableFuture<string>);
        return ctx.dequeueEvent("q");
      },
    ],
    [
      "a join of what was served long ago",
      async (ctx) => {
        const [first, second] = [ctx.dequeueEvent("q"), ctx.scheduleTimer(1)];
        await second;
        await ctx.scheduleActivity("Step");
        await ctx.all([first, second]);
        return ctx.dequeueEvent("q");
      },
    ],
    [
      "a loser that is awaited afterwards",
      async (ctx) => {
        const message = ctx.dequeueEvent("q");
        const timer = ctx.scheduleTimer(1);
        await timer;
        await ctx.scheduleActivity("Step");
        await ctx.select([timer, message]);
        await message;
        return ctx.dequeueEvent("q");
      },
    ],
    [
      "branches of a join",
      async (ctx) => {
        await ctx.join([
          async (scope: Ctx) => scope.dequeueEvent("q"),
          async (scope: Ctx) => {
            await scope.scheduleTimer(1);
            await scope.scheduleActivity("Step");
          },
        ]);
        return ctx.dequeueEvent("q");
      },
    ],
  ])("F16 no warning for %s", async (_name, code) => {
    const { story } = await play(code, [[fired(3)], [sent("q", 1)], [done(5)]]);
    const last = await story.turn(sent("q", 2));
    expect(last.outcome).toMatchObject({ kind: "completed", output: "2" });
    expect(last.traces).toEqual([]);
  });
});

describe("a long history", () => {
  test("F45 is one warning at 20,000 events, with the remedy", async () => {
    const { last, story } = await play(
      async (ctx: Ctx) => {
        for (let i = 0; i < 19_998; i += 1) ctx.setCustomStatus(i);
        await ctx.scheduleWait("one");
        await ctx.scheduleWait("two");
      },
      [],
      { isHotOnly: true },
    );
    expect(last.traces).toEqual([
      {
        level: "warn",
        message: expect.stringMatching(/its history has 20000 events.*ctx.continueAsNew/),
        fields: { historyLength: 20_000 },
      },
    ]);
    expect((await story.turn(raised("one"))).traces).toEqual([]);
  });
});
