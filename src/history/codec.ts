/**
 * Turns the events of one turn into one row of text and back.
 *
 * The text is a JSON array with one array per event: `[code, eventId, ...fields]`, the fields in the
 * order of the table below, `null` for what is absent. The time of the turn is stored once, beside
 * the text. Format version 1; `docs/reference/history-format.md` lists it.
 *
 * I1. What was once written is readable for ever: codes and field orders are append-only.
 * I2. An unknown code or a newer format is an error, never skipped (semantics section 2).
 */

import { DuroxideError } from "../foundation/errors.ts";
import type { EventKind, HistoryEvent, RecordedEvent } from "./event.ts";

/** The version of the history format that this build writes. */
export const HISTORY_FORMAT = 1;

interface Shape {
  readonly kind: EventKind;
  readonly fields: readonly string[];
}

const SHAPES: Readonly<Record<string, Shape>> = {
  os: {
    kind: "OrchestrationStarted",
    fields: [
      "name",
      "version",
      "input",
      "instanceId",
      "executionId",
      "seed",
      "parent",
      "customStatus",
    ],
  },
  oc: { kind: "OrchestrationCompleted", fields: ["output"] },
  of: { kind: "OrchestrationFailed", fields: ["failure"] },
  on: { kind: "OrchestrationContinuedAsNew", fields: ["input", "version"] },
  ox: { kind: "OrchestrationCancelRequested", fields: ["reason"] },
  as: { kind: "ActivityScheduled", fields: ["name", "input", "sessionId", "tag"] },
  ac: { kind: "ActivityCompleted", fields: ["sourceEventId", "result"] },
  af: { kind: "ActivityFailed", fields: ["sourceEventId", "failure", "attempt"] },
  ax: { kind: "ActivityCancelRequested", fields: ["sourceEventId", "reason"] },
  ts: { kind: "TimerCreated", fields: ["fireAtMs"] },
  tf: { kind: "TimerFired", fields: ["sourceEventId", "fireAtMs"] },
  tx: { kind: "TimerCancelled", fields: ["sourceEventId", "reason"] },
  es: { kind: "ExternalSubscribed", fields: ["name"] },
  ee: { kind: "ExternalEvent", fields: ["name", "data"] },
  ex: { kind: "ExternalSubscribedCancelled", fields: ["sourceEventId", "reason"] },
  qs: { kind: "QueueSubscribed", fields: ["name"] },
  qm: { kind: "QueueMessage", fields: ["name", "data"] },
  qx: { kind: "QueueSubscribedCancelled", fields: ["sourceEventId", "reason"] },
  cs: {
    kind: "SubOrchestrationScheduled",
    fields: ["name", "input", "instanceId", "isExplicitId", "version"],
  },
  cc: { kind: "SubOrchestrationCompleted", fields: ["sourceEventId", "result"] },
  cf: { kind: "SubOrchestrationFailed", fields: ["sourceEventId", "failure"] },
  cx: { kind: "SubOrchestrationCancelRequested", fields: ["sourceEventId", "reason"] },
  ds: { kind: "OrchestrationChained", fields: ["name", "instanceId", "input", "version"] },
  us: { kind: "CustomStatusUpdated", fields: ["status"] },
  ks: { kind: "KeyValueSet", fields: ["key", "value"] },
  kc: { kind: "KeyValueCleared", fields: ["key"] },
  ka: { kind: "KeyValuesCleared", fields: [] },
};

const CODES = new Map<EventKind, { readonly code: string; readonly fields: readonly string[] }>(
  Object.entries(SHAPES).map(([code, shape]) => [shape.kind, { code, fields: shape.fields }]),
);

/** One row of history as stores hand it over. */
export interface EncodedTurn {
  readonly format: number;
  readonly timestampMs: number;
  readonly data: string;
}

/** Encodes the events of one turn; they share one timestamp. */
export function encodeEvents(events: readonly RecordedEvent[]): string {
  const rows = events.map((event) => {
    const shape = CODES.get(event.kind);
    const row: unknown[] = [shape?.code, event.eventId];
    const values = event as unknown as Readonly<Record<string, unknown>>;
    for (const field of shape?.fields ?? []) row.push(values[field] ?? null);
    while (row.length > 2 && row[row.length - 1] === null) row.pop();
    return row;
  });
  return JSON.stringify(rows);
}

/**
 * @throws DuroxideError `history_too_new` or `history_corrupt`
 */
export function decodeEvents(turn: EncodedTurn): RecordedEvent[] {
  if (turn.format > HISTORY_FORMAT) {
    throw new DuroxideError(
      "history_too_new",
      `Cannot read history: it has format ${turn.format} and this build reads up to ${HISTORY_FORMAT}; upgrade duroxide-ts`,
      { category: "configuration" },
    );
  }
  let rows: unknown;
  try {
    rows = JSON.parse(turn.data);
  } catch (error) {
    throw corrupt("a turn is not JSON", error);
  }
  if (!Array.isArray(rows)) throw corrupt("a turn is not a list of events");
  return rows.map((row) => decodeEvent(row, turn.timestampMs));
}

function decodeEvent(row: unknown, timestampMs: number): RecordedEvent {
  if (!Array.isArray(row)) throw corrupt("an event is not a list");
  const [code, eventId] = row as unknown[];
  // Only own members: "constructor" is not a code.
  const shape = typeof code === "string" && Object.hasOwn(SHAPES, code) ? SHAPES[code] : undefined;
  if (shape === undefined) throw corrupt(`an event has the unknown code ${JSON.stringify(code)}`);
  if (typeof eventId !== "number" || !Number.isInteger(eventId) || eventId < 1) {
    throw corrupt(`a ${shape.kind} has the id ${JSON.stringify(eventId)}`);
  }
  const event: Record<string, unknown> = { kind: shape.kind, eventId, timestampMs };
  for (let i = 0; i < shape.fields.length; i += 1) {
    const value: unknown = row[i + 2];
    event[shape.fields[i] as string] = value === null ? undefined : value;
  }
  return event as unknown as RecordedEvent;
}

function corrupt(what: string, cause?: unknown): DuroxideError {
  return new DuroxideError(
    "history_corrupt",
    `Cannot read history: ${what}; restore the store from a backup or delete the instance`,
    { category: "configuration", cause },
  );
}

const VALUE_FIELDS = [
  "input",
  "output",
  "result",
  "data",
  "status",
  "value",
  "customStatus",
] as const;

/** The same event with its users' values in another form: decoded for people, encoded for replay. */
export function mapValues<From, To>(
  event: HistoryEvent<From>,
  convert: (value: From) => To,
): HistoryEvent<To> {
  const copy = { ...event } as unknown as Record<string, unknown>;
  for (const field of VALUE_FIELDS) {
    if (copy[field] !== undefined) copy[field] = convert(copy[field] as From);
  }
  return copy as unknown as HistoryEvent<To>;
}
