/** A failure as people read it: never without a word, whatever was thrown. */

import { CANCELED, type Failure } from "./failure.ts";

/** Most errors of a list that a text names. */
const NAMED_COUNT_MAX = 3;

/** What the reference displays for the same failure; where it has no message, what it is. */
export function describeFailure(failure: Failure): string {
  if (failure.code !== CANCELED) return describeMessage(failure);
  return failure.message === "" ? CANCELED : `${CANCELED}: ${failure.message}`;
}

/** What failed, from the outside in: the activity or child that it came from, and what that threw. */
export function describePath(failure: Failure): string {
  const { name, data, cause } = failure;
  const { activityName, attempt, orchestrationName, instanceId, isCanceled } = (data ??
    {}) as Readonly<Record<string, unknown>>;
  if (cause === undefined) return describeFailure(failure);
  if (name === "ActivityError" && typeof activityName === "string")
    return `activity "${activityName}" (attempt ${String(attempt)}) failed: ${describePath(cause)}`;
  if (name === "SubOrchestrationError" && typeof orchestrationName === "string") {
    const child = `child "${orchestrationName}" (${JSON.stringify(instanceId)})`;
    // The error that was rethrown knows it: its cause is stored as what it was to the parent.
    return isCanceled === true
      ? `${child} was ${describeFailure({ ...cause, code: CANCELED })}`
      : `${child} failed: ${describePath(cause)}`;
  }
  return describeFailure(failure);
}

/** The message; where the error has none, its class, its code and the errors that it stands for. */
function describeMessage(failure: Failure): string {
  const { name, message, userCode, cause, errors = cause === undefined ? [] : [cause] } = failure;
  if (message.trim() !== "") return message;
  const what = `${name === "" ? "Error" : name}${userCode === undefined ? "" : ` (${userCode})`}`;
  if (errors.length === 0) return `${what}, thrown without a message`;
  const named = errors.slice(0, NAMED_COUNT_MAX).map(describeMessage);
  const more =
    errors.length > NAMED_COUNT_MAX ? ` and ${errors.length - NAMED_COUNT_MAX} more` : "";
  return `${what}: ${named.join("; ")}${more}`;
}
