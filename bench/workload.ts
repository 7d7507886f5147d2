/** What a workload is: one question, answered with figures, once per run. */

import type { Durability } from "./options.ts";
import type { BenchStore, StoreKind, StoreWishes } from "./store.ts";

/** One value of one run. */
export interface Sample {
  /** What was measured; the same in every run. */
  readonly figure: string;
  readonly unit: string;
  readonly value: number;
  readonly better: "higher" | "lower";
  /** The value beside the floor's of the same run, and what the floor is. */
  readonly floor?: { readonly ratio: number; readonly of: string } | undefined;
  /** What the value has to reach, in its own unit; absent where nobody has set a target. */
  readonly target?: number | undefined;
}

/** Orchestrations whose rows share a commit where throughput is asked for. */
export const MANY = 256;
/** The same where a handful of callers are asked about. */
export const FEW = 20;

/** The floor as figures of its own. */
export function toFloorSamples(floor: Floor): Sample[] {
  const perSecond = (figure: string, what: string, value: number): Sample => ({
    figure,
    unit: `${what}/s`,
    value,
    better: "higher",
  });
  const rows = "raw rows of one-activity orchestrations";
  return [
    perSecond("raw commits of one row, one after the other", "commits", 1_000 / floor.commitMs),
    {
      figure: "raw commits of one row: p99",
      unit: "ms",
      value: floor.commitP99Ms,
      better: "lower",
    },
    perSecond(`${rows}, ${MANY} to a commit`, "orchestrations", floor.orchestrationsPerSecond),
    perSecond(`${rows}, ${FEW} to a commit`, "orchestrations", floor.orchestrationsPerSecondByFew),
    perSecond(`raw rows of branches, ${MANY} to a commit`, "branches", floor.branchesPerSecond),
  ];
}

/** What the storage itself can do, measured in the same run on the same disk. */
export interface Floor {
  /** Median time of a durable commit of one row, one after the other. */
  readonly commitMs: number;
  /** What one commit of a hundred takes longer than. */
  readonly commitP99Ms: number;
  /** One-activity orchestrations a second, if only their rows were written, many to a commit. */
  readonly orchestrationsPerSecond: number;
  /** The same with {@link FEW} to a commit. */
  readonly orchestrationsPerSecondByFew: number;
  /** Activities of a fan-out a second, if only their rows were written, many to a commit. */
  readonly branchesPerSecond: number;
}

export interface Bench {
  readonly isQuick: boolean;
  readonly floor: Floor;
  readonly kind: StoreKind;
  readonly durability: Durability;
  /** How many processes share the work, where a workload can spread it. */
  readonly processCounts: readonly number[];
  /** A new, empty store; its workload closes it. */
  createStore(wishes?: StoreWishes): Promise<BenchStore>;
  /** The target for the store that is measured. */
  target(targets: Targets): number | undefined;
}

/** Targets of one figure by store; a store that is not named has none. */
export interface Targets {
  readonly sqlite?: number;
  readonly postgres?: number;
}

export interface Workload {
  /** As on the command line. */
  readonly id: string;
  readonly question: string;
  /** Whether waiting for the disk matters: then it is measured without that as well. */
  readonly isDurabilityBound?: boolean;
  run(bench: Bench): Promise<Sample[]>;
  /** Gives back what was kept from run to run. */
  finish?(): Promise<void>;
}
