/** A store that fails where a test wants it to. */

import { ProviderError } from "../../src/provider/errors.ts";
import type { Provider, ProviderTransactions } from "../../src/provider/provider.ts";

/** How a call fails. */
export type FaultKind =
  /** Nothing has happened, and trying again helps. */
  | "retryable"
  /** Nothing has happened, and the store says that trying again does not help. */
  | "permanent"
  /** It has happened, but the answer is lost: the caller is told that nothing has. */
  | "unheard";

/** Methods that ask the store for something. */
export type StoreMethod =
  | Exclude<
      {
        [K in keyof Provider]: Provider[K] extends (...args: never[]) => Promise<unknown>
          ? K
          : never;
      }[keyof Provider],
      "close" | typeof Symbol.asyncDispose | undefined
    >
  | "transactions.run"
  | "transactions.write";

export interface FaultyStore {
  readonly provider: Provider;
  /** Lets the n-th call of a method from now on fail (counted from 1), once. */
  failAt(method: StoreMethod, n: number, kind: FaultKind): void;
  /** From now on every call of these methods fails, until {@link heal}. */
  failAll(methods: readonly StoreMethod[], kind: FaultKind): void;
  heal(): void;
  /** Whether the call that was to fail has been made. */
  readonly hasFailed: boolean;
  /** Calls that have failed since the store was made. */
  readonly failureCount: number;
  /** Calls of a method since the last `failAt`. */
  countOf(method: StoreMethod): number;
}

export function faultyStore(inner: Provider): FaultyStore {
  let fault:
    { readonly method: StoreMethod; readonly n: number; readonly kind: FaultKind } | undefined;
  let outage: { readonly methods: readonly StoreMethod[]; readonly kind: FaultKind } | undefined;
  let hasFailed = false;
  let failureCount = 0;
  const counts = new Map<string, number>();

  function kindFor(method: string): FaultKind | undefined {
    const n = (counts.get(method) ?? 0) + 1;
    counts.set(method, n);
    if (outage?.methods.some((name) => name === method) === true) return outage.kind;
    if (fault?.method !== method || fault.n !== n) return undefined;
    hasFailed = true;
    return fault.kind;
  }

  function failing<A extends unknown[], R>(
    name: StoreMethod,
    method: (...args: A) => Promise<R>,
  ): (...args: A) => Promise<R> {
    return async (...args) => {
      const kind = kindFor(name);
      if (kind === undefined) return method(...args);
      failureCount += 1;
      if (kind === "unheard") await method(...args);
      throw toError(kind, name);
    };
  }

  const { transactions } = inner;
  const faultyTransactions: ProviderTransactions | undefined = transactions && {
    run: (work) => failing("transactions.run", () => transactions.run(work))(),
    write: failing("transactions.write", transactions.write.bind(transactions)),
  };

  const provider = new Proxy(inner, {
    get(_, key: string | symbol) {
      if (key === "transactions") return faultyTransactions;
      const value: unknown = inner[key as keyof Provider];
      if (typeof value !== "function") return value;
      const method = value.bind(inner) as (...args: unknown[]) => Promise<unknown>;
      if (typeof key === "symbol" || key === "nowMs" || key === "watch") return method;
      return failing(key as StoreMethod, method);
    },
  });
  return {
    provider,
    failAt(method, n, kind) {
      fault = { method, n, kind };
      hasFailed = false;
      counts.clear();
    },
    failAll(methods, kind) {
      outage = { methods, kind };
    },
    heal() {
      outage = undefined;
    },
    get hasFailed() {
      return hasFailed;
    },
    get failureCount() {
      return failureCount;
    },
    countOf: (method) => counts.get(method) ?? 0,
  };
}

function toError(kind: FaultKind, method: string): ProviderError {
  return kind === "permanent"
    ? new ProviderError("store_failed", `Cannot ${method}: a fault of the test`, {
        retryable: false,
      })
    : new ProviderError("store_busy", `Cannot ${method}: a fault of the test`, { retryable: true });
}
