/**
 * What `AsyncLocalStorage` holds for the code that runs: a request, a tenant, a trace.
 *
 * A promise's callbacks run in the context of the code that added them, but a timer's callback runs in
 * the context of the code that armed it. Timers, loops and queues of the engine serve all callers, so
 * each enters a context by itself and inherits none.
 */

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";

type AnyFunction = (...args: never[]) => unknown;

const OPTIONS = { requireManualDestroy: true };

/** Whether `enterWith` changes the context for all that enter it later, as on Node 20 and 22. */
const IS_CHANGED_BY_ENTER_WITH = ((): boolean => {
  const storage = new AsyncLocalStorage<boolean>();
  const resource = new AsyncResource("duroxide", OPTIONS);
  try {
    resource.runInAsyncScope(() => storage.enterWith(true));
    return resource.runInAsyncScope(() => storage.getStore()) === true;
  } finally {
    storage.disable(); // Or each promise of the process would cost more.
  }
})();

function runInFreshResource<T>(work: () => T): T {
  return new AsyncResource("duroxide", OPTIONS).runInAsyncScope(work);
}

/** One context, captured once and entered as often as needed. */
export class AsyncContext {
  /**
   * The context in which this module was loaded, in which what serves the whole process runs: the
   * empty one, unless an application loads the library for the first time inside of a request.
   */
  static readonly root: AsyncContext = new AsyncContext();

  readonly #resource = new AsyncResource("duroxide", OPTIONS);

  private constructor() {
    // See `capture`.
  }

  /** The context of the caller. */
  static capture(): AsyncContext {
    return new AsyncContext();
  }

  /** Calls `work` in this context. */
  run<T>(work: () => T): T {
    return this.#resource.runInAsyncScope(work);
  }

  /** The same for code of the user, which may change its context with `enterWith`: no other code sees that. */
  runUserCode<T>(work: () => T): T {
    return IS_CHANGED_BY_ENTER_WITH
      ? this.#resource.runInAsyncScope<undefined, T>(runInFreshResource, undefined, work)
      : this.#resource.runInAsyncScope(work);
  }

  /** A function that calls `work` in this context, wherever it is called. */
  bind<F extends AnyFunction>(work: F): F {
    const bound = (...args: never[]): unknown => this.run(() => work(...args));
    return bound as F;
  }
}

/** A value that code keeps across its awaits, in the context of any caller. */
export class AsyncMark<T> {
  readonly #storage = new AsyncLocalStorage<T>();

  /** Undefined in code that was not begun under a mark. */
  get current(): T | undefined {
    return this.#storage.getStore();
  }

  /** Calls `work` under the mark. */
  run(value: T, work: () => void): void {
    this.#storage.run(value, work);
  }
}
