/**
 * Messages and events that were given to a subscription which the code has left behind.
 *
 * What a subscription has taken reaches no code
 * - when it lost a native `Promise.race`, or a `ctx.select()` with `{ keep: true }`, and the code did
 *   nothing in the window in which it was served;
 * - when a combination of `ctx` was decided without it after it had been served;
 * - when it was served in a branch that lost, and nothing has awaited it;
 * - when the execution continues as new, and nothing has awaited it.
 * That is reported once per execution, when the code subscribes to the same name again or continues as
 * new (a message of an ended instance has no reader). A subscription that is awaited or combined again
 * has been kept on purpose and is not reported.
 *
 * Boundary: reports and decides nothing: which subscription a message goes to depends on history alone.
 */

import type { Operation } from "./operation.ts";
import type { Scope } from "./scope.ts";

/** What can take a message: a wait for an event, or a dequeue. */
export type SubscriptionKind = "event" | "queue";

/** A subscription that was served while the code went on without it. */
interface Unread {
  readonly subscription: Operation;
  /** How often it had been awaited by then. */
  readonly awaitCount: number;
}

/** So many served subscriptions are kept before those are removed that have been awaited since. */
const SERVED_MAX = 64;

export class LostMessages {
  /** By kind and name. */
  readonly #unread = new Map<string, Unread>();
  /** Those that nothing had awaited when they were served. */
  #served = new Set<Operation>();
  #hasReported = false;

  noteServed(subscription: Operation): void {
    if (subscription.awaitCount > 0) return;
    if (this.#served.size >= SERVED_MAX) this.#served = new Set(this.#neverAwaited());
    this.#served.add(subscription);
  }

  /** A branch has lost. */
  noteClosed(scope: Scope): void {
    for (const subscription of this.#neverAwaited())
      if (subscription.scope.isWithin(scope)) this.noteUnread(subscription);
  }

  /** It was served, and the code goes on without what it has taken. */
  noteUnread(subscription: Operation): void {
    const { kind, name, awaitCount } = subscription;
    this.#unread.set(keyOf(kind, name), { subscription, awaitCount });
  }

  /** Gives the subscription to this name that took a message for nothing, if there is one to report. */
  take(kind: string, name: string): Operation | undefined {
    const key = keyOf(kind, name);
    const unread = this.#unread.get(key);
    if (unread === undefined) return undefined;
    this.#unread.delete(key);
    const { subscription, awaitCount } = unread;
    if (this.#hasReported || subscription.awaitCount > awaitCount) return undefined;
    this.#hasReported = true;
    return subscription;
  }

  /** The same of any name, when no code of the execution can read it any more. */
  takeAny(): Operation | undefined {
    for (const subscription of this.#neverAwaited()) this.noteUnread(subscription);
    for (const { subscription } of [...this.#unread.values()]) {
      const taken = this.take(subscription.kind, subscription.name);
      if (taken !== undefined) return taken;
    }
    return undefined;
  }

  #neverAwaited(): Operation[] {
    return [...this.#served].filter(({ awaitCount }) => awaitCount === 0);
  }
}

function keyOf(kind: string, name: string): string {
  return `${kind} ${name}`;
}

/**
 * The warning.
 *
 * @param reason - What the code does now: it subscribes to the name again, or continues as new
 * @param source - Where
 */
export function lostMessage(
  { kind, name, id = 0 }: Operation,
  reason: "again" | "continuesAsNew",
  source: string | undefined,
): string {
  const [what, taker, next] =
    kind === "event"
      ? [`event "${name}"`, "wait", "waits for the event again"]
      : [`a message of queue "${name}"`, "dequeue", "asks the queue again"];
  const line = source === undefined ? "" : ` (${source})`;
  return (
    `Cannot give ${what} to the code: ${taker} ${id} took it, the code did nothing with it, ` +
    `and now it ${reason === "again" ? next : "continues as new"}${line}; a ${taker} that lost a Promise.race, or a ctx.select() ` +
    `with { keep: true }, still takes what comes next, and one whose combination is decided keeps what it has: ` +
    `make the ${taker} once, before the loop, and await the same one or pass it on with { keep: true }`
  );
}
