/** Log lines about what failed: visible without asking, once for each attempt and each instance. */

import { describePath } from "../history/failure-text.ts";
import type { Failure } from "../history/failure.ts";
import type { Logger, LogFields } from "../observability/logger.ts";
import type { ClaimedActivity } from "../provider/provider.ts";
import type { TurnOutcome } from "../replay/conclusion.ts";
import { findFailureSource } from "../replay/source.ts";
import type { ActivityOutcome } from "./activity-outcome.ts";

/** Longest message of a failure in a line, in UTF-16 units. */
const MESSAGE_LENGTH_MAX = 500;

/** A run of an activity failed; its orchestration decides what follows. */
export function logActivityFailure(
  logger: Logger,
  { instanceId, name, claim }: ClaimedActivity,
  outcome: ActivityOutcome,
): void {
  if (outcome.kind !== "failed") return;
  const { attempt, activityId } = claim;
  const fields = { instanceId, activityName: name, activityId, attempt };
  logger.log("warn", `Activity "${name}" failed`, { ...fields, ...toFields(outcome.failure) });
}

/** To be called once the end of the instance is durable; a cancellation is no failure. */
export function logInstanceFailure(
  logger: Logger,
  instance: { readonly instanceId: string; readonly name: string },
  outcome: TurnOutcome,
): void {
  if (outcome.kind !== "failed") return;
  const { instanceId, name } = instance;
  const fields = { instanceId, orchestrationName: name, ...toFields(outcome.failure) };
  logger.log("error", `Orchestration "${instanceId}" failed`, fields);
}

function toFields(failure: Failure): LogFields {
  const source = findFailureSource(failure);
  const what = describePath(failure);
  return {
    error: (failure.message === "" ? what : `${failure.name}: ${what}`).slice(
      0,
      MESSAGE_LENGTH_MAX,
    ),
    ...(failure.userCode !== undefined && { errorCode: failure.userCode }),
    ...(source !== undefined && { source }),
  };
}
