/**
 * All waiters of this process for a condition of an instance.
 *
 * I1. However many wait, one batched read answers them: after a notification from this process, after
 *     a change by another one, and slowly as a safety net.
 * I2. The first check is made before anything is waited for, so that no change between asking and
 *     waiting is missed; where the caller knows that a change is still to come, and that this watch
 *     will be notified of it, nothing is read for it in the first second.
 * I3. A row that one waiter cannot read (another codec, a damaged value) is that waiter's error alone.
 */

import { onAbort } from "../foundation/on-abort.ts";
import { AsyncContext } from "../foundation/async-context.ts";
import { createDeferred, type Deferred } from "../foundation/deferred.ts";
import { AbortedError, isDuroxideError, TimeoutError } from "../foundation/errors.ts";
import { Timer, toTimerMs } from "../foundation/timer.ts";
import { host, type TimerHandle } from "../foundation/host.ts";
import type { InstanceRow, Provider } from "./provider.ts";

/** Rows read at once. */
const READ_MAX = 5_000;
/** Safety net against a lost notification, in milliseconds; `Provider.watch` misses nothing for good. */
const SAFETY_POLL_MS = 30_000;
/** Pause before a store that could not be read is asked again, in milliseconds. */
const RETRY_MS = 1_000;
/** What is to come here is looked for after this time all the same: it may come from elsewhere. */
const VERIFY_MS = 1_000;

/** In milliseconds; for tests. */
export interface WatchTimes {
  /** @default 30,000 */
  readonly safetyPollMs?: number | undefined;
  /** @default 1,000 */
  readonly verifyMs?: number | undefined;
  /** @default 1,000 */
  readonly retryMs?: number | undefined;
}

/** Checks the row (undefined: unknown instance); undefined as answer means: keep waiting. */
export type InstanceCheck<T> = (row: InstanceRow | undefined) => { readonly value: T } | undefined;

export interface WatchLimits {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What is waited for, for the errors. */
  readonly subject: string;
  /** What is waited for has not happened yet, and {@link InstanceWatch.notify} will tell of it. */
  readonly isToCome?: boolean | undefined;
}

interface Waiter {
  readonly look: (row: InstanceRow | undefined) => void;
  readonly fail: (error: unknown) => void;
}

export class InstanceWatch {
  readonly #provider: Provider;
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #changed = new Set<string>();
  #isReading = false;
  #isScheduled = false;
  #endWatch: (() => void) | undefined;
  #safetyPoll: TimerHandle | undefined;
  #retry: TimerHandle | undefined;
  #verify: TimerHandle | undefined;
  readonly #unverified = new Set<string>();
  readonly #times: WatchTimes;

  constructor(provider: Provider, times: WatchTimes = {}) {
    this.#provider = provider;
    this.#times = times;
  }

  /**
   * Waits until `check` has an answer.
   *
   * @throws TimeoutError `timeout`, AbortedError `aborted`, ProviderError when the store fails for good
   */
  async waitFor<T>(instanceId: string, check: InstanceCheck<T>, limits: WatchLimits): Promise<T> {
    if (limits.signal?.aborted === true) throw aborted(limits);
    const deferred = createDeferred<T>();
    const waiter: Waiter = {
      look: (row) => {
        try {
          const answer = check(row);
          if (answer !== undefined) deferred.resolve(answer.value);
        } catch (error) {
          deferred.reject(error); // (I3)
        }
      },
      fail: deferred.reject,
    };
    const release = limitWait(deferred, limits);
    this.#add(instanceId, waiter);
    if (limits.isToCome === true) this.#verifySoon(instanceId);
    else this.notify(instanceId); // (I2)
    try {
      return await deferred.promise;
    } finally {
      release();
      this.#remove(instanceId, waiter);
    }
  }

  /**
   * Something about the instance has changed and is durable.
   *
   * @param row - What is stored now, where the caller knows it: whom that answers needs no read
   */
  notify(instanceId: string, row?: InstanceRow): void {
    const waiters = this.#waiters.get(instanceId);
    if (waiters === undefined) return;
    if (row !== undefined) for (const waiter of [...waiters]) waiter.look(row);
    // By the time of the read those who have their answer wait no longer.
    this.#changed.add(instanceId);
    this.#schedule();
  }

  #add(instanceId: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(instanceId) ?? new Set();
    this.#waiters.set(instanceId, waiters);
    waiters.add(waiter);
    // It serves all waiters, in the context of none.
    this.#endWatch ??= AsyncContext.root.run(() =>
      this.#provider.watch(({ instanceIds }) => {
        if (instanceIds === undefined) this.notifyAll();
        else for (const id of instanceIds) this.notify(id);
      }),
    );
    this.#safetyPoll ??= host.setInterval(
      () => {
        this.notifyAll();
      },
      toTimerMs(this.#times.safetyPollMs ?? SAFETY_POLL_MS),
    );
  }

  #remove(instanceId: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(instanceId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(instanceId);
    if (this.#waiters.size > 0) return;
    this.#endWatch?.();
    this.#endWatch = undefined;
    host.clearInterval(this.#safetyPoll);
    this.#safetyPoll = undefined;
    host.clearTimeout(this.#retry);
    this.#retry = undefined;
    host.clearTimeout(this.#verify);
    this.#verify = undefined;
    this.#unverified.clear();
  }

  /** One timer for all that begin to wait while it runs. */
  #verifySoon(instanceId: string): void {
    this.#unverified.add(instanceId);
    this.#verify ??= host.setTimeout(
      () => {
        this.#verify = undefined;
        const instanceIds = [...this.#unverified];
        this.#unverified.clear();
        for (const id of instanceIds) this.notify(id);
      },
      toTimerMs(this.#times.verifyMs ?? VERIFY_MS),
    );
  }

  /** Anything may have changed. */
  notifyAll(): void {
    for (const id of this.#waiters.keys()) this.#changed.add(id);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isReading) return;
    this.#isScheduled = true;
    host.setImmediate(() => {
      this.#isScheduled = false;
      void this.#read();
    });
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#changed.size > 0) {
        const ids = [...this.#changed].slice(0, READ_MAX);
        for (const id of ids) this.#changed.delete(id);
        await this.#readSome(ids.filter((id) => this.#waiters.has(id)));
      }
    } finally {
      this.#isReading = false;
    }
  }

  async #readSome(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    let rows: readonly InstanceRow[];
    try {
      rows = await this.#provider.readInstances(ids);
    } catch (error) {
      this.#onReadError(ids, error);
      return;
    }
    const byId = new Map(rows.map((row) => [row.instanceId, row]));
    for (const id of ids) {
      for (const waiter of [...(this.#waiters.get(id) ?? [])]) waiter.look(byId.get(id));
    }
  }

  /** A store that is busy is asked again soon; one that is closed ends the waits. */
  #onReadError(ids: readonly string[], error: unknown): void {
    if (isDuroxideError(error) && error.retryable) {
      this.#retry ??= host.setTimeout(
        () => {
          this.#retry = undefined;
          this.notifyAll();
        },
        toTimerMs(this.#times.retryMs ?? RETRY_MS),
      );
      return;
    }
    for (const id of ids) for (const waiter of this.#waiters.get(id) ?? []) waiter.fail(error);
  }
}

/** Ends a wait by time or signal; returns what takes both back. */
function limitWait<T>(deferred: Deferred<T>, limits: WatchLimits): () => void {
  const { timeoutMs, signal, subject } = limits;
  const timer =
    timeoutMs === undefined
      ? undefined
      : new Timer(timeoutMs, () => {
          deferred.reject(
            new TimeoutError(
              `Cannot wait longer for ${subject}: ${timeoutMs} ms have passed; wait again`,
              { timeoutMs },
            ),
          );
        });
  const stopListening =
    signal === undefined
      ? undefined
      : onAbort(signal, () => {
          deferred.reject(aborted(limits));
        });
  return () => {
    timer?.stop();
    stopListening?.();
  };
}

function aborted({ subject, signal }: WatchLimits): AbortedError {
  return new AbortedError(
    `Cannot wait longer for ${subject}: the signal was aborted`,
    signal?.reason,
  );
}
