/** What a workload is: one question, answered with figures, once per run. */

import type { BenchStore } from "./store.ts";

/** One value of one run. */
export interface Sample {
  /** What was measured; the same in every run. */
  readonly figure: string;
  readonly unit: string;
  readonly value: number;
  readonly better: "higher" | "lower";
  /** The value beside the floor's of the same run, and what the floor is. */
  readonly floor?: { readonly ratio: number; readonly of: string };
}

/** What the storage itself can do, measured in the same run on the same disk. */
export interface Floor {
  /** Median time of a durable commit of one row, one after the other. */
  readonly commitMs: number;
  /** One-activity orchestrations a second, if only their rows were written, many to a commit. */
  readonly orchestrationsPerSecond: number;
}

export interface Bench {
  readonly isQuick: boolean;
  readonly floor: Floor;
  /** A new, empty store; its workload closes it. */
  createStore(): Promise<BenchStore>;
}

export interface Workload {
  /** As on the command line. */
  readonly id: string;
  readonly question: string;
  run(bench: Bench): Promise<Sample[]>;
}
