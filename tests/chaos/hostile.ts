/** What the hostile process and its tests agree on. */

/** Crashes before work counts as poison. */
export const MAX_ATTEMPTS = 5;
