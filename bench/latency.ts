/** Waiting times as figures, beside raw commits. */

import { ascending, percentile } from "./measure.ts";
import type { StoreName } from "./store.ts";
import type { Bench, Sample } from "./workload.ts";

/** So many raw commits, and so many milliseconds on top. */
interface LatencyTarget {
  readonly commits: number;
  readonly ms: number;
  /** Whether the 99th percentile has a target as well, from the p99 of raw commits. */
  readonly hasTail?: boolean;
}

export type LatencyTargets = Partial<Record<StoreName, LatencyTarget>>;

export function toLatencySamples(
  bench: Bench,
  name: string,
  timesMs: readonly number[],
  targets: LatencyTargets,
): Sample[] {
  const { commitMs, commitP99Ms } = bench.floor;
  const target = targets[bench.kind.name];
  const sorted = ascending(timesMs);
  const toSample = (label: string, value: number, rawMs: number | undefined): Sample => ({
    figure: `${name}: ${label}`,
    unit: "ms",
    value,
    better: "lower",
    floor: { ratio: value / commitMs, of: "raw commit" },
    target:
      target === undefined || rawMs === undefined ? undefined : target.commits * rawMs + target.ms,
  });
  return [
    toSample("p50", percentile(sorted, 0.5), commitMs),
    toSample("p99", percentile(sorted, 0.99), target?.hasTail === true ? commitP99Ms : undefined),
  ];
}
