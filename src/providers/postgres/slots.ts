/**
 * A number of connections that one kind of work may use at once.
 *
 * I1. At most `width` are inside; callers enter in the order of arrival.
 */

import { Timer } from "../../foundation/timer.ts";

export class Slots {
  readonly #width: number;
  readonly #waiting = new Set<() => void>();
  #usedCount = 0;

  /** @param width - At least 1 */
  constructor(width: number) {
    this.#width = width;
  }

  /**
   * To be followed by {@link leave} when it has let in.
   *
   * @param timeoutMs - Longest wait in milliseconds
   * @returns Whether it has let in
   */
  enter(timeoutMs: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    if (this.#usedCount < this.#width) {
      this.#usedCount += 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const letIn = (): void => {
        timer.stop();
        resolve(true);
      };
      const giveUp = (): void => {
        this.#waiting.delete(letIn);
        resolve(false);
      };
      this.#waiting.add(letIn);
      const timer = new Timer(timeoutMs, giveUp);
    });
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#usedCount -= 1;
      return;
    }
    // The slot is handed over, not freed: the slot of the one that leaves counts for the one that enters.
    this.#waiting.delete(next);
    next();
  }
}
