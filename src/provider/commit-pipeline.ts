/**
 * Group commit: everything in this process that wants to be durable in one store queues up here, and
 * one transaction takes all that has gathered.
 *
 * Boundary: orders and batches operations, retries what may be retried. Knows nothing of what the
 * operations mean.
 *
 * I1. One `write` is in flight at a time; while it is, the next batch gathers. When nothing is in
 *     flight a lone operation leaves with the next macrotask: no caller waits for a batch to fill.
 * I2. A promise resolves only after the commit that contains its operation (guarantee G3).
 * I3. A retryable error is retried with growing delays for as long as the operation allows; it never
 *     turns into an outcome (guarantee G7).
 * I4. An operation that makes the whole batch fail for good fails alone: the batch is repeated one by
 *     one.
 * I5. Operations land in the order in which they were submitted, whatever fails in between.
 */

import { systemClock } from "../foundation/clock.ts";
import { createDeferred, type Deferred } from "../foundation/deferred.ts";
import { isDuroxideError } from "../foundation/errors.ts";
import { toTimerMs } from "../foundation/timer.ts";
import { host } from "../foundation/host.ts";
import type { Provider, WriteOperation, WriteOutcome } from "./provider.ts";

/** Most operations in one transaction, where the store does not want fewer. */
const BATCH_MAX = 512;
/** Longest time that a batch waits for turns under way, in milliseconds. */
const GATHER_MS_MAX = 4;
const RETRY_DELAY_MS_MIN = 5;
const RETRY_DELAY_MS_MAX = 2_000;

interface Pending {
  readonly operation: WriteOperation;
  readonly resolve: (outcome: WriteOutcome) => void;
  readonly reject: (error: unknown) => void;
  /** Monotonic time until which retryable errors are retried. */
  readonly retryUntilMs: number;
}

export interface CommitPipelineHooks {
  /** Whether work is under way that is about to add operations. */
  readonly isGathering: () => boolean;
  /** Called after each commit, before the promises of its operations resolve. */
  readonly onCommitted: (
    operations: readonly WriteOperation[],
    outcomes: readonly WriteOutcome[],
  ) => void;
  /**
   * Called after the first commit that follows an error: a store that lost its answer may have applied
   * operations without a notification.
   */
  readonly onUncertain: () => void;
}

export class CommitPipeline {
  readonly #provider: Provider;
  readonly #hooks: CommitPipelineHooks;
  readonly #batchMax: number;
  #queue: Pending[] = [];
  #isScheduled = false;
  #isWriting = false;
  #gatherUntilMs = 0;
  #retryDelayMs = RETRY_DELAY_MS_MIN;
  #isUncertain = false;
  #flushed: Deferred<undefined> | undefined;
  /** Transactions that landed; tests and benchmarks count them. */
  commitCount = 0;

  constructor(provider: Provider, hooks: CommitPipelineHooks) {
    this.#provider = provider;
    this.#hooks = hooks;
    this.#batchMax = Math.min(BATCH_MAX, provider.batchMax ?? BATCH_MAX);
  }

  /**
   * Makes an operation durable.
   *
   * @param retryMs - How long retryable errors of the store are retried, in milliseconds
   * @throws ProviderError when the store refuses for good, or for longer than `retryMs`
   */
  submit(
    operation: WriteOperation,
    retryMs: number = Number.POSITIVE_INFINITY,
  ): Promise<WriteOutcome> {
    return new Promise((resolve, reject) => {
      const retryUntilMs = systemClock.monotonicMs() + retryMs;
      this.#queue.push({ operation, resolve, reject, retryUntilMs });
      this.#schedule();
    });
  }

  /** Resolves when everything has been written or given up. */
  async flush(): Promise<void> {
    if (this.#queue.length === 0 && !this.#isWriting) return;
    this.#flushed ??= createDeferred();
    await this.#flushed.promise;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isWriting) return;
    this.#isScheduled = true;
    this.#gatherUntilMs = systemClock.monotonicMs() + GATHER_MS_MAX;
    host.setImmediate(this.#onTick);
  }

  readonly #onTick = (): void => {
    const mayWait =
      this.#queue.length < this.#batchMax && systemClock.monotonicMs() < this.#gatherUntilMs;
    if (mayWait && this.#hooks.isGathering()) {
      host.setImmediate(this.#onTick);
      return;
    }
    this.#isScheduled = false;
    this.#writeBatch();
  };

  // Each promise costs every step of every instance, so the usual path makes one.
  #writeBatch(): void {
    const batch = this.#queue.slice(0, this.#batchMax);
    this.#queue = this.#queue.slice(this.#batchMax);
    this.#isWriting = true;
    const operations = toOperations(batch);
    this.#write(operations).then(
      (outcomes) => {
        this.#onOutcomes(batch, operations, outcomes);
        this.#onWritten();
      },
      (error: unknown) => this.#writeAgain(batch, error),
    );
  }

  /** Rejects also where a store throws before it returns a promise. */
  #write(operations: readonly WriteOperation[]): Promise<readonly WriteOutcome[]> {
    try {
      return this.#provider.write(operations);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #writeAgain(batch: readonly Pending[], error: unknown): Promise<void> {
    const left = await this.#onError(batch, error);
    if (left.length > 0) {
      this.#queue = [...left, ...this.#queue]; // (I5)
      await this.#pause();
    }
    this.#onWritten();
  }

  #onWritten(): void {
    this.#isWriting = false;
    if (this.#queue.length > 0) {
      this.#schedule();
      return;
    }
    this.#flushed?.resolve(undefined);
    this.#flushed = undefined;
  }

  #onOutcomes(
    batch: readonly Pending[],
    operations: readonly WriteOperation[],
    outcomes: readonly WriteOutcome[],
  ): void {
    this.commitCount += 1;
    this.#retryDelayMs = RETRY_DELAY_MS_MIN;
    this.#announce(operations, outcomes);
    batch.forEach((pending, i) => {
      pending.resolve(outcomes[i] as WriteOutcome);
    });
  }

  #announce(operations: readonly WriteOperation[], outcomes: readonly WriteOutcome[]): void {
    try {
      this.#hooks.onCommitted(operations, outcomes);
    } catch {
      this.#isUncertain = true; // What a hook could not take in has to be found in the store.
    }
    if (!this.#isUncertain) return;
    this.#isUncertain = false;
    this.#hooks.onUncertain();
  }

  /** Never rejects. @returns What has to be written again */
  async #onError(batch: readonly Pending[], error: unknown): Promise<readonly Pending[]> {
    this.#isUncertain = true;
    if (isDuroxideError(error) && error.retryable) {
      const nowMs = systemClock.monotonicMs();
      const isLate = (pending: Pending): boolean => nowMs >= pending.retryUntilMs;
      for (const pending of batch) if (isLate(pending)) pending.reject(error);
      return batch.filter((pending) => !isLate(pending)); // (I3)
    }
    if (batch.length === 1) {
      batch[0]?.reject(error);
      return [];
    }
    for (let i = 0; i < batch.length; i += 1) {
      const left = await this.#writeAlone(batch.slice(i, i + 1)); // (I4)
      if (left.length > 0) return [...left, ...batch.slice(i + 1)]; // (I5)
    }
    return [];
  }

  async #writeAlone(batch: readonly Pending[]): Promise<readonly Pending[]> {
    const operations = toOperations(batch);
    let outcomes: readonly WriteOutcome[];
    try {
      outcomes = await this.#provider.write(operations);
    } catch (error) {
      return this.#onError(batch, error);
    }
    this.#onOutcomes(batch, operations, outcomes);
    return [];
  }

  async #pause(): Promise<void> {
    const delayMs = this.#retryDelayMs;
    this.#retryDelayMs = Math.min(delayMs * 2, RETRY_DELAY_MS_MAX);
    await host.sleep(toTimerMs(delayMs));
  }
}

function toOperations(batch: readonly Pending[]): readonly WriteOperation[] {
  return batch.map((pending) => pending.operation);
}
