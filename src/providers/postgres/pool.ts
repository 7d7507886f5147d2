/** The pool of a store: one of our own for a URL, or the user's. */

import { addressOf, assertTarget, toAddress, type Address } from "./address.ts";
import { createPool, importDriver, type PgPool } from "./driver.ts";
import type { StoreSettings } from "./options.ts";
import { type StallNoter, toStallNoter } from "./stall-note.ts";

/** The provider gives up first, with an error that says why; then the pool clears up, in milliseconds. */
const CLEARING_MS = 500;

export interface OpenedPool {
  readonly pool: PgPool;
  /** Whether it ends with the store. */
  readonly isOurs: boolean;
  /** Undefined for a pool that does not say. */
  readonly at: Address | undefined;
  readonly stallNote: StallNoter;
}

/**
 * Connects to nothing yet.
 *
 * @throws UsageError `invalid_argument` for a target that cannot be one, ProviderError `store_failed`
 */
export async function openPool(target: unknown, settings: StoreSettings): Promise<OpenedPool> {
  assertTarget(target);
  const stallNote = toStallNoter(target, settings);
  if (typeof target !== "string") {
    return { pool: target, isOurs: false, at: addressOf(target), stallNote };
  }
  const driver = await importDriver();
  const at = toAddress(target, driver);
  const pool = createPool(driver, {
    connectionString: target,
    max: settings.connectionsMax,
    password: settings.password,
    applicationName: "duroxide-ts",
    connectTimeoutMs: settings.queryTimeoutMs + CLEARING_MS,
  });
  return { pool, isOurs: true, at, stallNote };
}
