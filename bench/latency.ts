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
  const toTarget = (rawMs: number): number | undefined =>
    target && target.commits * rawMs + target.ms;
  const p50 = percentile(sorted, 0.5);
  const p99 = percentile(sorted, 0.99);
  const common = { unit: "ms", better: "lower" } as const;
  return [
    {
      figure: `${name}: p50`,
      value: p50,
      ...common,
      floor: { ratio: p50 / commitMs, of: "raw commit" },
      target: toTarget(commitMs),
    },
    {
      figure: `${name}: p99`,
      value: p99,
      ...common,
      floor: { ratio: p99 / commitP99Ms, of: "raw commit p99" },
      target: target?.hasTail === true ? toTarget(commitP99Ms) : undefined,
    },
  ];
}
