/**
 * Runs one turn of an orchestration without runtime and store, for unit tests.
 *
 * Events are numbered as in a real history: the first thing that the code schedules gets event id 2,
 * its completion, appended by the test, 3.
 */

import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";
import { jsonCodec } from "../foundation/json.ts";
import { OptionDoor } from "../foundation/option-values.ts";
import { PAYLOAD_BYTES_MAX } from "../foundation/limits.ts";
import { mapValues } from "../history/codec.ts";
import {
  isTerminal,
  type EncodedValue,
  type HistoryEvent,
  type RecordedEvent,
  type TerminalEvent,
} from "../history/event.ts";
import { CANCELED, type Failure } from "../history/failure.ts";
import type { OrchestrationContext } from "../orchestration/context.ts";
import { defineOrchestration, type OrchestrationDefinition } from "../orchestration/define.ts";
import { NondeterminismError } from "../orchestration/errors.ts";
import { isActionEvent, type ActionEvent } from "../replay/action.ts";
import { Execution } from "../replay/execution.ts";
import { GUARD_MODES, type GuardMode } from "../replay/guards.ts";
import { startTurn, type TurnResult } from "../replay/turn.ts";
import { guardNodeCrypto } from "../runtime/crypto-guards.ts";
import { assertOrchestration, assertTestHistory } from "./test-history.ts";

type Loose<E> = E extends HistoryEvent
  ? E extends { readonly kind: "OrchestrationStarted" }
    ? Partial<E> & Pick<E, "kind" | "eventId" | "name">
    : Omit<E, "timestampMs"> & { readonly timestampMs?: number }
  : never;

/** A history event as a test writes it: times, ids and seeds may be left out. */
export type TestEvent = Loose<HistoryEvent>;

/** What the code scheduled in this turn: the new schedule events. */
export type TestAction = HistoryEvent & { readonly kind: ActionEvent["kind"] };

/** How the orchestration ended, if it did. */
export type TestOutput<Out> =
  | { readonly kind: "completed"; readonly value: Out }
  | {
      readonly kind: "failed";
      readonly error: { readonly name: string; readonly message: string; readonly code: string };
    }
  | { readonly kind: "canceled"; readonly reason: string }
  | { readonly kind: "continuedAsNew"; readonly input: unknown };

export interface RunTurnResult<Out> {
  /** The given history and what this turn recorded; append completions and run again. */
  readonly history: HistoryEvent[];
  readonly actions: TestAction[];
  /** Undefined while the orchestration waits; of a finished history, how it ended. */
  readonly output: TestOutput<Out> | undefined;
}

export interface RunTurnOptions {
  /** @default "error" */
  readonly guards?: GuardMode;
  /**
   * Time of the turn in milliseconds since the Unix epoch: when the completions and arrivals at the
   * end of the history came in, as far as they name no time of their own.
   *
   * @default 0
   */
  readonly nowMs?: number;
  /** The key-value store at the start of the execution; written at time 0. @default empty */
  readonly keyValues?: Readonly<Record<string, unknown>>;
}

const RUN_TURN_OPTIONS: OptionNames<RunTurnOptions> = {
  guards: true,
  nowMs: true,
  keyValues: true,
};

const door = new OptionDoor("Cannot run a turn");

/**
 * Runs one turn.
 *
 * @param history - Begins with `OrchestrationStarted`; completions and arrivals at its end count as
 *   what this turn received
 * @param orchestration - A definition, or the function of one
 * @throws NondeterminismError when the code does not do what the history says
 * @throws UsageError `invalid_argument` for a history that no orchestration can have written, or that is
 *   of another one
 */
export async function runTurn<In, Out>(
  history: readonly TestEvent[],
  orchestration:
    | OrchestrationDefinition<In, Out>
    | ((ctx: OrchestrationContext, input: In) => Out | PromiseLike<Out>),
  options: RunTurnOptions = {},
): Promise<RunTurnResult<Out>> {
  assertKnownOptions(options, RUN_TURN_OPTIONS, "runTurn");
  const guards = door.oneOf("guards", options.guards ?? "error", GUARD_MODES);
  assertOrchestration(orchestration);
  const definition: OrchestrationDefinition<In, Out> =
    typeof orchestration === "function"
      ? defineOrchestration("test", orchestration)
      : orchestration;
  assertTestHistory(history, typeof orchestration === "function" ? undefined : definition.name);
  guardNodeCrypto();
  const nowMs = options.nowMs ?? 0;
  const recordedCount = history.findLastIndex((event) => !ARRIVALS.includes(event.kind)) + 1;
  const recorded = history.map((event, i) =>
    toRecorded({ timestampMs: i < recordedCount ? 0 : nowMs, ...event }, definition.name),
  );
  const execution = new Execution({
    definition,
    instanceId: instanceIdOf(recorded),
    codec: jsonCodec,
    guards,
    payloadBytesMax: PAYLOAD_BYTES_MAX,
    isExplaining: true,
    keyValues: new Map(
      Object.entries(options.keyValues ?? {}).map(([key, value]) => [
        key,
        { value: jsonCodec.encode(value, `key "${key}"`), updatedMs: 0 },
      ]),
    ),
  });
  const result = await new Promise<TurnResult>((resolve) => {
    startTurn(execution, { history: recorded, recordedCount, messages: [], nowMs }, resolve);
  });
  if (result.kind === "diverged") throw new NondeterminismError(result.divergence);
  const last = recorded.at(-1);
  const events = result.events.map((event) => mapValues(event, (value) => execution.decode(value)));
  return {
    history: [
      ...recorded.map((event) => mapValues(event, (value) => execution.decode(value))),
      ...events,
    ],
    actions: events.filter((_, i) =>
      isActionEvent(result.events[i] as RecordedEvent),
    ) as TestAction[],
    output:
      last !== undefined && isTerminal(last)
        ? toRecordedOutput(last, execution)
        : toOutput(result, execution),
  };
}

function toRecorded(event: TestEvent, name: string): RecordedEvent {
  const defaults =
    event.kind === "OrchestrationStarted"
      ? {
          version: "1.0.0",
          instanceId: "test-instance",
          executionId: 1,
          seed: "test-seed",
          name,
          input: undefined,
        }
      : {};
  const complete = { ...defaults, ...event } as HistoryEvent;
  return mapValues(complete, (value) => jsonCodec.encode(value, `event ${event.eventId}`));
}

function instanceIdOf(history: readonly RecordedEvent[]): string {
  const first = history[0];
  return first?.kind === "OrchestrationStarted" ? first.instanceId : "test-instance";
}

const ARRIVALS: readonly HistoryEvent["kind"][] = [
  "OrchestrationStarted",
  "ActivityCompleted",
  "ActivityFailed",
  "TimerFired",
  "ExternalEvent",
  "QueueMessage",
  "SubOrchestrationCompleted",
  "SubOrchestrationFailed",
  "OrchestrationCancelRequested",
];

/** How a history says that the execution ended. */
function toRecordedOutput<Out>(
  end: TerminalEvent<EncodedValue>,
  execution: Execution,
): TestOutput<Out> {
  switch (end.kind) {
    case "OrchestrationCompleted":
      return { kind: "completed", value: execution.decode(end.output) as Out };
    case "OrchestrationContinuedAsNew":
      return { kind: "continuedAsNew", input: execution.decode(end.input) };
    case "OrchestrationFailed":
      return end.failure.code === CANCELED
        ? { kind: "canceled", reason: end.failure.message }
        : toFailed(end.failure);
  }
}

function toFailed({ name, message, code }: Failure): TestOutput<never> {
  return { kind: "failed", error: { name, message, code } };
}

function toOutput<Out>(
  result: Extract<TurnResult, { kind: "concluded" }>,
  execution: Execution,
): TestOutput<Out> | undefined {
  const { outcome } = result;
  switch (outcome.kind) {
    case "running":
      return undefined;
    case "completed":
      return { kind: "completed", value: execution.decode(outcome.output) as Out };
    case "continuedAsNew":
      return { kind: "continuedAsNew", input: execution.decode(outcome.input) };
    case "canceled":
      return { kind: "canceled", reason: outcome.failure.message };
    case "failed":
      return toFailed(outcome.failure);
  }
}
