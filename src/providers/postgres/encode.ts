/**
 * Write operations as the functions of the schema take them: JSON with short keys.
 *
 * Boundary: the other half of `schema/`; no other file knows the keys.
 *
 * I1. What one turn both creates and removes is not sent.
 */

import type { Failure } from "../../history/failure.ts";
import { unreachable } from "../../foundation/invariant.ts";
import type {
  ActivityClaim,
  ConsumedWork,
  InstanceChange,
  NodeCode,
  OutgoingMessage,
  StartRequest,
  TurnEffects,
  WriteOperation,
} from "../../provider/provider.ts";
import { escapeText } from "../../provider/texts.ts";

type Json = Readonly<Record<string, unknown>>;

/** A batch, ready to be sent. */
export interface EncodedBatch {
  readonly operations: string;
  /** Instances that it may touch: by number, and by id. */
  readonly keys: readonly (number | string)[];
  readonly ids: readonly string[];
  readonly nodes: readonly (number | string)[];
}

export function encodeBatch(operations: readonly WriteOperation[]): EncodedBatch {
  const reach = new Reach();
  const encoded = operations.map((operation) => encodeOperation(operation, reach));
  return {
    operations: toStorableJson(encoded),
    keys: [...reach.keys],
    ids: [...reach.ids].map(escapeText),
    nodes: [...reach.nodes],
  };
}

/** JSON that PostgreSQL accepts whatever its texts contain; see `provider/texts.ts`. */
export function toStorableJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!/\\u000[01]/.test(json)) return json;
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "string" ? escapeText(part) : part,
  );
}

/** What a batch may touch. */
class Reach {
  readonly keys = new Set<number | string>();
  readonly ids = new Set<string>();
  readonly nodes = new Set<number | string>();

  ofEffects(effects: TurnEffects): void {
    for (const { instanceId } of effects.messages) this.ids.add(instanceId);
    for (const { instanceId, onConflict } of effects.starts) {
      this.ids.add(instanceId);
      if (onConflict !== undefined) this.ids.add(onConflict.instanceId);
    }
  }
}

/** The code of a node as `@.register_node` takes it. */
export function encodeCode({ orchestrations, activities }: NodeCode): readonly string[][] {
  return [
    ...orchestrations.flatMap(({ name, versions }) =>
      versions.map((version) => ["o", name, version]),
    ),
    ...activities.map((name) => ["a", name, ""]),
  ];
}

function encodeOperation(operation: WriteOperation, reach: Reach): Json {
  switch (operation.kind) {
    case "startInstance":
      return encodeStartInstance(operation, reach);
    case "sendMessage":
      reach.ids.add(operation.message.instanceId);
      return { k: "send", ...encodeMessage(operation.message) };
    case "commitTurn": {
      const { claim, consumed, effects } = operation;
      reach.keys.add(claim.key);
      reach.nodes.add(claim.node);
      reach.ofEffects(effects);
      return {
        k: "commit",
        key: Number(claim.key),
        node: Number(claim.node),
        epoch: claim.epoch,
        ...encodeConsumed(consumed),
        e: encodeTurn(effects),
      };
    }
    case "endInstance": {
      const { key, lastEventId, effects } = operation;
      reach.keys.add(key);
      reach.ofEffects(effects);
      return { k: "end", key: Number(key), last: lastEventId, e: encodeTurn(effects) };
    }
    case "completeActivity":
      reach.keys.add(operation.claim.key);
      return {
        k: "complete",
        ...encodeActivity(operation.claim, reach),
        b: operation.body,
        ...(operation.isResult === true && { res: true }),
      };
    case "releaseActivity":
      return {
        k: "release",
        ...encodeActivity(operation.claim, reach),
        at: Math.ceil(operation.visibleAtMs),
        n: operation.isAttemptCounted,
        ...(operation.isCrash === true && { cr: true }),
      };
    case "heartbeatActivity":
      return {
        k: "heartbeat",
        ...encodeActivity(operation.claim, reach),
        d: operation.details ?? null,
      };
    case "releaseInstance": {
      const { claim, visibleAtMs, blocked } = operation;
      reach.keys.add(claim.key);
      reach.nodes.add(claim.node);
      return {
        k: "hand",
        key: Number(claim.key),
        node: Number(claim.node),
        epoch: claim.epoch,
        at: Math.ceil(visibleAtMs),
        ...(blocked !== undefined && { bl: blocked === null ? null : JSON.stringify(blocked) }),
      };
    }
    default:
      return unreachable(operation);
  }
}

function encodeStartInstance(
  { request, firstTurn }: Extract<WriteOperation, { readonly kind: "startInstance" }>,
  reach: Reach,
): Json {
  reach.ids.add(request.instanceId);
  const q = encodeStart(request);
  if (firstTurn === undefined) return { k: "start", q };
  const { node, effects } = firstTurn;
  reach.nodes.add(node);
  reach.ofEffects(effects);
  return { k: "start", q, node: Number(node), e: encodeTurn(effects) };
}

function encodeActivity(claim: ActivityClaim, reach: Reach): Json {
  reach.nodes.add(claim.node);
  return {
    key: Number(claim.key),
    node: Number(claim.node),
    x: claim.executionId,
    a: claim.activityId,
    t: claim.attempt,
  };
}

function encodeConsumed({ activities, messages, timers }: ConsumedWork): Json {
  return {
    ...(activities.length > 0 && {
      ca: activities.map((it) => [it.executionId, it.activityId, it.attempt]),
    }),
    ...(messages.length > 0 && { cm: messages }),
    ...(timers.length > 0 && { ct: timers.map((it) => [it.executionId, it.eventId]) }),
  };
}

function encodeStart(request: StartRequest): Json {
  const { notBeforeMs, parent, onConflict } = request;
  return {
    id: request.instanceId,
    n: request.name,
    v: request.version ?? "",
    run: request.runId,
    b: request.body,
    r: request.idReuse,
    ...(notBeforeMs !== undefined && { nb: Math.ceil(notBeforeMs) }),
    ...(parent !== undefined && { p: parent }),
    ...(onConflict !== undefined && { oc: encodeMessage(onConflict) }),
  };
}

function encodeMessage({ instanceId, body, runId, isUrgent }: OutgoingMessage): Json {
  return {
    id: instanceId,
    b: body,
    ...(runId !== undefined && { run: runId }),
    ...(isUrgent === true && { u: 1 }),
  };
}

function encodeTurn(effects: TurnEffects): Json {
  const { executionId, history, change, continued, starts, messages, keyValues } = effects;
  return {
    x: executionId,
    w: hasFreeWork(effects),
    ...(history.length > 0 && {
      h: history.map((row) => [
        row.executionId,
        row.firstEventId,
        row.lastEventId,
        row.eventCount,
        row.timestampMs,
        row.format,
        row.data,
      ]),
    }),
    ...(change !== undefined && { ch: encodeChange(change) }),
    ...(continued !== undefined && {
      con: {
        x: continued.executionId,
        n: continued.name,
        v: continued.version,
        o: continued.output ?? null,
        at: continued.startedMs,
        b: continued.body,
      },
    }),
    ...encodeActivities(effects),
    ...encodeTimers(effects),
    ...(starts.length > 0 && { st: starts.map(encodeStart) }),
    ...(messages.length > 0 && { m: messages.map(encodeMessage) }),
    ...(keyValues !== undefined && {
      kv: {
        x: keyValues.isCleared,
        c: keyValues.changes.map((it) => [it.key, it.value ?? null, it.updatedMs]),
      },
    }),
  };
}

function encodeChange(change: InstanceChange): Json {
  const { name, version, status, output, failure, customStatus } = change;
  return {
    ...(name !== undefined && { n: name }),
    ...(version !== undefined && { v: version }),
    ...(status !== undefined && { s: status }),
    ...(output !== undefined && { o: output }),
    ...(failure !== undefined && { f: encodeFailure(failure) }),
    ...(customStatus !== undefined && { c: customStatus.value ?? null }),
  };
}

function encodeFailure(failure: Failure): string {
  return JSON.stringify(failure);
}

/** (I1) */
function encodeActivities({ executionId, newActivities, cancelledActivities }: TurnEffects): Json {
  const cancelled = new Set<number>();
  for (const key of cancelledActivities)
    if (key.executionId === executionId) cancelled.add(key.activityId);
  const created = newActivities.filter((it) => !cancelled.has(it.activityId));
  const createdAndGone = new Set(
    newActivities.filter((it) => cancelled.has(it.activityId)).map((it) => it.activityId),
  );
  const removed = cancelledActivities.filter(
    (it) => it.executionId !== executionId || !createdAndGone.has(it.activityId),
  );
  return {
    ...(created.length > 0 && {
      a: created.map((it) => [
        it.activityId,
        it.name,
        it.body,
        it.isClaimed,
        it.tag ?? null,
        it.sessionId ?? null,
      ]),
    }),
    ...(removed.length > 0 && { ca: removed.map((it) => [it.executionId, it.activityId]) }),
  };
}

/** (I1) */
function encodeTimers({ newTimers, cancelledTimers }: TurnEffects): Json {
  const nameOf = (it: { readonly executionId: number; readonly eventId: number }): string =>
    `${it.executionId}/${it.eventId}`;
  const cancelled = new Set(cancelledTimers.map(nameOf));
  const created = new Set(newTimers.map(nameOf));
  const added = newTimers.filter((it) => !cancelled.has(nameOf(it)));
  const removed = cancelledTimers.filter((it) => !created.has(nameOf(it)));
  return {
    ...(added.length > 0 && {
      t: added.map((it) => [it.executionId, it.eventId, Math.ceil(it.fireAtMs)]),
    }),
    ...(removed.length > 0 && { ct: removed.map((it) => [it.executionId, it.eventId]) }),
  };
}

/** Whether the turn leaves activities that any node may claim. */
function hasFreeWork({ newActivities }: TurnEffects): boolean {
  return newActivities.some((activity) => !activity.isClaimed);
}
