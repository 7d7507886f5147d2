/** What waits for a resident instance, each with where it came from, so that a commit can remove it. */

import type { InstanceMessage } from "../history/message.ts";
import type {
  ActivityClaim,
  ActivityKey,
  ConsumedWork,
  MessageId,
  QueuedMessage,
  TimerKey,
} from "../provider/provider.ts";

/** Where a message came from. */
export type Origin =
  | { readonly kind: "queue"; readonly id: MessageId }
  | { readonly kind: "timer"; readonly timer: TimerKey }
  | { readonly kind: "activity"; readonly claim: ActivityClaim };

export interface InboxItem {
  readonly message: InstanceMessage;
  readonly origin: Origin;
}

export function fromQueue(queued: QueuedMessage, message: InstanceMessage): InboxItem {
  return { message, origin: { kind: "queue", id: queued.id } };
}

export function fromTimer(timer: TimerKey): InboxItem {
  const { executionId, eventId, fireAtMs } = timer;
  return {
    message: { kind: "timerFired", executionId, sourceEventId: eventId, fireAtMs },
    origin: { kind: "timer", timer },
  };
}

function nameOf(origin: Origin): string {
  switch (origin.kind) {
    case "queue":
      return `q${origin.id}`;
    case "timer":
      return `t${origin.timer.executionId}/${origin.timer.eventId}`;
    case "activity":
      return `a${origin.claim.executionId}/${origin.claim.activityId}`;
  }
}

/**
 * Items in order of arrival.
 *
 * I1. What is here or under way is not taken twice.
 * I2. Neither is what was consumed while the store was being read: the answer may be older.
 */
export class Inbox {
  #items: InboxItem[] = [];
  readonly #known = new Set<string>();
  /** Made when an answer is under way. */
  #consumed: Set<string> | undefined;

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** Whether this queued message is known already. */
  hasQueued(id: MessageId): boolean {
    return this.#isKnown(`q${id}`);
  }

  #isKnown(name: string): boolean {
    return this.#known.has(name) || this.#consumed?.has(name) === true;
  }

  /** False when the same item is known already. */
  push(item: InboxItem): boolean {
    const name = nameOf(item.origin);
    if (this.#isKnown(name)) return false;
    this.#known.add(name);
    this.#items.push(item);
    return true;
  }

  /** Everything that waits; it counts as under way until {@link settle}. */
  take(): readonly InboxItem[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }

  /**
   * The items are gone from the store.
   *
   * @param isReading - Whether an answer of the store is under way that may still contain them (I2)
   */
  settle(items: readonly InboxItem[], isReading: boolean): void {
    if (!isReading) this.#consumed = undefined;
    for (const { origin } of items) {
      const name = nameOf(origin);
      this.#known.delete(name);
      if (isReading && origin.kind !== "activity") (this.#consumed ??= new Set()).add(name);
    }
  }

  /** Drops what waits of activities that are gone. @returns How much that was */
  dropActivities(activities: readonly ActivityKey[]): number {
    if (activities.length === 0 || this.#items.length === 0) return 0;
    const names = new Set(activities.map((it) => `a${it.executionId}/${it.activityId}`));
    const dropped = this.#items.filter(({ origin }) => names.has(nameOf(origin)));
    this.#items = this.#items.filter(({ origin }) => !names.has(nameOf(origin)));
    for (const { origin } of dropped) this.#known.delete(nameOf(origin));
    return dropped.length;
  }
}

/** What a turn over these items removes from the store. */
export function toConsumed(items: readonly InboxItem[]): ConsumedWork {
  const messages: MessageId[] = [];
  const timers: TimerKey[] = [];
  const activities: ActivityClaim[] = [];
  for (const { origin } of items) {
    if (origin.kind === "queue") messages.push(origin.id);
    else if (origin.kind === "timer") timers.push(origin.timer);
    else activities.push(origin.claim);
  }
  return { messages, timers, activities };
}
