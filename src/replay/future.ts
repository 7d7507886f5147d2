/**
 * The durable future: a thenable that settles synchronously for combinators and through a native
 * promise, made only for an await, for user code.
 *
 * I1. A failure that no code awaits creates no promise and therefore no unhandled rejection.
 * I2. Subscribers run in the order in which they subscribed, inside the delivery that settles.
 */

import { UsageError } from "../foundation/errors.ts";
import { NOT_A_VALUE, type NotAValue } from "../foundation/json.ts";
import { takeStack } from "../foundation/stack.ts";
import { findUserFrame } from "./source.ts";
import type { DurableFuture, DurableFutureKind } from "../orchestration/durable-future.ts";

/** How a future ended. */
export type Settlement<T> =
  | { readonly status: "fulfilled"; readonly value: T }
  | { readonly status: "rejected"; readonly reason: unknown };

const AWAIT_IT = "await it";

/** A future that can be observed without a promise. */
export abstract class Future<T> implements DurableFuture<T>, NotAValue {
  abstract readonly kind: DurableFutureKind;
  #settlement: Settlement<T> | undefined;
  #subscribers: ((settlement: Settlement<T>) => void)[] | undefined;
  #promise: Promise<T> | undefined;
  #lostTo: string | undefined;
  #awaitCount = 0;

  constructor() {
    // The object's own and enumerable, so that `{ ...future }` has the mark as well.
    (this as { [NOT_A_VALUE]?: NotAValue })[NOT_A_VALUE] = this;
  }

  get id(): number | undefined {
    return undefined;
  }

  /** Undefined while under way. */
  get settlement(): Settlement<T> | undefined {
    return this.#settlement;
  }

  abstract cancel(reason?: string): void;

  /** Which combination it lost, such as `ctx.select()`; it was canceled for that. */
  get lostTo(): string | undefined {
    return this.#lostTo;
  }

  /** Cancels it as a loser of a combination. */
  lose(to: string, reason: string): void {
    if (this.#settlement !== undefined) return;
    this.#lostTo = to;
    this.cancel(reason);
  }

  /** How often code has awaited it, itself or through what was derived from it. */
  get awaitCount(): number {
    return this.#awaitCount;
  }

  /** Calls `visit` with each future behind it that is not made of others. */
  visitSources(visit: (source: object) => void): void {
    visit(this);
  }

  /** Counts an await, or a combination that hands its value to the code. */
  noteAwait(): void {
    this.#awaitCount += 1;
  }

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
    this.noteAwait();
    this.#promise ??= new Promise<T>((resolve, reject) => {
      this.subscribe((settlement) => {
        if (settlement.status === "fulfilled") resolve(settlement.value);
        else reject(settlement.reason);
      });
    });
    return this.#promise.then(onFulfilled, onRejected);
  }

  /** What it is, for messages. */
  get label(): string {
    return `ctx.${this.kind}()`;
  }

  get what(): string {
    return `the durable future of ${this.label}`;
  }
  get instead(): string {
    return AWAIT_IT;
  }

  // A forgotten `await` must not become "[object Object]" or "{}".
  [Symbol.toPrimitive](): never {
    throw this.#notAwaited("as a text or a number");
  }
  toJSON(): never {
    throw this.#notAwaited("in JSON");
  }

  #notAwaited(use: string): UsageError {
    const source = findUserFrame(takeStack("use"));
    return new UsageError(
      "invalid_argument",
      `Cannot use ${this.label} ${use}${source === undefined ? "" : ` (${source})`}: it is a durable future, whose value is not there yet; await it`,
    );
  }

  settled(): DurableFuture<PromiseSettledResult<T>> {
    return new DerivedFuture(this, (value) => ({ status: "fulfilled", value }));
  }

  map<U>(transform: (value: T) => U): DurableFuture<U> {
    return new DerivedFuture(this, (settlement) =>
      settlement.status === "rejected"
        ? settlement
        : { status: "fulfilled", value: transform(settlement.value) },
    );
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

/** The same operation, seen differently. */
class DerivedFuture<T, U> extends Future<U> {
  readonly kind = "mapped";
  readonly #source: Future<T>;

  constructor(source: Future<T>, derive: (settlement: Settlement<T>) => Settlement<U>) {
    super();
    this.#source = source;
    source.subscribe((settlement) => {
      try {
        this.settle(derive(settlement));
      } catch (reason) {
        this.settle({ status: "rejected", reason });
      }
    });
  }

  override get id(): number | undefined {
    return this.#source.id;
  }
  override get label(): string {
    return this.#source.label;
  }
  override get lostTo(): string | undefined {
    return this.#source.lostTo;
  }

  cancel(reason?: string): void {
    this.#source.cancel(reason);
  }
  override lose(to: string, reason: string): void {
    this.#source.lose(to, reason);
  }
  override noteAwait(): void {
    super.noteAwait();
    this.#source.noteAwait();
  }
  override visitSources(visit: (source: object) => void): void {
    this.#source.visitSources(visit);
  }
}
