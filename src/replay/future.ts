/**
 * The durable future: a thenable that settles synchronously for combinators and through a native
 * promise, made only when somebody awaits, for user code.
 *
 * I1. A failure that nobody awaits creates no promise and therefore no unhandled rejection.
 * I2. Subscribers run in the order in which they subscribed, inside the delivery that settles.
 */

import type { DurableFuture, DurableFutureKind } from "../orchestration/durable-future.ts";

/** How a future ended. */
export type Settlement<T> =
  | { readonly status: "fulfilled"; readonly value: T }
  | { readonly status: "rejected"; readonly reason: unknown };

/** A future that can be observed without a promise. */
export abstract class Future<T> implements DurableFuture<T> {
  abstract readonly kind: DurableFutureKind;
  #settlement: Settlement<T> | undefined;
  #subscribers: ((settlement: Settlement<T>) => void)[] | undefined;
  #promise: Promise<T> | undefined;

  get id(): number | undefined {
    return undefined;
  }

  /** Undefined while under way. */
  get settlement(): Settlement<T> | undefined {
    return this.#settlement;
  }

  abstract cancel(reason?: string): void;

  /** Calls back when settled, at once if it is already. */
  subscribe(subscriber: (settlement: Settlement<T>) => void): void {
    if (this.#settlement !== undefined) subscriber(this.#settlement);
    else (this.#subscribers ??= []).push(subscriber);
  }

  /** First settlement wins. */
  protected settle(settlement: Settlement<T>): void {
    if (this.#settlement !== undefined) return;
    this.#settlement = settlement;
    const subscribers = this.#subscribers;
    this.#subscribers = undefined;
    if (subscribers !== undefined) for (const subscriber of subscribers) subscriber(settlement);
  }

  // Being a thenable is the point: `await` works on the operation itself.
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#promise ??= new Promise<T>((resolve, reject) => {
      this.subscribe((settlement) => {
        if (settlement.status === "fulfilled") resolve(settlement.value);
        else reject(settlement.reason);
      });
    });
    return this.#promise.then(onFulfilled, onRejected);
  }

  settled(): Promise<PromiseSettledResult<T>> {
    return new Promise((resolve) => {
      this.subscribe(resolve);
    });
  }

  map<U>(transform: (value: T) => U): DurableFuture<U> {
    return new MappedFuture(this, transform);
  }
}

/** Never settles; where code that will not take no for an answer comes to rest. */
export class SleepingFuture extends Future<unknown> {
  readonly kind: DurableFutureKind;

  constructor(kind: DurableFutureKind) {
    super();
    this.kind = kind;
  }

  cancel(): void {
    // There is nothing to cancel.
  }
}

class MappedFuture<T, U> extends Future<U> {
  readonly kind = "mapped";
  readonly #source: Future<T>;

  constructor(source: Future<T>, transform: (value: T) => U) {
    super();
    this.#source = source;
    source.subscribe((settlement) => {
      if (settlement.status === "rejected") {
        this.settle(settlement);
        return;
      }
      try {
        this.settle({ status: "fulfilled", value: transform(settlement.value) });
      } catch (reason) {
        this.settle({ status: "rejected", reason });
      }
    });
  }

  override get id(): number | undefined {
    return this.#source.id;
  }

  cancel(reason?: string): void {
    this.#source.cancel(reason);
  }
}
