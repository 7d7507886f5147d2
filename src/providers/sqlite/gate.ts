/**
 * One writer of this process at a time: an open transaction of the user lasts, and what the engine
 * wants to write meanwhile waits for its end instead of spinning at the file's lock.
 *
 * I1. Waiters enter in the order of arrival.
 * I2. While the gate is free, `pass` runs at once, before it returns.
 */

import { Timer } from "../../foundation/timer.ts";
import { ProviderError } from "../../provider/errors.ts";
import { waitWhileBusy } from "./busy.ts";
import { BusyError, isBusy, toProviderError } from "./store-errors.ts";

type LetIn = () => void;

export class Gate {
  readonly #timeoutMs: number;
  readonly #subject: string;
  readonly #waiting = new Set<LetIn>();
  #isTaken = false;
  /** Whether a transaction of the user is inside, and not a write that waits for the file's lock. */
  #hasTransaction = false;

  /** @param timeoutMs - Longest wait for the gate, and again for the lock behind it */
  constructor(timeoutMs: number, subject: string) {
    this.#timeoutMs = timeoutMs;
    this.#subject = subject;
  }

  get isTaken(): boolean {
    return this.#isTaken;
  }

  /** Runs `work`, alone and when the store is not busy. */
  async pass<T>(work: () => T): Promise<T> {
    if (!this.#isTaken) {
      try {
        return work(); // (I2)
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
    }
    await this.enter();
    try {
      return await waitWhileBusy(this.#timeoutMs, work);
    } finally {
      this.leave();
    }
  }

  /**
   * Waits until the gate is free. To be followed by {@link leave}.
   *
   * @throws ProviderError `store_busy` after the timeout
   */
  enter(): Promise<void> {
    if (!this.#isTaken) {
      this.#isTaken = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const letIn = (): void => {
        timer.stop();
        resolve();
      };
      const timer = new Timer(this.#timeoutMs, () => {
        this.#waiting.delete(letIn);
        reject(this.#tooLong());
      });
      this.#waiting.add(letIn);
    });
  }

  /** The one inside has begun a transaction of the user. */
  noteTransaction(): void {
    this.#hasTransaction = true;
  }

  leave(): void {
    this.#hasTransaction = false;
    const [next] = this.#waiting; // (I1)
    if (next === undefined) {
      this.#isTaken = false;
      return;
    }
    this.#waiting.delete(next);
    next();
  }

  #tooLong(): Error {
    if (!this.#hasTransaction) return toProviderError(new BusyError(), "use", this.#subject);
    return new ProviderError(
      "store_busy",
      `Cannot use ${this.#subject} now: a transaction of this process has been open for too long; ` +
        "keep transactions short, and pass them to every call that is awaited inside of them",
      { retryable: true },
    );
  }
}
