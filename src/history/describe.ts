/** One line per event, for error messages and people. */

import type { HistoryEvent } from "./event.ts";

/** Longest part of a value that is shown, in UTF-16 units. */
const VALUE_LENGTH_MAX = 80;

/** Shows a value shortly. */
export function describeValue(value: unknown): string {
  const text = typeof value === "string" ? value : toText(value);
  if (text === undefined) return "nothing";
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text;
}

function toText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return "a value that cannot be shown"; // Only for people; the caller reports the real problem.
  }
}

/** Such as `ActivityScheduled "Charge" with {"cents":100}`. */
export function describeEvent(event: HistoryEvent): string {
  switch (event.kind) {
    case "ActivityScheduled":
      return `${event.kind} "${event.name}" with ${describeValue(event.input)}`;
    case "SubOrchestrationScheduled":
    case "OrchestrationChained":
      return `${event.kind} "${event.name}" as "${event.instanceId}" with ${describeValue(event.input)}`;
    case "ExternalSubscribed":
    case "QueueSubscribed":
    case "ExternalEvent":
    case "QueueMessage":
    case "OrchestrationStarted":
      return `${event.kind} "${event.name}"`;
    case "CustomStatusUpdated":
      return `${event.kind} to ${describeValue(event.status)}`;
    case "KeyValueSet":
      return `${event.kind} "${event.key}" to ${describeValue(event.value)}`;
    case "KeyValueCleared":
      return `${event.kind} "${event.key}"`;
    case "OrchestrationCompleted":
      return `${event.kind} with ${describeValue(event.output)}`;
    default:
      return "sourceEventId" in event
        ? `${event.kind} of event ${event.sourceEventId}`
        : event.kind;
  }
}
