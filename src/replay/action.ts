/**
 * What the code did: an action is the event that it will become, before it has an id.
 *
 * The same draft serves both ways: in a live turn it gets an id and is recorded; in replay it is
 * compared with what was recorded. (Semantics section 6.2.)
 */

import { utf8Bytes } from "../foundation/json.ts";
import { INSTANCE_ID_BYTES_MAX } from "../foundation/limits.ts";
import { createSeededRandom } from "../foundation/random.ts";
import { describeEvent } from "../history/describe.ts";
import type {
  ActivityScheduled,
  CustomStatusUpdated,
  EncodedValue,
  ExternalSubscribed,
  KeyValueCleared,
  KeyValueSet,
  KeyValuesCleared,
  OrchestrationChained,
  QueueSubscribed,
  RecordedEvent,
  SubOrchestrationScheduled,
  TimerCreated,
} from "../history/event.ts";
import type { Operation } from "./operation.ts";

/** The events that code causes. */
export type ActionEvent =
  | ActivityScheduled<EncodedValue>
  | TimerCreated
  | ExternalSubscribed
  | QueueSubscribed
  | SubOrchestrationScheduled<EncodedValue>
  | OrchestrationChained<EncodedValue>
  | CustomStatusUpdated<EncodedValue>
  | KeyValueSet<EncodedValue>
  | KeyValueCleared
  | KeyValuesCleared;

type WithoutId<E> = E extends ActionEvent ? Omit<E, "eventId" | "timestampMs"> : never;

/** An {@link ActionEvent} before it has an id and a time. */
export type ActionDraft = WithoutId<ActionEvent>;

export interface Action {
  readonly draft: ActionDraft;
  /** What waits for the outcome, if the action has one. */
  readonly operation?: Operation | undefined;
  /** The line of user code; only recorded when a divergence is being explained. */
  readonly source?: string | undefined;
  /** The recorded input stands, whatever the code passes now. */
  readonly ignoresInput?: boolean | undefined;
}

/** Whether two encoded values say the same. */
export type Comparison = (a: EncodedValue, b: EncodedValue) => boolean;

const ACTION_KINDS: ReadonlySet<string> = new Set<ActionEvent["kind"]>([
  "ActivityScheduled",
  "TimerCreated",
  "ExternalSubscribed",
  "QueueSubscribed",
  "SubOrchestrationScheduled",
  "OrchestrationChained",
  "CustomStatusUpdated",
  "KeyValueSet",
  "KeyValueCleared",
  "KeyValuesCleared",
]);

export function isActionEvent(event: RecordedEvent): event is ActionEvent {
  return ACTION_KINDS.has(event.kind);
}

/** Whether the code did what was recorded. */
export function isMatch(
  { draft, ignoresInput }: Action,
  event: ActionEvent,
  isSame: Comparison,
): boolean {
  if (draft.kind !== event.kind) return false;
  switch (draft.kind) {
    case "ActivityScheduled": {
      const recorded = event as typeof draft;
      return (
        draft.name === recorded.name &&
        (ignoresInput === true || isSame(draft.input, recorded.input)) &&
        draft.sessionId === recorded.sessionId &&
        draft.tag === recorded.tag
      );
    }
    case "ExternalSubscribed":
    case "QueueSubscribed":
      return draft.name === (event as typeof draft).name;
    case "SubOrchestrationScheduled": {
      const recorded = event as typeof draft;
      return (
        draft.name === recorded.name &&
        (ignoresInput === true || isSame(draft.input, recorded.input)) &&
        draft.isExplicitId === recorded.isExplicitId &&
        (!draft.isExplicitId || draft.instanceId === recorded.instanceId)
      );
    }
    case "OrchestrationChained": {
      const recorded = event as typeof draft;
      return (
        draft.name === recorded.name &&
        (ignoresInput === true || isSame(draft.input, recorded.input)) &&
        draft.instanceId === recorded.instanceId
      );
    }
    case "KeyValueSet": {
      const recorded = event as typeof draft;
      return draft.key === recorded.key && isSame(draft.value, recorded.value);
    }
    case "KeyValueCleared":
      return draft.key === (event as typeof draft).key;
    // A timer matches by position: its recorded time counts. A status matches by kind.
    case "TimerCreated":
    case "CustomStatusUpdated":
    case "KeyValuesCleared":
      return true;
  }
}

/** The action in the words of {@link describeEvent}. */
export function describeAction(draft: ActionDraft): string {
  return describeEvent({ ...draft, eventId: 0, timestampMs: 0 });
}

/** Bytes that are kept of a parent's id where its child's would be too long. */
const PARENT_BYTES_KEPT = 512;

/**
 * The id of a child that was scheduled without one (weakness U1: unique over the parent's executions). Where it
 * would exceed the limit of ids, a digest of the parent's id stands for the rest of it.
 */
export function childInstanceId(
  parentInstanceId: string,
  executionId: number,
  eventId: number,
): string {
  const execution = executionId === 1 ? "" : `${executionId}::`;
  const suffix = `::sub::${execution}${eventId}`;
  const id = parentInstanceId + suffix;
  // A text of n UTF-16 units has at most 3n bytes: most ids need no count.
  if (id.length * 3 <= INSTANCE_ID_BYTES_MAX || utf8Bytes(id) <= INSTANCE_ID_BYTES_MAX) return id;
  const digest = createSeededRandom(parentInstanceId).nextUuid();
  return `${firstBytes(parentInstanceId, PARENT_BYTES_KEPT)}~${digest}${suffix}`;
}

/** The beginning of a text, in whole characters. */
function firstBytes(text: string, bytesMax: number): string {
  let kept = "";
  let bytes = 0;
  for (const character of text) {
    bytes += utf8Bytes(character);
    if (bytes > bytesMax) break;
    kept += character;
  }
  return kept;
}
