/**
 * What the functions of the schema answer, as the contract's types.
 *
 * Boundary: the other half of the functions in `schema/`; no other file knows how answers look.
 */

import type { Failure } from "../../history/failure.ts";
import type { ParentLink } from "../../history/event.ts";
import { ProviderError } from "../../provider/errors.ts";
import type {
  BlockedReason,
  ClaimedActivity,
  ClaimedInstance,
  DeliveredMessage,
  HeldInstanceWork,
  HistoryRow,
  InstanceRow,
  InstanceStatus,
  NodeId,
  QueuedMessage,
  TimerKey,
  WriteOperation,
  WriteOutcome,
} from "../../provider/provider.ts";

/** See `schema/instance-json.ts`. */
export type InstanceAnswer = readonly [
  seq: number,
  id: string,
  name: string,
  version: string,
  runId: string,
  status: InstanceStatus,
  execution: number,
  createdMs: number,
  parent: ParentLink | null,
  customStatus: string | null,
  customStatusVersion: number,
  blocked: string | null,
  failure: string | null,
  output: string | null,
  turnMs: number | null,
];

export function toInstanceRow(answer: InstanceAnswer): InstanceRow {
  const [key, instanceId, name, version, runId, status, executionId, createdMs, parent] = answer;
  const [, , , , , , , , , customStatus, customStatusVersion, blocked, failure, output, turnMs] =
    answer;
  return {
    key,
    instanceId,
    name,
    version,
    runId,
    status,
    executionId,
    output: output ?? undefined,
    customStatus: customStatus ?? undefined,
    customStatusVersion,
    createdMs,
    updatedMs: turnMs ?? createdMs,
    ...(parent !== null && { parent }),
    ...(failure !== null && { failure: parseFailure(failure, instanceId) }),
    ...(blocked !== null && { blocked: parseBlocked(blocked, createdMs) }),
  };
}

function parseFailure(text: string, instanceId: string): Failure {
  try {
    return JSON.parse(text) as Failure;
  } catch (error) {
    throw new ProviderError(
      "store_corrupt",
      `Cannot read instance "${instanceId}": its failure is not JSON; restore the store from a backup`,
      { retryable: false, cause: error },
    );
  }
}

/** Never throws: a note that cannot be read must not keep an instance, or others, from going on. */
function parseBlocked(text: string, sinceMs: number): BlockedReason {
  try {
    return JSON.parse(text) as BlockedReason;
  } catch {
    return { code: "store_corrupt", message: `Cannot read the reason: ${text}`, sinceMs };
  }
}

export type MessageAnswer = readonly [id: number, body: string];
type TimerAnswer = readonly [execution: number, eventId: number, fireMs: number];
/** A row of `history` as an array. */
export type HistoryAnswer = readonly [
  execution: number,
  firstEventId: number,
  lastEventId: number,
  eventCount: number,
  atMs: number,
  format: number,
  data: string,
];
type KeyValueAnswer = readonly [key: string, value: string, updatedMs: number];

export function toHistoryRow(answer: HistoryAnswer): HistoryRow {
  const [executionId, firstEventId, lastEventId, eventCount, timestampMs, format, data] = answer;
  return { executionId, firstEventId, lastEventId, eventCount, timestampMs, format, data };
}

/** Keys with their values and the time of their last change. */
export type KeyValueMap = ReadonlyMap<
  string,
  { readonly value: string; readonly updatedMs: number }
>;

export function toKeyValues(answer: readonly KeyValueAnswer[] | null): KeyValueMap {
  return new Map((answer ?? []).map(([key, value, updatedMs]) => [key, { value, updatedMs }]));
}

export function toMessages(answer: readonly MessageAnswer[] | null): QueuedMessage[] {
  return (answer ?? []).map(([id, body]) => ({ id, body }));
}

function toTimers(answer: readonly TimerAnswer[] | null): TimerKey[] {
  return (answer ?? []).map(([executionId, eventId, fireAtMs]) => ({
    executionId,
    eventId,
    fireAtMs,
  }));
}

/** See `@.claim_instances`. */
export type ClaimedInstanceAnswer = readonly [
  epoch: number,
  crashes: number,
  row: InstanceAnswer,
  messages: readonly MessageAnswer[] | null,
  timers: readonly TimerAnswer[] | null,
  history: readonly HistoryAnswer[] | null,
  keyValues: readonly KeyValueAnswer[] | null,
];

export function toClaimedInstance(answer: ClaimedInstanceAnswer, node: NodeId): ClaimedInstance {
  const [epoch, crashes, instance, messages, timers, history, keyValues] = answer;
  const row = toInstanceRow(instance);
  return {
    claim: { key: row.key, node, epoch },
    instanceId: row.instanceId,
    previousEpoch: epoch - 1,
    crashes,
    row,
    messages: toMessages(messages),
    dueTimers: toTimers(timers),
    ...(history !== null && { history: history.map(toHistoryRow) }),
    keyValues: toKeyValues(keyValues),
  };
}

/** See `@.claim_activities`. */
export type ClaimedActivityAnswer = readonly [
  key: number,
  executionId: number,
  activityId: number,
  attempt: number,
  crashes: number,
  instanceId: string,
  name: string,
  body: string,
  tag: string | null,
  session: string | null,
  heartbeat: string | null,
];

export function toClaimedActivity(answer: ClaimedActivityAnswer, node: NodeId): ClaimedActivity {
  const [key, executionId, activityId, attempt, crashes, instanceId, ...described] = answer;
  const [name, body, tag, session, heartbeat] = described;
  return {
    claim: { key, executionId, activityId, node, attempt },
    instanceId,
    crashes,
    name,
    body,
    heartbeat: heartbeat ?? undefined,
    ...(tag !== null && { tag }),
    ...(session !== null && { sessionId: session }),
  };
}

/** See `@.read_held_work`. */
export type HeldWorkAnswer = readonly [
  key: number,
  messages: readonly MessageAnswer[] | null,
  timers: readonly TimerAnswer[] | null,
];

export function toHeldWork([key, messages, timers]: HeldWorkAnswer): HeldInstanceWork {
  return { key, messages: toMessages(messages), dueTimers: toTimers(timers) };
}

/** From where in the operation the body of a delivered message is. */
type Source = "q" | "c" | "s" | "o" | "m";
type DeliveryAnswer = readonly [
  source: Source,
  position: number,
  instanceId: string,
  key: number,
  message: number,
];

/** The outcome of one operation, see `schema/`. */
export type OutcomeAnswer =
  | {
      readonly k: "s";
      readonly key: number;
      readonly d?: readonly DeliveryAnswer[];
      readonly r?: readonly string[];
    }
  | { readonly k: "u"; readonly x: InstanceAnswer }
  | {
      readonly k: "c";
      readonly d?: readonly DeliveryAnswer[];
      readonly n?: number;
      readonly r?: readonly string[];
    }
  | { readonly k: "a"; readonly d?: readonly DeliveryAnswer[] }
  | { readonly k: "unknownInstance" }
  | { readonly k: "finishedInstance" }
  | { readonly k: "l"; readonly r: string };

export function toOutcome(operation: WriteOperation, answer: OutcomeAnswer): WriteOutcome {
  switch (answer.k) {
    case "s":
      return {
        kind: "started",
        key: answer.key,
        delivered: toDelivered(operation, answer.d),
        refusedStarts: answer.r ?? [],
      };
    case "u": {
      const existing = toInstanceRow(answer.x);
      const runId = operation.kind === "startInstance" ? operation.request.runId : undefined;
      return { kind: "idInUse", existing, isSame: existing.runId === runId };
    }
    case "c":
      return {
        kind: "committed",
        delivered: toDelivered(operation, answer.d),
        droppedMessageCount: answer.n ?? 0,
        refusedStarts: answer.r ?? [],
      };
    case "a":
      return { kind: "accepted", delivered: toDelivered(operation, answer.d) };
    case "l":
      return { kind: "claimLost", reason: answer.r };
    default:
      return { kind: answer.k };
  }
}

function toDelivered(
  operation: WriteOperation,
  answers: readonly DeliveryAnswer[] | undefined,
): DeliveredMessage[] {
  if (answers === undefined) return [];
  return answers.map(([source, position, instanceId, key, id]) => ({
    instanceId,
    key,
    message: { id, body: bodyOf(operation, source, position) },
  }));
}

function bodyOf(operation: WriteOperation, source: Source, position: number): string {
  const body = findBody(operation, source, position);
  if (body !== undefined) return body;
  throw new ProviderError(
    "store_failed",
    "Cannot read the answer of PostgreSQL: it names a message that was not sent; report this",
    { retryable: false },
  );
}

function findBody(operation: WriteOperation, source: Source, position: number): string | undefined {
  if (source === "q") {
    if (operation.kind === "startInstance") return operation.request.body;
    if (operation.kind === "sendMessage") return operation.message.body;
    return operation.kind === "completeActivity" ? operation.body : undefined;
  }
  const effects =
    operation.kind === "commitTurn" || operation.kind === "endInstance"
      ? operation.effects
      : operation.kind === "startInstance"
        ? operation.firstTurn?.effects
        : undefined;
  if (source === "c") return effects?.continued?.body;
  if (source === "m") return effects?.messages[position]?.body;
  const start = effects?.starts[position];
  return source === "s" ? start?.body : start?.onConflict?.body;
}
