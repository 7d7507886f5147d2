/** Code against history: every row of semantics 6.2, including the silent ones (G6). */

import { describe, expect, test } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import type { Divergence } from "../../src/orchestration/errors.ts";
import {
  activityCompleted as done,
  divergenceOf,
  encode,
  historyOf,
  raised,
  replay,
  type Body,
} from "../support/story.ts";

type Ctx = OrchestrationContext;
type History = Parameters<typeof historyOf>;

const activity = (name = "A", input?: unknown): History[number] => ({
  kind: "ActivityScheduled",
  name,
  input: encode(input),
});
const completed = (sourceEventId: number, value?: unknown): History[number] => ({
  kind: "ActivityCompleted",
  sourceEventId,
  result: encode(value),
});
const timer = (fireAtMs = 2_000): History[number] => ({ kind: "TimerCreated", fireAtMs });
const fired = (sourceEventId: number): History[number] => ({
  kind: "TimerFired",
  sourceEventId,
  fireAtMs: 2_000,
});
const child = (name = "C", input?: unknown): History[number] => ({
  kind: "SubOrchestrationScheduled",
  name,
  input: encode(input),
  instanceId: "i::sub::2",
  isExplicitId: false,
});

interface Row {
  readonly name: string;
  readonly history: History;
  readonly code: Body;
  readonly expected: Partial<Divergence>;
}

const rows: readonly Row[] = [
  {
    name: "S052 a timer where history has an activity",
    history: [activity()],
    code: (ctx: Ctx) => ctx.scheduleTimer(5),
    expected: {
      eventId: 2,
      expected: 'ActivityScheduled "A" with nothing',
      actual: "TimerCreated",
    },
  },
  {
    name: "S052 an activity where history has a timer",
    history: [timer()],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: {
      eventId: 2,
      expected: "TimerCreated",
      actual: 'ActivityScheduled "A" with nothing',
    },
  },
  {
    name: "S052 another activity name",
    history: [activity("A")],
    code: (ctx: Ctx) => ctx.scheduleActivity("B"),
    expected: { eventId: 2, actual: 'ActivityScheduled "B" with nothing' },
  },
  {
    name: "S053 the same activity with another input",
    history: [activity("A", { cents: 1 })],
    code: (ctx: Ctx) => ctx.scheduleActivity("A", { cents: 2 }),
    expected: {
      eventId: 2,
      expected: 'ActivityScheduled "A" with {"cents":1}',
      actual: 'ActivityScheduled "A" with {"cents":2}',
    },
  },
  {
    name: "F21 S053 an input with one more member",
    history: [activity("A", { a: 1 })],
    code: (ctx: Ctx) => ctx.scheduleActivity("A", { a: 1, b: 2 }),
    expected: { eventId: 2 },
  },
  {
    name: "S054 an activity of another session",
    history: [{ kind: "ActivityScheduled", name: "A", input: undefined, sessionId: "s1" }],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: { eventId: 2 },
  },
  {
    name: "S054 an activity with another tag",
    history: [{ kind: "ActivityScheduled", name: "A", input: undefined, tag: "gpu" }],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: { eventId: 2 },
  },
  {
    name: "S056 another wait name",
    history: [{ kind: "ExternalSubscribed", name: "a" }],
    code: (ctx: Ctx) => ctx.scheduleWait("b"),
    expected: { eventId: 2, expected: 'ExternalSubscribed "a"', actual: 'ExternalSubscribed "b"' },
  },
  {
    name: "S057 another queue name",
    history: [{ kind: "QueueSubscribed", name: "a" }],
    code: (ctx: Ctx) => ctx.dequeueEvent("b"),
    expected: { eventId: 2, expected: 'QueueSubscribed "a"', actual: 'QueueSubscribed "b"' },
  },
  {
    name: "S058 a child of another name",
    history: [child("C")],
    code: (ctx: Ctx) => ctx.scheduleSubOrchestration("D"),
    expected: { eventId: 2 },
  },
  {
    name: "S058 a child with another input",
    history: [child("C", 1)],
    code: (ctx: Ctx) => ctx.scheduleSubOrchestration("C", 2),
    expected: { eventId: 2 },
  },
  {
    name: "S058 a child with a chosen id where history generated one",
    history: [child("C")],
    code: (ctx: Ctx) => ctx.scheduleSubOrchestration("C", undefined, { instanceId: "mine" }),
    expected: { eventId: 2 },
  },
  {
    name: "semantics 6.2: a detached start of another instance",
    history: [{ kind: "OrchestrationChained", name: "D", instanceId: "x", input: undefined }],
    code: async (ctx: Ctx) => {
      ctx.scheduleOrchestration("D", "y");
      await ctx.scheduleTimer(1);
    },
    expected: { eventId: 2 },
  },
  {
    name: "S060 nothing where history has a schedule",
    history: [activity("A"), activity("B")],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: {
      eventId: 3,
      expected: 'ActivityScheduled "B" with nothing',
      actual: "nothing more",
    },
  },
  {
    name: "S060 a function that ends where history has a schedule",
    history: [activity("A")],
    code: () => "done",
    expected: { eventId: 2, actual: "nothing more: the function had ended, it returned a string" },
  },
  {
    name: "S061 a duplicated schedule event",
    history: [activity("A"), { ...activity("A"), eventId: 2 }],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: { eventId: 2, actual: "nothing more" },
  },
  {
    name: "S064 a timer that fired for an unknown id",
    history: [activity(), fired(9)],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: { eventId: 3, actual: "no schedule" },
  },
  {
    name: "S065 a child result for an unknown id",
    history: [
      activity(),
      { kind: "SubOrchestrationCompleted", sourceEventId: 9, result: undefined },
    ],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: { eventId: 3, actual: "no schedule" },
  },
  {
    name: "semantics 6.2: a completion before its schedule",
    history: [completed(3), activity("A")],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: { eventId: 2, actual: "no schedule" },
  },
  {
    name: "S066 an activity result for a timer",
    history: [timer(), completed(2)],
    code: (ctx: Ctx) => ctx.scheduleTimer(1),
    expected: { eventId: 3, actual: "a schedule of kind timer" },
  },
  {
    name: "S066 a fired timer for a child",
    history: [child(), fired(2)],
    code: (ctx: Ctx) => ctx.scheduleSubOrchestration("C"),
    expected: { eventId: 3, actual: "a schedule of kind subOrchestration" },
  },
  {
    name: "S066 a child result for an activity",
    history: [
      activity(),
      { kind: "SubOrchestrationCompleted", sourceEventId: 2, result: undefined },
    ],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: { eventId: 3, actual: "a schedule of kind activity" },
  },
  {
    name: "S066 a child result for a timer",
    history: [timer(), { kind: "SubOrchestrationCompleted", sourceEventId: 2, result: undefined }],
    code: (ctx: Ctx) => ctx.scheduleTimer(1),
    expected: { eventId: 3, actual: "a schedule of kind timer" },
  },
  {
    name: "S068 two completions of one activity",
    history: [activity(), timer(), completed(2), completed(2)],
    code: (ctx: Ctx) => Promise.all([ctx.scheduleActivity("A"), ctx.scheduleTimer(1)]),
    expected: { eventId: 5, actual: "a completion already" },
  },
  {
    name: "S068 two firings of one timer",
    history: [timer(), activity(), fired(2), fired(2)],
    code: (ctx: Ctx) => Promise.all([ctx.scheduleTimer(1), ctx.scheduleActivity("A")]),
    expected: { eventId: 5, actual: "a completion already" },
  },
  {
    name: "S068 two results of one child, of different kinds",
    history: [
      child(),
      activity(),
      { kind: "SubOrchestrationCompleted", sourceEventId: 2, result: undefined },
      {
        kind: "SubOrchestrationFailed",
        sourceEventId: 2,
        failure: { category: "application", code: "x", name: "E", message: "m" },
      },
    ],
    code: (ctx: Ctx) => Promise.all([ctx.scheduleSubOrchestration("C"), ctx.scheduleActivity("A")]),
    expected: { eventId: 5, actual: "a completion already" },
  },
  {
    name: "semantics 6.2: a recorded drop that the code no longer drops",
    history: [
      activity(),
      timer(),
      fired(3),
      { kind: "ActivityCancelRequested", sourceEventId: 2, reason: "dropped_future" },
    ],
    code: (ctx: Ctx) => Promise.all([ctx.scheduleActivity("A"), ctx.scheduleTimer(1)]),
    expected: {
      eventId: 5,
      expected: "ActivityCancelRequested of event 2",
      actual: "no such cancellation",
    },
  },
  {
    name: "R13 a recorded status that the code no longer sets, with nothing else pending",
    history: [{ kind: "CustomStatusUpdated", status: encode("half") }, activity()],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: { eventId: 2, expected: 'CustomStatusUpdated to "half"' },
  },
  {
    name: "S076 a removed KV set, also when no other action is pending",
    history: [activity(), { kind: "KeyValueSet", key: "k", value: encode(1) }],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: { eventId: 3, expected: 'KeyValueSet "k" to 1', actual: "nothing more" },
  },
  {
    name: "S073 a KV set with another key",
    history: [{ kind: "KeyValueSet", key: "k", value: encode(1) }, activity()],
    code: (ctx: Ctx) => {
      ctx.kv.set("other", 1);
      return ctx.scheduleActivity("A");
    },
    expected: { eventId: 2, actual: 'KeyValueSet "other" to 1' },
  },
  {
    name: "S073 a KV set with another value",
    history: [{ kind: "KeyValueSet", key: "k", value: encode(1) }, activity()],
    code: (ctx: Ctx) => {
      ctx.kv.set("k", 2);
      return ctx.scheduleActivity("A");
    },
    expected: { eventId: 2, actual: 'KeyValueSet "k" to 2' },
  },
  {
    name: "semantics 6.2: a KV delete of another key",
    history: [{ kind: "KeyValueCleared", key: "k" }, activity()],
    code: (ctx: Ctx) => {
      ctx.kv.delete("other");
      return ctx.scheduleActivity("A");
    },
    expected: { eventId: 2, actual: 'KeyValueCleared "other"' },
  },
  {
    name: "R13 a function that returns in the middle of recorded history",
    history: [activity("A"), activity("B"), completed(2), completed(3)],
    code: async (ctx: Ctx) => {
      const a = ctx.scheduleActivity("A");
      ctx.scheduleActivity("B");
      await a;
      return "early";
    },
    expected: { eventId: 4, actual: "an end: it returned a string" },
  },
  {
    name: "R13 a function that returns at the last recorded event",
    history: [activity("A"), activity("B"), completed(2)],
    code: async (ctx: Ctx) => {
      const a = ctx.scheduleActivity("A");
      ctx.scheduleActivity("B");
      await a;
      return "early";
    },
    expected: { eventId: 4, actual: "an end: it returned a string" },
  },
  {
    name: "R13 a returned value that differs from the recorded one",
    history: [{ kind: "OrchestrationCompleted", output: encode("old") }],
    code: () => "new",
    expected: {
      eventId: 2,
      expected: 'OrchestrationCompleted with "old"',
      actual: "returned a string",
    },
  },
  {
    name: "R13 a failure where history has a result",
    history: [{ kind: "OrchestrationCompleted", output: encode("old") }],
    code: () => {
      throw new RangeError("new");
    },
    expected: { eventId: 2, actual: "threw RangeError: new" },
  },
  {
    name: "R13 a function that goes on where history ends",
    history: [{ kind: "OrchestrationCompleted", output: undefined }],
    code: (ctx: Ctx) => ctx.scheduleActivity("A"),
    expected: { eventId: 2, actual: 'ActivityScheduled "A" with nothing' },
  },
  {
    name: "R13 an extra action before the recorded end",
    history: [{ kind: "OrchestrationCompleted", output: encode("same") }],
    code: (ctx: Ctx) => {
      ctx.setCustomStatus("extra");
      return "same";
    },
    expected: { eventId: 2, actual: 'CustomStatusUpdated to "extra"' },
  },
  {
    name: "R13 a continue-as-new with another input",
    history: [{ kind: "OrchestrationContinuedAsNew", input: encode(1) }],
    code: (ctx: Ctx) => ctx.continueAsNew(2),
    expected: { eventId: 2, actual: "continued as new" },
  },
];

describe("S052-S078 G6 a divergence", () => {
  test.each(rows)("$name", async ({ history, code, expected }) => {
    const divergence = await divergenceOf(code, historyOf(...history));
    expect(divergence).toMatchObject({ code: "nondeterminism", ...expected });
    expect(divergence.message).toMatch(/^Cannot replay .+; .+/);
  });

  test("G6 names event, both sides, the nearest line of user code, and what to do", async () => {
    const divergence = await divergenceOf(
      (ctx: Ctx) => ctx.scheduleActivity("B"),
      historyOf(activity("A")),
      [],
      { isExplaining: true },
    );
    expect(divergence.source).toMatch(/nondeterminism\.test\.ts:\d+:\d+/);
    expect(
      divergence.message.replace(/ \([^)]*test\.ts[^)]*\)+/, " (<line>)"),
    ).toMatchInlineSnapshot(
      `"Cannot replay "i": at event 2 history has ActivityScheduled "A" with nothing, but the code did ActivityScheduled "B" with nothing (<line>); restore the code that wrote this history, or register the change as a new version; if the code has not changed, it depends on something else than its input and history: a variable outside of the function, an object that was changed after it was passed, the environment"`,
    );
  });

  test("a divergence consumes nothing and shows nothing of the turn", async () => {
    const result = await replay((ctx: Ctx) => ctx.scheduleTimer(5), historyOf(activity()), [
      raised("ev"),
    ]);
    expect(Object.keys(result).sort()).toEqual(["divergence", "kind"]);
  });
});

describe("what is accepted", () => {
  test("S062 a timer with another delay: the recorded time counts", async () => {
    const result = await replay(
      async (ctx: Ctx) => {
        await ctx.select([ctx.scheduleTimer("9h"), ctx.scheduleActivity("A")]);
      },
      historyOf(timer(2_000), activity("A")),
      [done(3)],
    );
    expect(result).toMatchObject({
      kind: "concluded",
      timers: [],
      cancelledTimers: [{ eventId: 2, fireAtMs: 2_000 }],
    });
  });

  test("S072 a recorded drop, the same drop and a new one", async () => {
    const result = await replay(
      async (ctx: Ctx) => {
        await ctx.select([
          ctx.scheduleActivity("A"),
          ctx.scheduleActivity("B"),
          ctx.scheduleTimer(1),
        ]);
        await ctx.scheduleWait("ev");
      },
      historyOf(
        activity("A"),
        activity("B"),
        timer(),
        fired(4),
        { kind: "ExternalSubscribed", name: "ev" },
        { kind: "ActivityCancelRequested", sourceEventId: 2, reason: "dropped_future" },
      ),
      [raised("ev")],
    );
    expect(result).toMatchObject({ kind: "concluded", cancelledActivities: [3] });
  });

  test("S073 a KV set that differs in its time only", async () => {
    const result = await replay(
      async (ctx: Ctx) => {
        ctx.kv.set("k", 1);
        await ctx.scheduleWait("ev");
        return ctx.kv.get("k");
      },
      historyOf(
        { kind: "KeyValueSet", key: "k", value: encode(1) },
        { kind: "ExternalSubscribed", name: "ev" },
      ),
      [raised("ev")],
    );
    expect(result).toMatchObject({ kind: "concluded", keyValues: undefined });
  });

  test("S074 another status text", async () => {
    const result = await replay(
      async (ctx: Ctx) => {
        ctx.setCustomStatus("new words");
        await ctx.scheduleWait("ev");
      },
      historyOf(
        { kind: "CustomStatusUpdated", status: encode("old words") },
        { kind: "ExternalSubscribed", name: "ev" },
      ),
      [raised("ev")],
    );
    expect(result).toMatchObject({ kind: "concluded", customStatus: undefined });
  });

  test("semantics 6.2: a child with another version or generated id, and extra trailing actions", async () => {
    const result = await replay(
      async (ctx: Ctx) => {
        await Promise.all([
          ctx.scheduleSubOrchestration("C", undefined, { version: "2.0.0" }),
          ctx.scheduleActivity("Extra"),
        ]);
      },
      historyOf(child("C")),
    );
    expect(result).toMatchObject({
      kind: "concluded",
      activities: [{ eventId: 3, name: "Extra" }],
      children: [],
    });
  });

  test("S042 a history with gaps in its ids, and new ids after the highest", async () => {
    const result = await replay(
      async (ctx: Ctx) => {
        await ctx.scheduleActivity("A");
        await ctx.scheduleActivity("B");
      },
      historyOf({ ...activity("A"), eventId: 7 }, { ...completed(7), eventId: 40 }),
    );
    expect(result).toMatchObject({ kind: "concluded", activities: [{ eventId: 41, name: "B" }] });
  });

  test("S070 a finished history takes nothing, also when the code drops something more today", async () => {
    const result = await replay(
      (ctx: Ctx) => ctx.scheduleTimer(1).cancel(),
      historyOf(timer(), { kind: "OrchestrationCompleted", output: undefined }),
    );
    expect(result).toMatchObject({ kind: "concluded", events: [], cancelledTimers: [] });
  });

  test("S070 a finished history takes nothing: nothing is recorded, nothing is caused", async () => {
    const history = historyOf(activity("A"), completed(2, "a"), {
      kind: "OrchestrationCompleted",
      output: encode("a"),
    });
    const result = await replay((ctx: Ctx) => ctx.scheduleActivity("A"), history);
    expect(result).toMatchObject({ kind: "concluded", events: [], outcome: { kind: "running" } });
  });
});

describe("corrupted histories", () => {
  test.each([
    ["S069 empty, and nothing starts it", [], "it is empty"],
    ["S069 not beginning with started", historyOf(activity()).slice(1), "it begins with Activity"],
    [
      "two starts",
      [...historyOf(activity()), { ...historyOf()[0]!, eventId: 3 }],
      "it has two OrchestrationStarted",
    ],
  ])("%s", async (_name, history, text) => {
    const divergence = await divergenceOf((ctx: Ctx) => ctx.scheduleActivity("A"), history);
    expect(divergence.code).toBe("history_corrupt");
    expect(divergence.message).toContain(`corrupted history, ${text}`);
  });

  test("a value that the codec cannot read condemns the turn, whatever the code makes of it", async () => {
    const divergence = await divergenceOf(
      async (ctx: Ctx) => {
        try {
          return await ctx.scheduleActivity("A");
        } catch {
          return "caught";
        }
      },
      historyOf(activity("A"), { kind: "ActivityCompleted", sourceEventId: 2, result: "{oops" }),
    );
    expect(divergence).toMatchObject({ code: "history_corrupt", eventId: 3 });
  });

  test("an event id that no history can reach is refused before memory is spent on it", async () => {
    const divergence = await divergenceOf(
      (ctx: Ctx) => ctx.scheduleActivity("A"),
      historyOf({ ...activity("A"), eventId: 2 ** 31 }),
    );
    expect(divergence.code).toBe("history_corrupt");
  });
});

describe("S077 nondeterministic branching", () => {
  test("S077 a random branch that goes the other way on replay is named with both sides", async () => {
    let flip = true;
    const code = async (ctx: Ctx) => {
      const goesLeft = flip;
      flip = false;
      await (goesLeft ? ctx.scheduleActivity("Left") : ctx.scheduleActivity("Right"));
    };
    const first = await replay(
      code,
      [],
      [{ kind: "start", name: "test", input: undefined, seed: "s" }],
    );
    if (first.kind !== "concluded") throw new Error("the first turn must conclude");
    const divergence = await divergenceOf(code, first.events, [done(2)]);
    expect(divergence).toMatchObject({
      eventId: 2,
      expected: 'ActivityScheduled "Left" with nothing',
      actual: 'ActivityScheduled "Right" with nothing',
    });
  });
});
