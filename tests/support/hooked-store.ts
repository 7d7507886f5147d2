/** A store between a runtime and the real one: it watches what is written, fails, or dies. */

import { ProviderError } from "../../src/provider/errors.ts";
import type { Provider, WriteOperation, WriteOutcome } from "../../src/provider/provider.ts";

/** Called for each batch; `next` hands it to the real store. */
export type OnWrite = (
  operations: readonly WriteOperation[],
  next: () => Promise<readonly WriteOutcome[]>,
) => Promise<readonly WriteOutcome[]>;

export interface HookedStore {
  readonly provider: Provider;
  /**
   * From now on whoever uses this store can do nothing with it any more, as if its process had been
   * killed: nothing is written, nothing handed back, nothing renewed.
   */
  die(): void;
  /** Batches that reached the real store. */
  readonly batches: readonly (readonly WriteOperation[])[];
}

const passOn: OnWrite = (_, next) => next();

/** Calls that still answer after the death, so that the test can clear the remains away. */
const LAST_WORDS: Partial<Provider> = {
  write: () => Promise.reject(gone()),
  removeNode: () => Promise.resolve(false),
};

/** @param others - Methods that answer instead of the real ones */
export function hooked(
  inner: Provider,
  onWrite: OnWrite = passOn,
  others: Partial<Provider> = {},
): HookedStore {
  let isDead = false;
  const batches: (readonly WriteOperation[])[] = [];
  const overrides: Partial<Provider> = {
    ...others,
    write: (operations) =>
      onWrite(operations, async () => {
        if (isDead) throw gone();
        const outcomes = await inner.write(operations);
        batches.push(operations);
        return outcomes;
      }),
  };
  const provider = new Proxy(inner, {
    get(_, key: keyof Provider) {
      if (isDead && key in LAST_WORDS) return LAST_WORDS[key];
      const value: unknown = overrides[key] ?? inner[key];
      if (typeof value !== "function") return value;
      // Neither asks the store.
      if (isDead && key !== "nowMs" && key !== "stallNote") return () => Promise.reject(gone());
      return value.bind(inner) as unknown;
    },
  });
  return {
    provider,
    batches,
    die: () => {
      isDead = true;
    },
  };
}

function gone(): ProviderError {
  return new ProviderError("closed", "Cannot reach the store: this process is dead", {
    retryable: false,
  });
}

export function busy(): ProviderError {
  return new ProviderError("store_busy", "Cannot write: the store is busy", { retryable: true });
}

export function broken(): ProviderError {
  return new ProviderError("store_failed", "Cannot write: the store is broken", {
    retryable: false,
  });
}

/** The turns of a batch. */
export function turnsOf(
  operations: readonly WriteOperation[],
): Extract<WriteOperation, { kind: "commitTurn" }>[] {
  return operations.filter((operation) => operation.kind === "commitTurn");
}

/** Whether a batch lands the outcome of an activity of this node, directly or through the queue. */
export function finishesActivity(operations: readonly WriteOperation[]): boolean {
  return operations.some(
    (operation) =>
      operation.kind === "completeActivity" ||
      (operation.kind === "commitTurn" && operation.consumed.activities.length > 0),
  );
}
