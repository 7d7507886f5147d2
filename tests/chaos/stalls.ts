/** What processes that stall and their tests agree on. */

export const LEASE_MS = 60_000;
/** Of a fleet in which work is taken over. */
export const SHORT_LEASE_MS = 2_000;
export const STALL_MS = 300;
