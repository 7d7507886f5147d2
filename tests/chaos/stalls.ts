/** What processes that stall and their tests agree on. */

export const LEASE_MS = 60_000;
export const STALL_MS = 300;
