/**
 * `select`, `join` and `all`: built on synchronous subscription, so that width costs one callback
 * per branch and a decision is made inside the very delivery that causes it (weaknesses U4, R6).
 *
 * I1. A branch that is an async function gets a scope of its own; the scope closes when the branch
 *     loses.
 * I2. Branches are started and asked in argument order: of several finished ones the leftmost wins.
 */

import type { Branch, DurableFutureKind } from "../orchestration/durable-future.ts";
import type { OrchestrationContext } from "../orchestration/context.ts";
import { CanceledError } from "../orchestration/errors.ts";
import { Future, type Settlement } from "./future.ts";
import { DROPPED } from "./operation.ts";

/** A branch that has been started. */
interface StartedBranch {
  subscribe(subscriber: (settlement: Settlement<unknown>) => void): void;
  cancel(reason: string): void;
}

/** Opens a context whose operations end with its branch. */
export type OpenScope = () => {
  readonly context: OrchestrationContext;
  readonly close: (reason: string) => void;
};

function startBranch(branch: Branch, openScope: OpenScope): StartedBranch {
  if (branch instanceof Future) {
    return {
      subscribe: (subscriber) => {
        branch.subscribe(subscriber);
      },
      cancel: (reason) => {
        branch.cancel(reason);
      },
    };
  }
  if (typeof branch !== "function") return startPromise(branch, () => undefined);
  const scope = openScope();
  let promise: PromiseLike<unknown>;
  try {
    promise = branch(scope.context);
  } catch (error) {
    promise = Promise.reject(error);
  }
  return startPromise(promise, scope.close);
}

function startPromise(
  promise: PromiseLike<unknown>,
  cancel: StartedBranch["cancel"],
): StartedBranch {
  return {
    subscribe: (subscriber) => {
      Promise.resolve(promise).then(
        (value) => {
          subscriber({ status: "fulfilled", value });
        },
        (reason: unknown) => {
          subscriber({ status: "rejected", reason });
        },
      );
    },
    cancel,
  };
}

/** A future over several branches. */
abstract class CombinedFuture<T> extends Future<T> {
  readonly kind: DurableFutureKind;
  readonly #branches: readonly StartedBranch[];
  /** From here on nothing that happens to a branch counts, its own cancellation least of all. */
  #isDecided = false;

  constructor(kind: DurableFutureKind, branches: readonly Branch[], openScope: OpenScope) {
    super();
    this.kind = kind;
    this.#branches = branches.map((branch) => startBranch(branch, openScope));
  }

  /** Subscribes to the branches in order until the future is settled. */
  protected listen(onSettled: (index: number, settlement: Settlement<unknown>) => void): void {
    for (let i = 0; i < this.#branches.length && !this.#isDecided; i += 1) {
      this.#branches[i]?.subscribe((settlement) => {
        if (!this.#isDecided) onSettled(i, settlement);
      });
    }
  }

  /** Settles once and for all, when every branch but the winner that is not finished is canceled. */
  protected decide(settlement: Settlement<T>, winner: number, reason: string = DROPPED): void {
    this.#isDecided = true;
    this.#branches.forEach((branch, index) => {
      if (index !== winner) branch.cancel(reason);
    });
    this.settle(settlement);
  }

  /** A combination that lost a race takes its branches with it. */
  cancel(reason: string = DROPPED): void {
    if (this.#isDecided || this.settlement !== undefined) return;
    const error = new CanceledError(`ctx.${this.kind}()`, reason);
    this.decide({ status: "rejected", reason: error }, -1, reason);
  }
}

export class SelectFuture<T> extends CombinedFuture<T> {
  constructor(
    branches: readonly Branch[],
    openScope: OpenScope,
    present: (index: number, value: unknown) => T,
  ) {
    super("select", branches, openScope);
    this.listen((index, settlement) => {
      if (settlement.status === "rejected") this.decide(settlement, index);
      else this.decide({ status: "fulfilled", value: present(index, settlement.value) }, index);
    });
  }
}

export class JoinFuture extends CombinedFuture<Settlement<unknown>[]> {
  constructor(branches: readonly Branch[], openScope: OpenScope) {
    super("join", branches, openScope);
    const outcomes = new Array<Settlement<unknown>>(branches.length);
    let missing = branches.length;
    if (missing === 0) this.settle({ status: "fulfilled", value: outcomes });
    this.listen((index, settlement) => {
      outcomes[index] = settlement;
      missing -= 1;
      if (missing === 0) this.settle({ status: "fulfilled", value: outcomes });
    });
  }
}

export class AllFuture extends CombinedFuture<unknown[]> {
  constructor(branches: readonly Branch[], openScope: OpenScope) {
    super("all", branches, openScope);
    const values = new Array<unknown>(branches.length);
    let missing = branches.length;
    if (missing === 0) this.settle({ status: "fulfilled", value: values });
    this.listen((index, settlement) => {
      if (settlement.status === "rejected") {
        this.decide(settlement, index);
        return;
      }
      values[index] = settlement.value;
      missing -= 1;
      if (missing === 0) this.settle({ status: "fulfilled", value: values });
    });
  }
}
