/** What an activity works with: the second parameter of its function. */

import type { TraceFields } from "./context.ts";

export interface ActivityContext {
  readonly instanceId: string;
  readonly executionId: number;
  readonly orchestrationName: string;
  readonly orchestrationVersion: string;
  readonly activityName: string;
  /** The event id of the schedule. */
  readonly activityId: number;
  /** The delivery, from 1: grows when a worker died or handed the activity back. */
  readonly attempt: number;
  /**
   * The same for every delivery of this activity and for no other activity ever, also when the
   * instance id is used again. Pass it to services that can recognise repeated requests.
   */
  readonly idempotencyKey: string;
  /** The runtime that runs it. */
  readonly workerId: string;
  /** Aborted when the result is no longer wanted: canceled, taken over by another node, or shutting down. */
  readonly signal: AbortSignal;
  /** What the last delivery left with {@link heartbeat}. */
  readonly heartbeatDetails: unknown;
  /**
   * Says that the activity is alive and keeps `details` for its next delivery.
   *
   * @returns Resolves when stored; rejects when the activity no longer belongs to this worker or has
   *   ended, when `details` cannot be stored, and when the store fails. It need not be awaited: a
   *   rejection is logged, unless {@link signal} says the same, and never ends the process
   */
  heartbeat(details?: unknown): Promise<void>;
  traceDebug(message: string, fields?: TraceFields): void;
  traceInfo(message: string, fields?: TraceFields): void;
  traceWarn(message: string, fields?: TraceFields): void;
  traceError(message: string, fields?: TraceFields): void;
}

/**
 * What a transactional activity works with besides its transaction. It has no heartbeat: what it has
 * done so far is not there until all of it is.
 */
export type TransactionContext = Omit<ActivityContext, "heartbeat" | "heartbeatDetails">;
