/** Checks at the door of `runTurn` what a test wrote by hand: a history that says nothing would pass any code. */

import { UsageError } from "../foundation/errors.ts";
import { nearestOf } from "../foundation/nearest.ts";
import type { EventKind, HistoryEvent } from "../history/event.ts";

/** What a field holds; with `?` it may be left out. */
type Holds =
  | "text"
  | "text?"
  | "number"
  | "number?"
  | "boolean"
  | "boolean?"
  | "object?"
  | "failure"
  | "value?";

type Fields = Readonly<Record<string, Holds>>;
type FieldsOf<Kind extends EventKind> = Readonly<
  Record<
    Exclude<keyof Extract<HistoryEvent, { kind: Kind }>, "kind" | "eventId" | "timestampMs">,
    Holds
  >
>;

const CANCELLATION = { sourceEventId: "number", reason: "text" } as const;
const FIELDS: { readonly [Kind in EventKind]: FieldsOf<Kind> } = {
  OrchestrationStarted: {
    name: "text",
    version: "text?",
    input: "value?",
    instanceId: "text?",
    executionId: "number?",
    seed: "text?",
    parent: "object?",
    customStatus: "value?",
  },
  OrchestrationCompleted: { output: "value?" },
  OrchestrationFailed: { failure: "failure" },
  OrchestrationContinuedAsNew: { input: "value?", version: "text?" },
  OrchestrationCancelRequested: { reason: "text" },
  ActivityScheduled: { name: "text", input: "value?", sessionId: "text?", tag: "text?" },
  ActivityCompleted: { sourceEventId: "number", result: "value?" },
  ActivityFailed: { sourceEventId: "number", failure: "failure", attempt: "number?" },
  ActivityCancelRequested: CANCELLATION,
  TimerCreated: { fireAtMs: "number", isRelative: "boolean?" },
  TimerFired: { sourceEventId: "number", fireAtMs: "number" },
  TimerCancelled: CANCELLATION,
  ExternalSubscribed: { name: "text" },
  ExternalEvent: { name: "text", data: "value?" },
  ExternalSubscribedCancelled: CANCELLATION,
  QueueSubscribed: { name: "text" },
  QueueMessage: { name: "text", data: "value?" },
  QueueSubscribedCancelled: CANCELLATION,
  SubOrchestrationScheduled: {
    name: "text",
    input: "value?",
    instanceId: "text",
    isExplicitId: "boolean",
    version: "text?",
  },
  SubOrchestrationCompleted: { sourceEventId: "number", result: "value?" },
  SubOrchestrationFailed: { sourceEventId: "number", failure: "failure" },
  SubOrchestrationCancelRequested: CANCELLATION,
  OrchestrationChained: { name: "text", instanceId: "text", input: "value?", version: "text?" },
  CustomStatusUpdated: { status: "value?" },
  KeyValueSet: { key: "text", value: "value?" },
  KeyValueCleared: { key: "text" },
  KeyValuesCleared: {},
};
const COMMON: Fields = { kind: "text", eventId: "number", timestampMs: "number?" };
const FAILURE_TEXTS = ["category", "code", "name", "message"] as const;

/**
 * @param name - Of the definition; undefined for a bare function
 * @throws UsageError `invalid_argument` that names event and field
 */
export function assertTestHistory(history: unknown, name: string | undefined): void {
  if (!Array.isArray(history)) {
    throw refused(
      `the history is a value of type ${typeof history}`,
      "pass runTurn(history, orchestration)",
    );
  }
  let lastId = 0;
  for (const [index, event] of (history as unknown[]).entries()) {
    if (!isRecord(event))
      throw refused(`entry ${index} of the history is no event`, "pass an object");
    assertEvent(event, index);
    const eventId = event["eventId"] as number;
    if (eventId <= lastId) {
      throw refused(
        `event ${eventId} (${String(event["kind"])}) follows event ${lastId}`,
        "give each event a higher id than the one before it",
      );
    }
    lastId = eventId;
  }
  const first: unknown = history[0];
  if (!isRecord(first) || first["kind"] !== "OrchestrationStarted")
    throw refused("the history does not begin with OrchestrationStarted", "put it first");
  if (name !== undefined && first["name"] !== name) {
    throw refused(
      `the history is of orchestration ${JSON.stringify(first["name"])}, not of ${JSON.stringify(name)}`,
      "pass the orchestration that wrote it",
    );
  }
}

/** @throws UsageError `invalid_argument` for what is neither a definition of an orchestration nor a function */
export function assertOrchestration(orchestration: unknown): void {
  if (typeof orchestration === "function") return;
  const kind = isRecord(orchestration) ? orchestration["kind"] : undefined;
  if (kind === "orchestration") return;
  const what =
    typeof kind === "string"
      ? `a definition of kind ${kind}`
      : `a value of type ${typeof orchestration}`;
  throw refused(
    `the orchestration is ${what}`,
    "pass what defineOrchestration() returned, or its function",
  );
}

function assertEvent(event: Readonly<Record<string, unknown>>, index: number): void {
  const { kind, eventId } = event;
  if (!Number.isInteger(eventId) || (eventId as number) < 1)
    throw refused(
      `entry ${index} of the history has no \`eventId\``,
      "give it a whole number from 1",
    );
  if (typeof kind !== "string" || !Object.hasOwn(FIELDS, kind)) {
    const near = typeof kind === "string" ? nearestOf(kind, Object.keys(FIELDS)) : undefined;
    throw refused(
      `event ${String(eventId)} has the unknown kind ${JSON.stringify(kind)}`,
      near === undefined ? "see the type TestEvent" : `did you mean "${near}"?`,
    );
  }
  const fields: Fields = { ...COMMON, ...FIELDS[kind as EventKind] };
  const subject = `event ${String(eventId)} (${kind})`;
  for (const field of Object.keys(event)) {
    if (!Object.hasOwn(fields, field))
      throw refused(
        `${subject} has the unknown field \`${field}\``,
        `it may have ${Object.keys(fields).join(", ")}`,
      );
  }
  for (const [field, holds] of Object.entries(fields))
    assertField(subject, field, holds, event[field]);
}

function assertField(subject: string, field: string, holds: Holds, value: unknown): void {
  if (holds === "value?" || (value === undefined && holds.endsWith("?"))) return;
  if (value === undefined) throw refused(`${subject} has no \`${field}\``, "give it");
  const type = holds.replace("?", "").replace("text", "string").replace("failure", "object");
  if (typeof value !== type || value === null)
    throw refused(
      `\`${field}\` of ${subject} is a value of type ${typeof value}`,
      `give a ${type}`,
    );
  if (holds !== "failure") return;
  for (const text of FAILURE_TEXTS) {
    if (typeof (value as Record<string, unknown>)[text] !== "string")
      throw refused(
        `\`failure\` of ${subject} has no \`${text}\``,
        `give it ${FAILURE_TEXTS.join(", ")}`,
      );
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(what: string, instead: string): UsageError {
  return new UsageError("invalid_argument", `Cannot run a turn: ${what}; ${instead}`);
}
