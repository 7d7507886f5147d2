/** `runTurn`: unit tests of orchestrations, without runtime and store, as users write them. */

import { describe, expect, test } from "vitest";
import {
  defineActivity,
  defineOrchestration,
  NonRetryableError,
  type OrchestrationContext,
} from "duroxide-ts";
import { runTurn, type TestEvent } from "duroxide-ts/testing";

const greet = defineActivity("Greet", async (name: string) => `Hello, ${name}!`);
const hello = defineOrchestration("hello", async (ctx, name: string) => {
  const greeting = await ctx.scheduleActivity(greet, name);
  return { greeting };
});

describe("runTurn()", () => {
  const started: TestEvent = {
    kind: "OrchestrationStarted",
    eventId: 1,
    name: "hello",
    input: "World",
  };

  test("semantics 3.5 the first schedule has event id 2, its completion 3", async () => {
    const first = await runTurn([started], hello);
    expect(first.output).toBe(undefined);
    expect(first.actions).toEqual([
      { kind: "ActivityScheduled", eventId: 2, timestampMs: 0, name: "Greet", input: "World" },
    ]);
    const second = await runTurn(
      [
        ...first.history,
        { kind: "ActivityCompleted", eventId: 3, sourceEventId: 2, result: "Hello, World!" },
      ],
      hello,
    );
    expect(second.actions).toEqual([]);
    expect(second.output).toEqual({ kind: "completed", value: { greeting: "Hello, World!" } });
    expect(second.history.map(({ eventId, kind }) => `${eventId} ${kind}`)).toEqual([
      "1 OrchestrationStarted",
      "2 ActivityScheduled",
      "3 ActivityCompleted",
      "4 OrchestrationCompleted",
    ]);
  });

  test.each([true, false])(
    "F26 a history that was ended before its first turn gives that (by cancelInstance: %s)",
    async (isCanceled) => {
      const canceled: TestEvent[] = isCanceled
        ? [{ kind: "OrchestrationCancelRequested", eventId: 2, reason: "not needed" }]
        : [];
      const failure = {
        category: "application",
        code: "canceled",
        name: "OrchestrationCanceledError",
        message: "not needed",
        retryable: false,
      } as const;
      const end: TestEvent = { kind: "OrchestrationFailed", eventId: isCanceled ? 3 : 2, failure };
      const { output, actions, history } = await runTurn([started, ...canceled, end], hello);
      expect(output).toEqual({ kind: "canceled", reason: "not needed" });
      expect(actions).toEqual([]);
      expect(history).toHaveLength(isCanceled ? 3 : 2);
    },
  );

  test("F26 a finished history gives how it ended: every kind of end", async () => {
    const ends: readonly (readonly [(ctx: OrchestrationContext) => unknown, TestEvent[]])[] = [
      [() => ({ n: 7 }), []],
      [() => undefined, []],
      [(ctx) => ctx.continueAsNew({ n: 1 }), []],
      [
        () => {
          throw new NonRetryableError("no use");
        },
        [],
      ],
      [
        (ctx) => ctx.scheduleWait("never"),
        [{ kind: "OrchestrationCancelRequested", eventId: 3, reason: "why" }],
      ],
    ];
    for (const [code, more] of ends) {
      const first = await runTurn([started], code);
      const ended = more.length === 0 ? first : await runTurn([...first.history, ...more], code);
      const again = await runTurn(ended.history, code);
      expect(ended.output).not.toBe(undefined);
      expect(again.output).toEqual(ended.output);
      expect([again.actions, again.history]).toEqual([[], ended.history]);
    }
  });

  test("takes a bare function, and gives every kind of end", async () => {
    const end = async (code: (ctx: OrchestrationContext) => unknown, more: TestEvent[] = []) =>
      (await runTurn([started, ...more], code)).output;
    expect(await end(() => 7)).toEqual({ kind: "completed", value: 7 });
    expect(await end((ctx) => ctx.continueAsNew({ n: 1 }))).toEqual({
      kind: "continuedAsNew",
      input: { n: 1 },
    });
    expect(
      await end(() => {
        throw new NonRetryableError("no use");
      }),
    ).toEqual({
      kind: "failed",
      error: { name: "NonRetryableError", message: "no use", code: "orchestration_failed" },
    });
    expect(
      await end(
        (ctx) => ctx.scheduleWait("x"),
        [
          { kind: "ExternalSubscribed", eventId: 2, name: "x" },
          { kind: "OrchestrationCancelRequested", eventId: 3, reason: "by hand" },
        ],
      ),
    ).toEqual({ kind: "canceled", reason: "by hand" });
  });

  test("throws a NondeterminismError with the line of user code when code and history disagree", async () => {
    const history: TestEvent[] = [
      started,
      { kind: "ActivityScheduled", eventId: 2, name: "Old", input: "World" },
      { kind: "ActivityCompleted", eventId: 3, sourceEventId: 2, result: "x" },
    ];
    await expect(runTurn(history, hello)).rejects.toMatchObject({
      code: "nondeterminism",
      divergence: {
        eventId: 2,
        expected: 'ActivityScheduled "Old" with "World"',
        actual: 'ActivityScheduled "Greet" with "World"',
        source: expect.stringContaining("run-turn.test.ts"),
      },
    });
  });

  test("guards by default, and can be told not to", async () => {
    const code = () => typeof Math.random();
    await expect(runTurn([started], code)).rejects.toMatchObject({ code: "guard_violation" });
    expect((await runTurn([started], code, { guards: "off" })).output).toEqual({
      kind: "completed",
      value: "number",
    });
  });

  test("S313 errors become values: a report of partial failures", async () => {
    const report = async (ctx: OrchestrationContext) => {
      const outcomes = await ctx.join([1, 2, 3].map((n) => ctx.scheduleActivity("Work", n)));
      return outcomes.filter(({ status }) => status === "rejected").length;
    };
    const first = await runTurn([started], report);
    const failure = { category: "application", code: "activity_failed", name: "Error" } as const;
    const { output } = await runTurn(
      [
        ...first.history,
        { kind: "ActivityCompleted", eventId: 5, sourceEventId: 3, result: 1 },
        {
          kind: "ActivityFailed",
          eventId: 6,
          sourceEventId: 2,
          failure: { ...failure, message: "a" },
        },
        {
          kind: "ActivityFailed",
          eventId: 7,
          sourceEventId: 4,
          failure: { ...failure, message: "b" },
        },
      ],
      report,
    );
    expect(output).toEqual({ kind: "completed", value: 2 });
  });

  test("starts with the key-values and the time that it is given", async () => {
    const { output } = await runTurn(
      [started],
      (ctx) => [ctx.kv.get("n"), ctx.utcNowMs(), ctx.kv.pruneUpdatedBefore(ctx.utcNow())],
      { keyValues: { n: 41 }, nowMs: 5_000 },
    );
    expect(output).toEqual({ kind: "completed", value: [41, 5_000, 1] });
  });

  const scheduled: TestEvent = {
    kind: "ActivityScheduled",
    eventId: 2,
    name: "Greet",
    input: "World",
  };
  const done = { kind: "ActivityCompleted", eventId: 3, sourceEventId: 2, result: "" };
  const failure = { category: "application", code: "x", name: "Error" };
  test.each([
    ["an entry that is none", [started, null], "entry 1 of the history is no event"],
    [
      "a misspelt kind",
      [started, scheduled, { ...done, kind: "ActivityComplete" }],
      'event 3 has the unknown kind "ActivityComplete"; did you mean "ActivityCompleted"?',
    ],
    [
      "a misspelt field",
      [started, scheduled, { kind: "ActivityFailed", eventId: 3, sourceEventId: 2, error: {} }],
      "event 3 (ActivityFailed) has the unknown field `error`; it may have kind, eventId, timestampMs, sourceEventId, failure",
    ],
    [
      "a field that is left out",
      [started, scheduled, { kind: "ActivityFailed", eventId: 3, sourceEventId: 2 }],
      "event 3 (ActivityFailed) has no `failure`",
    ],
    [
      "a failure without a message",
      [started, scheduled, { kind: "ActivityFailed", eventId: 3, sourceEventId: 2, failure }],
      "`failure` of event 3 (ActivityFailed) has no `message`",
    ],
    [
      "a field of another type",
      [started, { ...scheduled, name: 5 }],
      "`name` of event 2 (ActivityScheduled) is a value of type number; give a string",
    ],
    [
      "an event id twice",
      [started, { ...scheduled, eventId: 1 }],
      "event 1 (ActivityScheduled) follows event 1",
    ],
    ["no event id", [started, { kind: "TimerFired" }], "entry 1 of the history has no `eventId`"],
    ["another first event", [scheduled], "does not begin with OrchestrationStarted"],
    ["no event", [], "does not begin with OrchestrationStarted"],
    [
      "another orchestration's name",
      [{ ...started, name: "bye" }],
      'the history is of orchestration "bye", not of "hello"',
    ],
  ])("F45 refuses a history with %s", async (_, history, message) => {
    await expect(runTurn(history as TestEvent[], hello)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining(`Cannot run a turn: `) as string,
    });
    await expect(runTurn(history as TestEvent[], hello)).rejects.toThrow(message);
  });

  test("F45 refuses swapped arguments, and a definition of another kind", async () => {
    await expect(runTurn(hello as never, [started] as never)).rejects.toThrow(
      "Cannot run a turn: the orchestration is a value of type object; pass what defineOrchestration() returned",
    );
    await expect(runTurn(hello as never, hello)).rejects.toThrow(
      "the history is a value of type object; pass runTurn(history, orchestration)",
    );
    await expect(runTurn([started], greet as never)).rejects.toThrow(
      "the orchestration is a definition of kind activity",
    );
  });
});
