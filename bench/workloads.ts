/** All workloads, in the order of the report. */

import { cost } from "./cost.ts";
import { growth } from "./growth.ts";
import { throughput } from "./w1-throughput.ts";
import { sequence } from "./w1b-sequence.ts";
import { fanOuts } from "./w2-fan-out.ts";
import { chains } from "./w3-chain.ts";
import { latency } from "./w4-latency.ts";
import { events } from "./w5-events.ts";
import { timers } from "./w6-timers.ts";
import { children } from "./w7-children.ts";
import { replays } from "./w8-replay.ts";
import { recovery } from "./w9-recovery.ts";
import { listing } from "./w10-listing.ts";
import { crowd } from "./w11-crowd.ts";
import { payloads } from "./w12-payloads.ts";
import { BadOption } from "./options.ts";
import type { Workload } from "./workload.ts";

const WORKLOADS: readonly Workload[] = [
  throughput,
  sequence,
  fanOuts,
  chains,
  latency,
  events,
  timers,
  children,
  replays,
  recovery,
  listing,
  crowd,
  payloads,
  cost,
  growth,
];

/** @param only - Ids; empty for all */
export function findWorkloads(only: readonly string[]): readonly Workload[] {
  if (only.length === 0) return WORKLOADS;
  const known = WORKLOADS.map((workload) => workload.id);
  const unknown = only.filter((id) => !known.includes(id));
  if (unknown.length > 0) {
    throw new BadOption(`Cannot run ${unknown.join(", ")}; there are ${known.join(", ")}`);
  }
  return WORKLOADS.filter((workload) => only.includes(workload.id));
}
