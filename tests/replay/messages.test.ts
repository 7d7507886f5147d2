/** Messages against history: what is recorded, dropped with a reason, or a divergence (semantics 6.1). */

import { describe, expect, test } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import {
  activityCompleted as done,
  activityFailed,
  cancelled,
  childCompleted,
  divergenceOf,
  historyOf,
  outputOf,
  play,
  raised,
  replay,
  sent,
  timerFired,
  childFailed,
} from "../support/story.ts";

type Ctx = OrchestrationContext;

describe("messages that fit nothing (semantics 6.1)", () => {
  const code = (ctx: Ctx) => Promise.all([ctx.scheduleActivity("A"), ctx.scheduleTimer(1)]);
  const history = historyOf(
    { kind: "ActivityScheduled", name: "A", input: undefined },
    { kind: "TimerCreated", fireAtMs: 2_000 },
  );

  test.each([
    ["an unknown id", done(9), "no schedule"],
    ["S066 an activity result for a timer", done(3), "a schedule of kind timer"],
    ["S066 a fired timer for an activity", timerFired(2), "a schedule of kind activity"],
    ["S066 a child result for an activity", childCompleted(2), "a schedule of kind activity"],
  ])("%s is a divergence", async (_name, message, expected) => {
    const divergence = await divergenceOf(code, history, [message]);
    expect(divergence).toMatchObject({ code: "nondeterminism", expected });
  });

  test.each([
    ["another execution", { ...done(2), executionId: 7 }, "otherExecution"],
    [
      "a late start (R4)",
      { kind: "start", name: "other", input: undefined, seed: "s" },
      "alreadyStarted",
    ],
  ] as const)("%s is dropped with its reason (G8)", async (_name, message, reason) => {
    const result = await replay(code, history, [message]);
    expect(result).toMatchObject({ kind: "concluded", events: [], dropped: [{ reason }] });
  });

  test("R5 a late start in front of a continue-as-new does not swallow it", async () => {
    const result = await replay(
      (ctx: Ctx) => ctx.scheduleActivity("A"),
      [],
      [
        { kind: "start", name: "late", input: undefined, seed: "s" },
        {
          kind: "continueAsNew",
          executionId: 2,
          name: "test",
          input: undefined,
          seed: "t",
          carried: [],
          customStatus: undefined,
        },
      ],
    );
    expect(result).toMatchObject({
      kind: "concluded",
      dropped: [{ kind: "start", reason: "alreadyStarted" }],
      events: [{ kind: "OrchestrationStarted", executionId: 2, name: "test" }, { eventId: 2 }],
    });
  });

  test("S310 a failure that is not the application's fails the turn, and user code never sees it", async () => {
    let seen = 0;
    const result = await replay(
      async (ctx: Ctx) => {
        try {
          await ctx.scheduleActivity("A");
        } catch {
          seen += 1;
        }
        return ctx.scheduleActivity("B");
      },
      historyOf({ kind: "ActivityScheduled", name: "A", input: undefined }),
      [activityFailed(2, new Error("disk"), "infrastructure"), raised("later")],
    );
    expect(result).toMatchObject({
      kind: "concluded",
      outcome: { kind: "failed", failure: { category: "infrastructure", message: "disk" } },
    });
    expect(seen).toBe(0);
  });

  test("a cancel wins over everything else in its batch", async () => {
    const result = await replay(
      async (ctx: Ctx) => {
        await ctx.scheduleActivity("A");
        return ctx.continueAsNew();
      },
      historyOf({ kind: "ActivityScheduled", name: "A", input: undefined }),
      [done(2), cancelled("first"), cancelled("second")],
    );
    if (result.kind === "diverged") throw new Error(result.divergence.message);
    expect(outputOf(result)).toEqual({ canceled: "first" });
    expect(result.dropped).toMatchObject([{ kind: "cancel", reason: "alreadyCanceled" }]);
  });
});

describe("duplicates (G4)", () => {
  const code = (ctx: Ctx) =>
    Promise.all([
      ctx.scheduleActivity("A"),
      ctx.scheduleSubOrchestration("C"),
      ctx.scheduleTimer(1),
    ]);

  test.each([
    ["S034 two results of one activity in one batch", [done(2, 1), done(2, 2)], "duplicate"],
    ["R10 a failure behind a result", [done(2, 1), activityFailed(2)], "duplicate"],
    ["R10 two failures of one child", [childFailed(3), childFailed(3)], "duplicate"],
    ["two firings of one timer", [timerFired(4), timerFired(4)], "duplicate"],
  ])(
    "%s: the first counts, the second is dropped with its reason",
    async (_name, batch, reason) => {
      const { last } = await play((ctx: Ctx) => Promise.allSettled([code(ctx)]), [batch]);
      expect(last.dropped).toMatchObject([{ reason }]);
      expect(
        last.events.filter(
          (event) =>
            "sourceEventId" in event &&
            event.kind !== "ActivityCancelRequested" &&
            !event.kind.endsWith("CancelRequested") &&
            event.kind !== "TimerCancelled",
        ),
      ).toHaveLength(1);
    },
  );

  test("S033 R10 a second outcome in a later turn is dropped, whatever its kind", async () => {
    const { story } = await play(code, [[done(2)]]);
    const last = await story.turn(activityFailed(2), done(2));
    expect(last.events).toEqual([]);
    expect(last.dropped).toMatchObject([{ reason: "duplicate" }, { reason: "duplicate" }]);
  });

  test("S036 S148 events and messages are never taken for duplicates", async () => {
    const { last } = await play(code, [
      [raised("e", 1), raised("e", 1), sent("q", 1), sent("q", 1)],
    ]);
    expect(last.events).toHaveLength(4);
  });

  test("A5 a result for a cancelled activity is dropped with its reason and harms nobody", async () => {
    const { story, last } = await play(
      async (ctx: Ctx) => {
        await ctx.select([ctx.scheduleActivity("A"), ctx.scheduleTimer(1)]);
        return ctx.scheduleActivity("B");
      },
      [[timerFired(3)], [done(2, "late")]],
    );
    expect(last.dropped).toMatchObject([{ reason: "cancelled", sourceEventId: 2 }]);
    expect((await story.turn(done(5, "b"))).outcome.kind).toBe("completed");
  });
});
