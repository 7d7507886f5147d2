import { describe, expect, test } from "vitest";

import { decodeEvents } from "../history/codec.ts";
import type { RecordedEvent } from "../history/event.ts";
import type { Failure } from "../history/failure.ts";
import { decodeActivityRequest, decodeMessage } from "../history/message.ts";
import type { TurnConclusion } from "../replay/conclusion.ts";
import { effectBytes, toEffects, type TurnSubject } from "./turn-effects.ts";

const PARENT = { instanceId: "p", executionId: 3, eventId: 7 };
const FAILURE: Failure = { category: "application", code: "c", name: "E", message: "m" };
const SUBJECT: TurnSubject = {
  instanceId: "i",
  executionId: 2,
  name: "Task",
  version: "1.2.0",
  seed: "seed-of-2",
  runId: "run-of-i",
  parent: undefined,
  nowMs: 2_000,
  startedMs: 1_000,
};
const NOTHING: TurnConclusion = {
  outcome: { kind: "running" },
  events: [],
  activities: [],
  cancelledActivities: [],
  timers: [],
  cancelledTimers: [],
  children: [],
  cancelledChildren: [],
  detached: [],
  customStatus: undefined,
  keyValues: undefined,
  traces: [],
};
const STARTED: RecordedEvent = {
  kind: "OrchestrationStarted",
  eventId: 1,
  timestampMs: 2_000,
  name: "Task",
  version: "1.2.0",
  input: "1",
  instanceId: "i",
  executionId: 2,
  seed: "seed-of-2",
};

function effectsOf(
  conclusion: Partial<TurnConclusion>,
  subject: Partial<TurnSubject> = {},
  claims: readonly boolean[] = [],
): ReturnType<typeof toEffects> {
  const options = { claims, nextSeed: () => "seed-of-3" };
  return toEffects({ ...SUBJECT, ...subject }, { ...NOTHING, ...conclusion }, options);
}

describe("toEffects()", () => {
  test("a turn that decided nothing writes nothing", () => {
    expect(effectsOf({})).toEqual({
      executionId: 2,
      history: [],
      newActivities: [],
      cancelledActivities: [],
      newTimers: [],
      cancelledTimers: [],
      starts: [],
      messages: [],
    });
  });

  test("the events of a turn are one row", () => {
    const fired: RecordedEvent = {
      kind: "TimerFired",
      eventId: 4,
      timestampMs: 2_000,
      sourceEventId: 2,
      fireAtMs: 5,
    };
    const { history, change } = effectsOf({ events: [STARTED, fired] });
    expect(history).toMatchObject([
      { executionId: 2, firstEventId: 1, lastEventId: 4, eventCount: 2, timestampMs: 2_000 },
    ]);
    expect(history.flatMap((row) => decodeEvents(row))).toEqual([STARTED, fired]);
    expect(effectBytes(effectsOf({ events: [STARTED, fired] }))).toBe(history[0]?.data.length);
    expect(change).toEqual({ name: "Task", version: "1.2.0", status: "Running" });
  });

  test.each([
    [
      { kind: "completed", output: "7" },
      { status: "Completed", output: "7" },
    ],
    [
      { kind: "failed", failure: FAILURE },
      { status: "Failed", failure: FAILURE },
    ],
    [
      { kind: "canceled", failure: FAILURE },
      { status: "Canceled", failure: FAILURE },
    ],
  ] as const)("the end %j changes the status", (outcome, change) => {
    expect(effectsOf({ outcome }).change).toEqual(change);
  });

  test("continue-as-new ends the execution and begins the next", () => {
    const { change, continued } = effectsOf(
      {
        outcome: {
          kind: "continuedAsNew",
          input: "8",
          version: "2.0.0",
          carried: [{ name: "Q", data: "1" }],
          customStatus: '"s"',
        },
      },
      { parent: PARENT },
    );
    expect(change).toEqual({ version: "2.0.0" });
    expect(continued).toMatchObject({ executionId: 2, output: "8", startedMs: 1_000 });
    expect(decodeMessage(continued?.body ?? "")).toEqual({
      kind: "continueAsNew",
      executionId: 3,
      name: "Task",
      version: "2.0.0",
      input: "8",
      seed: "seed-of-3",
      parent: PARENT,
      carried: [{ name: "Q", data: "1" }],
      customStatus: '"s"',
      atMs: 2_000,
    });
  });

  test("activities carry what a worker needs, and whether the node takes them", () => {
    const activities = [
      { eventId: 2, name: "A", input: "1" },
      { eventId: 3, name: "B", input: undefined },
    ];
    const { newActivities } = effectsOf({ activities }, {}, [true]);
    expect(newActivities).toMatchObject([
      { activityId: 2, name: "A", isClaimed: true },
      { activityId: 3, name: "B", isClaimed: false },
    ]);
    expect(decodeActivityRequest(newActivities[0]?.body ?? "")).toEqual({
      orchestrationName: "Task",
      orchestrationVersion: "1.2.0",
      seed: "seed-of-2",
      input: "1",
    });
  });

  test("timers and what is cancelled belong to the execution", () => {
    const effects = effectsOf({
      cancelledActivities: [4],
      timers: [{ eventId: 5, fireAtMs: 9 }],
      cancelledTimers: [{ eventId: 6, fireAtMs: 10 }],
    });
    expect(effects).toMatchObject({
      cancelledActivities: [{ executionId: 2, activityId: 4 }],
      newTimers: [{ executionId: 2, eventId: 5, fireAtMs: 9 }],
      cancelledTimers: [{ executionId: 2, eventId: 6, fireAtMs: 10 }],
    });
  });

  const call = { eventId: 5, name: "Child", instanceId: "c", input: "1", version: undefined };

  test("a child's start says which call of which run made it, also when it is refused", () => {
    const { starts } = effectsOf({ children: [call] });
    const parent = { instanceId: "i", executionId: 2, eventId: 5, runId: "run-of-i" };
    expect(starts).toMatchObject([
      { instanceId: "c", name: "Child", runId: "seed-of-2/5", parent, idReuse: "reject" },
    ]);
    expect(decodeMessage(starts[0]?.body ?? "")).toMatchObject({ seed: "seed-of-2/5", parent });
    expect(starts[0]?.onConflict).toMatchObject({ instanceId: "i", runId: "run-of-i" });
    expect(decodeMessage(starts[0]?.onConflict?.body ?? "")).toMatchObject({
      kind: "childFailed",
      executionId: 2,
      sourceEventId: 5,
      failure: { code: "instance_already_exists" },
    });
  });

  test("a detached start has no parent and nobody to tell", () => {
    const { starts } = effectsOf({ detached: [call] });
    expect(starts).toMatchObject([{ instanceId: "c", runId: "seed-of-2/5" }]);
    expect(starts[0]?.parent).toBeUndefined();
    expect(starts[0]?.onConflict).toBeUndefined();
  });

  test("a cancel reaches the child of its call, and not who has its id by now", () => {
    const cancelledChildren = [{ eventId: 5, instanceId: "c", reason: "enough" }];
    const [start] = effectsOf({ children: [call] }).starts;
    const [cancel] = effectsOf({ cancelledChildren }).messages;
    expect(cancel).toMatchObject({ instanceId: "c", runId: start?.runId });
    expect(decodeMessage(cancel?.body ?? "")).toEqual({ kind: "cancel", reason: "enough" });
    // Whose history cannot be read does not know the run.
    expect(effectsOf({ cancelledChildren }, { seed: "" }).messages[0]?.runId).toBeUndefined();
  });

  test.each([
    [
      { kind: "completed", output: "7" },
      { kind: "childCompleted", result: "7" },
    ],
    [
      { kind: "failed", failure: FAILURE },
      { kind: "childFailed", failure: FAILURE },
    ],
    [
      { kind: "canceled", failure: FAILURE },
      { kind: "childFailed", failure: FAILURE },
    ],
  ] as const)("the end %j is told to the parent's run that called", (outcome, told) => {
    const parent = { ...PARENT, runId: "run-of-p" };
    const { messages } = effectsOf({ outcome }, { parent });
    expect(messages).toMatchObject([{ instanceId: "p", runId: "run-of-p" }]);
    expect(decodeMessage(messages[0]?.body ?? "")).toEqual({
      executionId: 3,
      sourceEventId: 7,
      ...told,
    });
    expect(effectsOf({ outcome }).messages).toEqual([]);
  });

  test("a child of an old history, which does not know its parent's run, still tells it", () => {
    const outcome = { kind: "completed", output: "7" } as const;
    const { messages } = effectsOf({ outcome }, { parent: PARENT });
    expect(messages).toHaveLength(1);
    expect(messages[0]?.runId).toBeUndefined();
  });
});
