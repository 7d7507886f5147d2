/**
 * Drives an orchestration turn by turn without runtime and store, and proves at every turn that the
 * resident execution and a cold replay of the recorded history decide the same.
 */

import { expect } from "vitest";

import { jsonCodec } from "../../src/foundation/json.ts";
import { PAYLOAD_BYTES_MAX } from "../../src/foundation/limits.ts";
import type { EncodedValue, RecordedEvent } from "../../src/history/event.ts";
import { toFailure, type Failure } from "../../src/history/failure.ts";
import type { InstanceMessage } from "../../src/history/message.ts";
import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import {
  defineOrchestration,
  type OrchestrationDefinition,
} from "../../src/orchestration/define.ts";
import { NondeterminismError, type Divergence } from "../../src/orchestration/errors.ts";
import { Execution, type ExecutionOptions } from "../../src/replay/execution.ts";
import { startTurn, type TurnInput, type TurnResult } from "../../src/replay/turn.ts";

export type Concluded = Extract<TurnResult, { kind: "concluded" }>;

export type Body = (ctx: OrchestrationContext, input: never) => unknown;

export type StoryOptions = Partial<Omit<ExecutionOptions, "definition">> & {
  readonly seed?: string;
  readonly executionId?: number;
  /** Skips the comparison with a cold replay, for programs that are not deterministic on purpose. */
  readonly isHotOnly?: boolean;
};

export function createExecution(
  orchestration: Body | OrchestrationDefinition,
  options: Partial<Omit<ExecutionOptions, "definition">> = {},
): Execution {
  return new Execution({
    definition:
      typeof orchestration === "function"
        ? defineOrchestration("test", orchestration as (ctx: OrchestrationContext) => unknown)
        : orchestration,
    instanceId: "i",
    codec: jsonCodec,
    guards: "error",
    payloadBytesMax: PAYLOAD_BYTES_MAX,
    ...options,
  });
}

export function runOneTurn(execution: Execution, input: TurnInput): Promise<TurnResult> {
  return new Promise((resolve) => {
    startTurn(execution, input, resolve);
  });
}

/** Replays a history as recorded, with messages on top. */
export async function replay(
  orchestration: Body | OrchestrationDefinition,
  history: readonly RecordedEvent[],
  messages: readonly InstanceMessage[] = [],
  options: StoryOptions = {},
): Promise<TurnResult> {
  const nowMs = history.at(-1)?.timestampMs ?? 0;
  return runOneTurn(createExecution(orchestration, options), { history, messages, nowMs });
}

/** Replays and gives the divergence that must come of it. */
export async function divergenceOf(
  orchestration: Body | OrchestrationDefinition,
  history: readonly RecordedEvent[],
  messages: readonly InstanceMessage[] = [],
  options: StoryOptions = {},
): Promise<Divergence> {
  const result = await replay(orchestration, history, messages, options);
  if (result.kind === "concluded") {
    throw new Error(`concluded instead: ${tell(result.events)} -> ${result.outcome.kind}`);
  }
  return result.divergence;
}

export class Story {
  /** Everything recorded so far. */
  readonly history: RecordedEvent[] = [];
  /** What {@link tell} says of each turn. */
  readonly turns: string[] = [];
  readonly execution: Execution;
  nowMs = 1_000;
  readonly #orchestration: Body | OrchestrationDefinition;
  readonly #options: StoryOptions;

  constructor(orchestration: Body | OrchestrationDefinition, options: StoryOptions = {}) {
    this.#orchestration = orchestration;
    this.#options = options;
    this.execution = createExecution(orchestration, options);
  }

  /** The whole history in the notation of the worked examples: a bar separates turns. */
  get told(): string {
    return this.turns.join(" | ");
  }

  /** The first turn. */
  start(input?: unknown, ...more: InstanceMessage[]): Promise<Concluded> {
    return this.turn(this.startMessage(input), ...more);
  }

  startMessage(input?: unknown): InstanceMessage {
    const { executionId = 1, seed = "seed" } = this.#options;
    const common = { name: "test", input: encode(input), seed } as const;
    if (executionId === 1) return { kind: "start", ...common };
    return { kind: "continueAsNew", ...common, executionId, carried: [], customStatus: undefined };
  }

  /** Runs a turn on the resident execution and, for comparison, on a fresh one. */
  async turn(...messages: InstanceMessage[]): Promise<Concluded> {
    this.nowMs += 10;
    const { nowMs } = this;
    const hot = await runOneTurn(this.execution, { history: [], messages, nowMs });
    if (this.#options.isHotOnly !== true) {
      const cold = await runOneTurn(createExecution(this.#orchestration, this.#options), {
        history: [...this.history],
        messages,
        nowMs,
      });
      expect(withoutStacks(cold)).toEqual(withoutStacks(hot));
    }
    if (hot.kind === "diverged") throw new NondeterminismError(hot.divergence);
    this.history.push(...hot.events);
    this.turns.push(tell(hot.events));
    if (this.#options.isHotOnly !== true) await this.#expectQuietReplay(hot);
    return hot;
  }

  /** Replaying what has just been recorded causes nothing. */
  async #expectQuietReplay(hot: Concluded): Promise<void> {
    const again = await replay(this.#orchestration, this.history, [], this.#options);
    if (again.kind === "diverged") throw new NondeterminismError(again.divergence);
    const { events, activities, timers, children, detached, traces } = again;
    const { cancelledActivities, cancelledTimers, cancelledChildren, customStatus } = again;
    expect({ events, activities, timers, children, detached, traces, customStatus }).toEqual({
      events: [],
      activities: [],
      timers: [],
      children: [],
      detached: [],
      traces: [],
      customStatus: undefined,
    });
    expect([cancelledActivities, cancelledTimers, cancelledChildren]).toEqual([[], [], []]);
    expect(again.outcome.kind).toBe("running");
    if (hot.outcome.kind === "running") expect(again.dropped).toEqual([]);
  }
}

/** Runs one story: each entry of `batches` is one turn. */
export async function play(
  orchestration: Body | OrchestrationDefinition,
  batches: readonly (readonly InstanceMessage[])[] = [],
  options: StoryOptions & { readonly input?: unknown } = {},
): Promise<{ readonly story: Story; readonly last: Concluded; readonly output: unknown }> {
  const { input, ...rest } = options;
  const story = new Story(orchestration, rest);
  let last = await story.start(input);
  for (const batch of batches) last = await story.turn(...batch);
  return { story, last, output: outputOf(last) };
}

/** The output of a completed turn; the outcome of any other. */
export function outputOf(result: Concluded): unknown {
  const { outcome } = result;
  if (outcome.kind === "completed") return decode(outcome.output);
  if (outcome.kind === "running") return "running";
  if (outcome.kind === "continuedAsNew") return { continuedAsNew: decode(outcome.input) };
  return { [outcome.kind]: outcome.failure.message };
}

export const encode = (value: unknown): EncodedValue =>
  value === undefined ? undefined : jsonCodec.encode(value, "a test value");
export const decode = (value: EncodedValue): unknown =>
  value === undefined ? undefined : jsonCodec.decode(value);

export const activityCompleted = (sourceEventId: number, result?: unknown): InstanceMessage => ({
  kind: "activityCompleted",
  executionId: 1,
  sourceEventId,
  result: encode(result),
});
export const activityFailed = (
  sourceEventId: number,
  error: unknown = new Error("boom"),
  category: Failure["category"] = "application",
): InstanceMessage => ({
  kind: "activityFailed",
  executionId: 1,
  sourceEventId,
  failure: toFailure(error, "activity_failed", category),
  attempt: 1,
});
export const timerFired = (sourceEventId: number): InstanceMessage => ({
  kind: "timerFired",
  executionId: 1,
  sourceEventId,
  fireAtMs: 0,
});
export const childCompleted = (sourceEventId: number, result?: unknown): InstanceMessage => ({
  kind: "childCompleted",
  executionId: 1,
  sourceEventId,
  result: encode(result),
});
export const childFailed = (
  sourceEventId: number,
  failure?: Partial<Failure>,
): InstanceMessage => ({
  kind: "childFailed",
  executionId: 1,
  sourceEventId,
  failure: { ...toFailure(new Error("child broke"), "orchestration_failed"), ...failure },
});
export const raised = (name: string, data?: unknown): InstanceMessage => ({
  kind: "eventRaised",
  name,
  data: encode(data),
});
export const sent = (name: string, data?: unknown): InstanceMessage => ({
  kind: "queueMessage",
  name,
  data: encode(data),
});
export const cancelled = (reason = "enough"): InstanceMessage => ({ kind: "cancel", reason });

/** Such as `1 OrchestrationStarted, 2 ActivityScheduled A, 3 ActivityCompleted(2)`. */
export function tell(events: readonly RecordedEvent[]): string {
  return events
    .map((event) => {
      const source = "sourceEventId" in event ? `(${event.sourceEventId})` : "";
      const name = "name" in event && event.kind !== "OrchestrationStarted" ? ` ${event.name}` : "";
      const reason = "reason" in event ? ` ${event.reason}` : "";
      return `${event.eventId} ${event.kind}${source}${name}${reason}`;
    })
    .join(", ");
}

/** Stacks name the engine's own frames, which differ between a resident turn and a replay. */
function withoutStacks(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, item: unknown) =>
      key === "stack" || key === "source" ? undefined : item,
    ),
  );
}

type Draft<E> = E extends RecordedEvent
  ? Omit<E, "eventId" | "timestampMs"> & { readonly eventId?: number }
  : never;

/** Builds a recorded history: ids count from 1, `OrchestrationStarted` comes first by itself. */
export function historyOf(...drafts: Draft<RecordedEvent>[]): RecordedEvent[] {
  const started: Draft<RecordedEvent> = {
    kind: "OrchestrationStarted",
    name: "test",
    version: "1.0.0",
    input: undefined,
    instanceId: "i",
    executionId: 1,
    seed: "seed",
  };
  let eventId = 0;
  return [started, ...drafts].map((draft) => {
    eventId = draft.eventId ?? eventId + 1;
    return { ...draft, eventId, timestampMs: 1_000 };
  });
}
