/**
 * `select`, `join` and `all`: built on synchronous subscription, so that width costs one callback
 * per branch and a decision is made inside the very delivery that causes it (weaknesses U4, R6).
 *
 * I1. A branch that is an async function gets a scope of its own; the scope closes when the branch
 *     loses.
 * I2. Branches are started and asked in argument order: of several finished ones the leftmost wins.
 * I3. Code of a losing branch runs before code that awaits the winner: the latter gets the next
 *     window, before the next event.
 */

import { isError } from "../foundation/is-error.ts";
import type { Branch, DurableFutureKind } from "../orchestration/durable-future.ts";
import type { OrchestrationContext } from "../orchestration/context.ts";
import { CanceledError } from "../orchestration/errors.ts";
import { Future, type Settlement } from "./future.ts";
import { DROPPED } from "./operation.ts";

/** A branch that has been started. */
interface StartedBranch {
  /** Undefined for a function or a promise. */
  readonly future?: Future<unknown>;
  subscribe(subscriber: (settlement: Settlement<unknown>) => void): void;
  /** @returns Whether code of the branch goes on because of it */
  lose(to: string, reason: string): boolean;
}

/** What a combination needs of the execution that it belongs to. */
export interface CombinationHost {
  /** Opens a context whose operations end with its branch. */
  openScope(): {
    readonly context: OrchestrationContext;
    readonly close: (reason: string) => boolean;
  };
  /** Does something in the next window, before the next event. */
  defer(action: () => void): void;
  /** The code goes on without the value of a future that has one, see `LostMessages`. */
  readonly noteDropped: (source: object) => void;
}

function startBranch(branch: Branch, host: CombinationHost): StartedBranch {
  if (branch instanceof Future) {
    return {
      future: branch,
      subscribe: (subscriber) => {
        branch.subscribe(subscriber);
      },
      lose: (to, reason) => {
        branch.lose(to, reason);
        return false;
      },
    };
  }
  if (typeof branch !== "function") return startPromise(branch, () => false);
  const scope = host.openScope();
  let promise: PromiseLike<unknown>;
  try {
    promise = branch(scope.context);
  } catch (error) {
    promise = Promise.reject(error);
  }
  return startPromise(promise, (reason) => {
    // Its end is of no interest any more, least of all to the host's `unhandledRejection`.
    Promise.resolve(promise).then(undefined, () => undefined);
    return scope.close(reason);
  });
}

function startPromise(
  promise: PromiseLike<unknown>,
  close: (reason: string) => boolean,
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
    lose: (_to, reason) => close(reason),
  };
}

/** Which branch it was: a position, or a name. */
type Place = { readonly index: number } | { readonly key: string };

/** Errors that a combination has named: the outermost one has the last word. */
const named = new WeakSet<object>();

/** Notes on an error which branch it came from, where it has no such property of its own. */
function nameBranch(reason: unknown, place: Place): void {
  if (!isError(reason) || !Object.isExtensible(reason)) return;
  if (named.has(reason)) {
    Reflect.deleteProperty(reason, "index");
    Reflect.deleteProperty(reason, "key");
  } else if (Object.hasOwn(reason, "index") || Object.hasOwn(reason, "key")) return;
  named.add(reason);
  const [name, value] = Object.entries(place)[0] as [string, unknown];
  // Not enumerable: what the failure stores of the error stays what was thrown.
  Object.defineProperty(reason, name, { value, configurable: true, writable: true });
}

/** A future over several branches. */
abstract class CombinedFuture<T> extends Future<T> {
  readonly kind: DurableFutureKind;
  readonly #host: CombinationHost;
  readonly #branches: readonly StartedBranch[];
  /** From here on nothing that happens to a branch counts, its own cancellation least of all. */
  #isDecided = false;

  constructor(kind: DurableFutureKind, branches: readonly Branch[], host: CombinationHost) {
    super();
    this.kind = kind;
    this.#host = host;
    this.#branches = branches.map((branch) => startBranch(branch, host));
  }

  /** Subscribes to the branches in order until the future is settled. */
  protected listen(onSettled: (index: number, settlement: Settlement<unknown>) => void): void {
    for (let i = 0; i < this.#branches.length && !this.#isDecided; i += 1) {
      this.#branches[i]?.subscribe((settlement) => {
        if (!this.#isDecided) onSettled(i, settlement);
      });
    }
  }

  /** Whether the branches outlive the decision. */
  protected readonly keepsLosers: boolean = false;

  /** Settles once and for all, when every branch but the winner that is not finished is canceled. (I3) */
  protected decide(settlement: Settlement<T>, winner: number, reason: string = DROPPED): void {
    this.#isDecided = true;
    let goesOn = false;
    for (const [index, branch] of this.#branches.entries()) {
      if (index === winner) {
        branch.future?.noteAwait();
        continue;
      }
      this.#drop(branch);
      if (!this.keepsLosers && branch.lose(`ctx.${this.kind}()`, reason)) goesOn = true;
    }
    if (!goesOn) this.settle(settlement);
    else {
      this.#host.defer(() => {
        this.settle(settlement);
      });
    }
  }

  #drop({ future }: StartedBranch): void {
    if (future?.settlement?.status !== "fulfilled") return;
    future.visitSources(this.#host.noteDropped);
  }

  /** Settles with the values of all branches. */
  protected complete(settlement: Settlement<T>): void {
    for (const { future } of this.#branches) future?.noteAwait();
    this.settle(settlement);
  }

  override visitSources(visit: (source: object) => void): void {
    for (const { future } of this.#branches) future?.visitSources(visit);
  }

  /** A combination that lost a race takes its branches with it. */
  cancel(reason: string = DROPPED): void {
    if (this.#isDecided || this.settlement !== undefined) return;
    const error = new CanceledError(`ctx.${this.kind}()`, reason);
    this.decide({ status: "rejected", reason: error }, -1, reason);
  }
}

export interface SelectParts<T> {
  readonly branches: readonly Branch[];
  readonly keepsLosers: boolean;
  readonly placeOf: (index: number) => Place;
  readonly present: (index: number, value: unknown) => T;
}

export class SelectFuture<T> extends CombinedFuture<T> {
  protected override readonly keepsLosers: boolean;

  constructor({ branches, keepsLosers, placeOf, present }: SelectParts<T>, host: CombinationHost) {
    super("select", branches, host);
    this.keepsLosers = keepsLosers;
    // A loser that stays open is waited for as by a native race, see `LostMessages`.
    if (keepsLosers)
      for (const branch of branches) if (branch instanceof Future) branch.noteAwait();
    this.listen((index, settlement) => {
      if (settlement.status === "rejected") {
        nameBranch(settlement.reason, placeOf(index));
        this.decide(settlement, index);
      } else this.decide({ status: "fulfilled", value: present(index, settlement.value) }, index);
    });
  }
}

export class JoinFuture extends CombinedFuture<Settlement<unknown>[]> {
  constructor(branches: readonly Branch[], host: CombinationHost) {
    super("join", branches, host);
    const outcomes = new Array<Settlement<unknown>>(branches.length);
    let missing = branches.length;
    if (missing === 0) this.settle({ status: "fulfilled", value: outcomes });
    this.listen((index, settlement) => {
      if (settlement.status === "rejected") nameBranch(settlement.reason, { index });
      outcomes[index] = settlement;
      missing -= 1;
      if (missing === 0) this.complete({ status: "fulfilled", value: outcomes });
    });
  }
}

export class AllFuture extends CombinedFuture<unknown[]> {
  constructor(branches: readonly Branch[], host: CombinationHost) {
    super("all", branches, host);
    const values = new Array<unknown>(branches.length);
    let missing = branches.length;
    if (missing === 0) this.settle({ status: "fulfilled", value: values });
    this.listen((index, settlement) => {
      if (settlement.status === "rejected") {
        nameBranch(settlement.reason, { index });
        this.decide(settlement, index);
        return;
      }
      values[index] = settlement.value;
      missing -= 1;
      if (missing === 0) this.complete({ status: "fulfilled", value: values });
    });
  }
}
