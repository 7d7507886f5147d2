/** What silent processes and their tests agree on. */

/** Crashes before work counts as poison. */
export const MAX_CRASHES = 2;
export const LEASE_MS = 400;
