/**
 * When a queued row becomes visible to claims.
 *
 * I1. A row that is visible at once is stored before all times: the time of its writing less a constant.
 *     So a clock that is set back hides none of it, and it is still found oldest first. What waits
 *     for a time is stored as that time.
 */

const BEFORE_ALL_TIMES_MS = 1_000_000_000_000_000;

/** A closed interval of stored values. */
export type VisibleRange = readonly [from: number, to: number];

/** The value to store for a row that is visible at once, and has waited since a time. (I1) */
export function toAlwaysVisible(sinceMs: number): number {
  return sinceMs - BEFORE_ALL_TIMES_MS;
}

/** The stored values of rows that are visible now: each is one range of an index. */
export function visibleRanges(nowMs: number): readonly [VisibleRange, VisibleRange] {
  return [
    [-Number.MAX_SAFE_INTEGER, -1],
    [0, nowMs],
  ];
}

/** Since when a row has been visible. */
export function toSinceMs(visibleMs: number): number {
  return visibleMs < 0 ? visibleMs + BEFORE_ALL_TIMES_MS : visibleMs;
}
