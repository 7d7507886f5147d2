/** A store with a runtime and a client, as most workloads want them. */

import { Client, Runtime, silentLogger, type RuntimeOptions } from "duroxide-ts";

import type { BenchStore, StoreWishes } from "./store.ts";
import type { Bench } from "./workload.ts";

export interface World {
  readonly store: BenchStore;
  readonly client: Client;
  readonly runtime: Runtime;
  /** Ends the runtime and gives the store's size on disk in bytes. */
  close(): Promise<number>;
}

/** Longest wait for a result; what takes longer is broken, not slow. */
export const PATIENCE = { timeout: "900s" } as const;

export async function openWorld(
  bench: Bench,
  code: Omit<RuntimeOptions, "store">,
  wishes: StoreWishes = {},
): Promise<World> {
  const store = await bench.createStore(wishes);
  const runtime = await Runtime.start({
    store: store.provider,
    logger: silentLogger,
    ...code,
  });
  return {
    store,
    runtime,
    client: new Client(store.provider),
    close: async () => {
      await runtime.shutdown();
      return store.close();
    },
  };
}

/** Closed loop: so many callers, each with one call under way, until `total` calls are made. */
export async function callInLoop(
  total: number,
  callers: number,
  call: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < total) {
      const index = next;
      next += 1;
      await call(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(callers, total) }, loop));
}

export async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

export function assertEqual(actual: unknown, expected: unknown, what: string): void {
  if (actual === expected) return;
  throw new Error(`${what} is wrong: ${String(actual)} instead of ${String(expected)}`);
}

/** As people write counts. */
export function count(value: number): string {
  return value.toLocaleString("en");
}
