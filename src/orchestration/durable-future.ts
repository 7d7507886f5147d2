/** What every durable operation returns. */

import type { OrchestrationContext } from "./context.ts";

export type DurableFutureKind =
  | "activity"
  | "timer"
  | "event"
  | "queue"
  | "subOrchestration"
  | "select"
  | "join"
  | "all"
  | "mapped";

/**
 * The result of a durable operation that may still be under way.
 *
 * Awaited directly: success gives the value, failure throws. It works in `Promise.all`,
 * `Promise.race` and every other combinator; only `ctx.select`, `ctx.all` and {@link cancel} cancel
 * the losers. A failure that no code awaits is recorded and has no other effect.
 */
export interface DurableFuture<T> extends PromiseLike<T> {
  /** Names the operation within its execution; the event id of its schedule once that is recorded. */
  readonly id: number | undefined;
  readonly kind: DurableFutureKind;
  /**
   * The outcome as a value, shaped like an entry of `Promise.allSettled`; never throws. Canceling it
   * cancels the operation.
   */
  settled(): DurableFuture<PromiseSettledResult<T>>;
  /**
   * The same operation with its value transformed; canceling it cancels the operation.
   *
   * @param transform - A pure function
   */
  map<U>(transform: (value: T) => U): DurableFuture<U>;
  /**
   * Cancels the operation if it is not finished: a queued activity is not run, a running one sees
   * its signal, a child is canceled, a wait stops counting, a timer never fires. Code that
   * awaits it gets a `CanceledError`.
   */
  cancel(reason?: string): void;
}

/** What `select`, `join` and `all` take: an operation, or an async function that gets its own scope. */
export type Branch<T = unknown> =
  PromiseLike<T> | ((scope: OrchestrationContext) => PromiseLike<T>);

/** The value that a branch gives. */
export type BranchValue<B> = B extends (scope: OrchestrationContext) => infer R
  ? Awaited<R>
  : Awaited<B>;

/** The winner of `select([...])`: which branch, and its value. */
export type SelectedIndex<B extends readonly Branch[]> = number extends B["length"]
  ? { readonly index: number; readonly value: BranchValue<B[number]> }
  : {
      [K in keyof B]: K extends `${infer Index extends number}`
        ? { readonly index: Index; readonly value: BranchValue<B[K]> }
        : never;
    }[number];

/** The winner of `select({...})`: which branch, and its value. */
export type SelectedKey<B extends Readonly<Record<string, Branch>>> = {
  [K in keyof B]: { readonly key: K; readonly value: BranchValue<B[K]> };
}[keyof B];

/** The outcomes of `join([...])` in argument order. */
export type JoinedOutcomes<B extends readonly Branch[]> = {
  -readonly [K in keyof B]: PromiseSettledResult<BranchValue<B[K]>>;
};

/** The values of `all([...])` in argument order. */
export type AllValues<B extends readonly Branch[]> = {
  -readonly [K in keyof B]: BranchValue<B[K]>;
};
