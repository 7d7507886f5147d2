/**
 * Queue messages that were given to a dequeue which lost a native `Promise.race`.
 *
 * A native race cannot be seen: its loser stays a subscription and takes the next message, which then
 * reaches no code. What can be seen is its trace: a dequeue was awaited by hand, the code went on
 * without it, and when it was served the code did nothing. That is reported once per execution, when
 * the code asks the same queue again or continues as new (a message of an ended instance has no
 * reader). A dequeue that is awaited again has been kept on purpose and is not reported.
 *
 * Boundary: reports and decides nothing: whom a message goes to depends on history alone.
 */

import type { Operation } from "./operation.ts";

/** A dequeue that was served while the code went on without it. */
interface Unread {
  readonly dequeue: Operation;
  /** How often it had been awaited by then. */
  readonly awaitCount: number;
}

export class LostMessages {
  /** By queue. */
  readonly #unread = new Map<string, Unread>();
  #hasReported = false;

  /** The code has done nothing in the window in which `dequeue` was served. */
  noteUnread(dequeue: Operation): void {
    this.#unread.set(dequeue.name, { dequeue, awaitCount: dequeue.awaitCount });
  }

  /** Gives the dequeue of this queue that took a message for nothing, if there is one to report. */
  take(queue: string): Operation | undefined {
    const unread = this.#unread.get(queue);
    if (unread === undefined) return undefined;
    this.#unread.delete(queue);
    if (this.#hasReported || unread.dequeue.awaitCount > unread.awaitCount) return undefined;
    this.#hasReported = true;
    return unread.dequeue;
  }

  /** The queues that may have such a dequeue. */
  queues(): string[] {
    return [...this.#unread.keys()];
  }
}
