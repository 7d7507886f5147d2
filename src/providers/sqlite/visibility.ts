/**
 * From when on something that is queued may be met.
 *
 * I1. What may be met at once is stored before all times: the time of its writing less a constant.
 *     So a clock that is set back hides none of it, and it is still found oldest first. What waits
 *     for a time is stored as that time.
 */

const BEFORE_ALL_TIMES_MS = 1_000_000_000_000_000;

/** A closed interval of stored values. */
export type VisibleRange = readonly [from: number, to: number];

/** The value to store for what may be met at once, and has waited since a time. (I1) */
export function toAlwaysVisible(sinceMs: number): number {
  return sinceMs - BEFORE_ALL_TIMES_MS;
}

/** The stored values of what may be met now: each is one stretch of an index. */
export function visibleRanges(nowMs: number): readonly [VisibleRange, VisibleRange] {
  return [
    [-Number.MAX_SAFE_INTEGER, -1],
    [0, nowMs],
  ];
}

/** Since when something could be met. */
export function toSinceMs(visibleMs: number): number {
  return visibleMs < 0 ? visibleMs + BEFORE_ALL_TIMES_MS : visibleMs;
}
