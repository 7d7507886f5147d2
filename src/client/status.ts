/** What clients see of an instance. */

import type { Codec } from "../foundation/json.ts";
import { assertInstanceId } from "../foundation/limits.ts";
import { rootCauseOf, type Failure } from "../history/failure.ts";
import type { BlockedReason, InstanceRow } from "../provider/provider.ts";
import { decodeValue, findRow, type Connection } from "./connection.ts";
import type { Run } from "./run.ts";

interface Facts {
  readonly instanceId: string;
  readonly name: string;
  /** Empty until the first turn has resolved it. */
  readonly version: string;
  /** From 1; grows with each continue-as-new. */
  readonly executionId: number;
  readonly createdAt: Date;
  /** Time of the last turn. */
  readonly updatedAt: Date;
  readonly parentInstanceId: string | undefined;
  /** What the orchestration set last; undefined when it never has or has reset it. */
  readonly customStatus: unknown;
  /** Grows with each turn that sets or resets the custom status; 0 at first. */
  readonly customStatusVersion: number;
}

/** No instance has this id. */
export interface NotFoundStatus {
  readonly status: "NotFound";
  readonly instanceId: string;
  /** Whether another run has the id of the one that a handle is about. */
  readonly isReplaced: boolean;
}
/** Accepted and durable; no turn yet. */
export interface PendingStatus extends Facts {
  readonly status: "Pending";
  /** Why it cannot begin, if it cannot. */
  readonly blocked: BlockedReason | undefined;
}
export interface RunningStatus extends Facts {
  readonly status: "Running";
  /** Why it cannot go on, if it cannot. */
  readonly blocked: BlockedReason | undefined;
}
export interface CompletedStatus extends Facts {
  readonly status: "Completed";
  readonly output: unknown;
}
export interface FailedStatus extends Facts {
  readonly status: "Failed";
  /** What the orchestration threw, with its chain of causes. */
  readonly error: Failure;
  /** The end of that chain: what was thrown first. */
  readonly rootCause: Failure;
}
export interface CanceledStatus extends Facts {
  readonly status: "Canceled";
  readonly reason: string;
  /** Whether it was ended by `terminateInstance`, without its code. */
  readonly isTerminated: boolean;
}

/** An instance that has ended. */
export type FinishedStatus = CompletedStatus | FailedStatus | CanceledStatus;
/** An instance that exists. */
export type KnownStatus = PendingStatus | RunningStatus | FinishedStatus;
/** Where an instance stands, discriminated by `status`. */
export type OrchestrationStatus = NotFoundStatus | KnownStatus;

/** Where an instance stands now. */
export async function readStatus(connection: Connection, run: Run): Promise<OrchestrationStatus> {
  const { instanceId } = run;
  assertInstanceId(instanceId);
  const row = await findRow(connection, instanceId);
  if (row !== undefined && run.owns(row)) return toStatus(row, connection.codec);
  return { status: "NotFound", instanceId, isReplaced: row !== undefined };
}

/** Whether an instance has ended. */
export function hasEnded<Row extends Pick<InstanceRow, "status">>(
  row: Row,
): row is Row & { readonly status: FinishedStatus["status"] } {
  return row.status !== "Pending" && row.status !== "Running";
}

const UNKNOWN_FAILURE: Failure = {
  category: "application",
  code: "orchestration_failed",
  name: "Error",
  message: "the failure was not recorded",
};

/** @throws UsageError when a value was written by another codec */
export function toStatus(row: InstanceRow, codec: Codec): KnownStatus {
  const owner = `of instance "${row.instanceId}"`;
  const facts: Facts = {
    instanceId: row.instanceId,
    name: row.name,
    version: row.version,
    executionId: row.executionId,
    createdAt: new Date(row.createdMs),
    updatedAt: new Date(row.updatedMs),
    parentInstanceId: row.parent?.instanceId,
    customStatus: decodeValue(codec, row.customStatus, `the custom status ${owner}`),
    customStatusVersion: row.customStatusVersion,
  };
  switch (row.status) {
    case "Pending":
    case "Running":
      return { status: row.status, ...facts, blocked: row.blocked };
    case "Completed":
      return {
        status: "Completed",
        ...facts,
        output: decodeValue(codec, row.output, `the output ${owner}`),
      };
    case "Failed": {
      const error = row.failure ?? UNKNOWN_FAILURE;
      return { status: "Failed", ...facts, error, rootCause: rootCauseOf(error) };
    }
    case "Canceled":
      return {
        status: "Canceled",
        ...facts,
        reason: row.failure?.message ?? "",
        isTerminated: row.failure?.isTerminated === true,
      };
  }
}
