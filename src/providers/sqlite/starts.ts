/** New instances, and what happens when their id is in use. */

import type { InstanceRow, StartRequest } from "../../provider/provider.ts";
import type { Batch, Outbox } from "./batch.ts";
import { isFinished, type NewInstance } from "./instances.ts";

/** The row of a start that waits for its first turn. */
export function toPendingInstance(request: StartRequest, nowMs: number): NewInstance {
  const { notBeforeMs } = request;
  return {
    id: request.instanceId,
    name: request.name,
    version: request.version ?? "",
    runId: request.runId,
    status: "Pending",
    owner: null,
    startMs: notBeforeMs !== undefined && notBeforeMs > nowMs ? notBeforeMs : undefined,
    createdMs: nowMs,
    parent: request.parent,
    change: undefined,
  };
}

/** How an attempt to take an id ended. */
export type Insertion =
  | { readonly kind: "inserted"; readonly key: number }
  | { readonly kind: "idInUse"; readonly existing: InstanceRow };

/** Takes the id for a new row, and removes a finished instance when the request says so. */
export function insertInstance(batch: Batch, request: StartRequest, row: NewInstance): Insertion {
  const { instances } = batch.tables;
  const key = instances.insert(row);
  if (key !== undefined) return { kind: "inserted", key };
  const existing = instances.readById(row.id);
  if (existing === undefined) throw new Error("An id is both in use and unknown");
  const isReplaced =
    request.idReuse === "replaceFinished" &&
    isFinished(existing.status) &&
    existing.runId !== request.runId;
  if (!isReplaced) return { kind: "idInUse", existing };
  removeInstance(batch, existing);
  return insertInstance(batch, request, row);
}

/** Queues the first message of a row that was just inserted. */
export function queueStart(batch: Batch, out: Outbox, start: StartRequest, key: number): void {
  out.send(
    batch,
    { seq: key, id: start.instanceId, status: "Pending", retry_ms: start.notBeforeMs ?? 0 },
    start,
  );
}

/** A child or detached start that belongs to a turn. */
export function startFromTurn(batch: Batch, out: Outbox, request: StartRequest): void {
  const result = insertInstance(batch, request, toPendingInstance(request, batch.nowMs));
  if (result.kind === "inserted") {
    queueStart(batch, out, request, result.key);
    return;
  }
  if (isSameStart(request, result.existing)) return;
  out.refusedStarts.push(request.instanceId);
  const { onConflict } = request;
  if (onConflict === undefined) return;
  const receiver = batch.tables.instances.readReceiver(onConflict.instanceId, onConflict.runId);
  out.send(batch, receiver, onConflict);
}

/** The same request again, or the same call of the same parent. */
function isSameStart(request: StartRequest, existing: InstanceRow): boolean {
  if (existing.runId === request.runId) return true;
  const { parent } = request;
  return (
    parent !== undefined &&
    existing.parent?.instanceId === parent.instanceId &&
    existing.parent.executionId === parent.executionId &&
    existing.parent.eventId === parent.eventId
  );
}

/**
 * Removes an instance with everything that belongs to it, its descendants included, and frees their
 * ids: the next life of the instance will want the ids of its children again.
 */
function removeInstance(batch: Batch, row: Pick<InstanceRow, "key" | "instanceId">): void {
  const { tables } = batch;
  for (const child of tables.instances.readChildren(row.instanceId)) removeInstance(batch, child);
  const key = row.key as number;
  tables.history.removeAll(key);
  tables.activities.removeAll(key);
  tables.keyValues.removeAll(key);
  tables.messages.removeAll(key);
  tables.timers.removeAll(key);
  tables.instances.remove(key);
}
