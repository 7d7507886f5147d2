/**
 * Messages and events that were given to a subscription which the code has left behind.
 *
 * A native `Promise.race` cannot be seen, and `ctx.select()` with `{ keep: true }` leaves its losers
 * open: such a loser stays a subscription and takes the next message, which then reaches no code. What
 * can be seen is its trace: a subscription was awaited by hand, the code went on without it, and when
 * it was served the code did nothing. That is reported once per execution, when the code subscribes to
 * the same name again or continues as new (a message of an ended instance has no reader). A
 * subscription that is awaited or raced again has been kept on purpose and is not reported.
 *
 * Boundary: reports and decides nothing: which subscription a message goes to depends on history alone.
 */

import type { Operation } from "./operation.ts";

/** What can take a message: a wait for an event, or a dequeue. */
export type SubscriptionKind = "event" | "queue";

/** A subscription that was served while the code went on without it. */
interface Unread {
  readonly subscription: Operation;
  /** How often it had been awaited by then. */
  readonly awaitCount: number;
}

export class LostMessages {
  /** By kind and name. */
  readonly #unread = new Map<string, Unread>();
  #hasReported = false;

  /** The code has done nothing in the window in which it was served. */
  noteUnread(subscription: Operation): void {
    const { kind, name, awaitCount } = subscription;
    this.#unread.set(keyOf(kind, name), { subscription, awaitCount });
  }

  /** Gives the subscription to this name that took a message for nothing, if there is one to report. */
  take(kind: SubscriptionKind, name: string): Operation | undefined {
    const key = keyOf(kind, name);
    const unread = this.#unread.get(key);
    if (unread === undefined) return undefined;
    this.#unread.delete(key);
    const { subscription, awaitCount } = unread;
    if (this.#hasReported || subscription.awaitCount > awaitCount) return undefined;
    this.#hasReported = true;
    return subscription;
  }

  /** Subscriptions that may have taken a message for nothing. */
  all(): Operation[] {
    return [...this.#unread.values()].map(({ subscription }) => subscription);
  }
}

function keyOf(kind: string, name: string): string {
  return `${kind} ${name}`;
}

/**
 * The warning.
 *
 * @param action - What the code does now
 * @param source - Where
 */
export function lostMessage(
  { kind, name, id = 0 }: Operation,
  action: string,
  source: string | undefined,
): string {
  const [what, taker, next] =
    kind === "event"
      ? [`event "${name}"`, "wait", "waits for the event again"]
      : [`a message of queue "${name}"`, "dequeue", "asks the queue again"];
  const line = source === undefined ? "" : ` (${source})`;
  return (
    `Cannot give ${what} to the code: ${taker} ${id} took it, the code did nothing with it, ` +
    `and now it ${action === "" ? next : action}${line}; a ${taker} that lost a Promise.race, or a ctx.select() ` +
    `with { keep: true }, still takes what comes next: make the ${taker} once, before the loop, and pass ` +
    "the same one with { keep: true } in each round, or use ctx.select() without it"
  );
}
