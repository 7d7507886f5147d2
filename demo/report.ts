/** What is printed at the end: the proof line by line, and the figures. */

import type { Evidence } from "./evidence.ts";
import { scheduleName } from "./ledger.ts";
import type { Check } from "./proof.ts";

/** Problems printed of one check; the first ones say enough. */
const PROBLEMS_SHOWN = 5;

/** @returns Whether every check holds */
export function printProof(checks: readonly Check[]): boolean {
  console.log("\nThe proof, from the store and from a ledger that the engine does not know:");
  for (const { claim, problems } of checks) {
    console.log(`  ${problems.length === 0 ? "ok    " : "FAILED"}  ${claim}`);
    for (const problem of problems.slice(0, PROBLEMS_SHOWN)) console.log(`            ${problem}`);
    const more = problems.length - PROBLEMS_SHOWN;
    if (more > 0) console.log(`            and ${more} more`);
  }
  const held = checks.filter((check) => check.problems.length === 0).length;
  console.log(`\nverdict: ${held} of ${checks.length} checks hold`);
  return held === checks.length;
}

export interface RunFacts {
  readonly elapsedMs: number;
  /** From the kill until the next order ended. */
  readonly recoveryMs: number;
  readonly storeBytes: number;
}

export function printFigures(evidence: Evidence, facts: RunFacts): void {
  const { instances, executions, entries } = evidence;
  const events = executions.flatMap((execution) => execution.events);
  const recorded = events.filter(
    ({ kind }) => kind === "ActivityCompleted" || kind === "ActivityFailed",
  ).length;
  const ran = new Set(
    entries.map((it) => scheduleName(it.instanceId, it.executionId, it.activityId)),
  ).size;
  const seconds = facts.elapsedMs / 1_000;
  const rows: readonly (readonly [string, string])[] = [
    ["time", `${seconds.toFixed(1)} s, with a kill in the middle`],
    ["orchestrations", `${executions.length} executions of ${instances.size} instances`],
    [
      "activities",
      `${entries.length} executed, ${recorded} results recorded, ${entries.length - ran} redelivered`,
    ],
    ["events", `${events.length} in the histories`],
    ["rate", `${Math.round(executions.length / seconds)} orchestrations/s at the pace of the shop`],
    [
      "recovery",
      `${Math.round(facts.recoveryMs)} ms from the kill to the next finished order, start of the new process included`,
    ],
    ["file", `${Math.round(facts.storeBytes / 1_024)} KiB`],
  ];
  console.log("\nFigures:");
  for (const [name, value] of rows) console.log(`  ${name.padEnd(16)}${value}`);
  console.log("\nHow fast the engine is when nobody waits for a shop: npm run bench -- --quick");
}
