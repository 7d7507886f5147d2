/** A case: one thing that every store does. */

import type { ConformanceHarness, ConformanceStore } from "./harness.ts";
import { SkippedCase } from "./expectation.ts";
import { StoreUnderTest } from "./store-under-test.ts";

/** How a case ended that did not fail. */
export type CaseOutcome =
  | { readonly kind: "passed" }
  /** The harness does not offer what the case needs; print the reason. */
  | { readonly kind: "skipped"; readonly reason: string };

/** One behaviour that the contract demands. */
export interface ConformanceCase {
  /** What it is about, such as `atomicity`. */
  readonly concern: string;
  /** A sentence about the store; unique within its concern. */
  readonly name: string;
  /**
   * Opens a store, runs the case on it, and closes it.
   *
   * @throws ConformanceError when the store behaves differently; whatever else the store throws
   */
  readonly run: (harness: ConformanceHarness) => Promise<CaseOutcome>;
}

/** What a case does with its store. */
export type CaseBody = (store: StoreUnderTest) => Promise<void>;

/** The cases of one concern, by name. */
export function concern(
  name: string,
  bodies: Readonly<Record<string, CaseBody>>,
): readonly ConformanceCase[] {
  return Object.entries(bodies).map(([sentence, body]) => ({
    concern: name,
    name: sentence,
    run: (harness) => runOn(harness, body),
  }));
}

/** Runs something on a new store and closes it. */
export async function runOn(harness: ConformanceHarness, body: CaseBody): Promise<CaseOutcome> {
  const opened = await harness.open();
  try {
    return await runBody(await StoreUnderTest.open(opened, harness), body);
  } finally {
    await close(opened);
  }
}

async function runBody(store: StoreUnderTest, body: CaseBody): Promise<CaseOutcome> {
  try {
    await body(store);
    return { kind: "passed" };
  } catch (error) {
    if (error instanceof SkippedCase) return { kind: "skipped", reason: error.message };
    throw error;
  } finally {
    await store.closeOthers();
  }
}

async function close(opened: ConformanceStore): Promise<void> {
  // A store that has crashed may not be able to close; what it left is `dispose`'s to clean up.
  await opened.provider.close().catch(() => undefined);
  await opened.dispose?.();
}
