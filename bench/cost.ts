/**
 * Cost. Question: what does one one-activity orchestration cost, whoever waits for it: CPU time, SQL
 * statements, rows, commits, bytes on disk? Once alone, once among five hundred others.
 */

import { countsSince } from "../tests/support/counting-sqlite.ts";
import { measure } from "./measure.ts";
import { echo, oneActivity, runOneActivities } from "./programs.ts";
import type { Bench, Sample, Workload } from "./workload.ts";
import { openWorld } from "./world.ts";

const WARM_UP = 200;
/** A whole goal of the project: what an activity with its part of an orchestration may take. */
const DISK_BYTES_MAX = 300;

interface Case {
  readonly name: string;
  readonly total: number;
  readonly callers: number;
}

async function runCase(bench: Bench, { name, total, callers }: Case): Promise<Sample[]> {
  const code = { activities: [echo], orchestrations: [oneActivity] };
  const world = await openWorld(bench, code, { isCounted: true });
  const { client, store } = world;
  await runOneActivities(client, { prefix: "warm-up", total: WARM_UP, callers });
  const before = await store.counts();
  const commitsBefore = store.commitCount();
  const elapsed = await measure(() =>
    runOneActivities(client, { prefix: "measured", total, callers }),
  );
  const after = await store.counts();
  const commits = store.commitCount() - commitsBefore;
  const bytes = await world.close();
  const per = (what: string, value: number, unit = "per orchestration"): Sample => ({
    figure: `cost, ${name}: ${what}`,
    unit,
    value: value / total,
    better: "lower",
  });
  const samples = [
    per("CPU", elapsed.cpuMs, "ms/orchestration"),
    per("commits", commits),
    {
      ...per("on disk", (bytes / (total + WARM_UP)) * total, "bytes/activity"),
      target: DISK_BYTES_MAX,
    },
  ];
  if (before === undefined || after === undefined) return samples;
  const { statements, rowsWritten, rowsRead } = countsSince(before, after);
  return [
    ...samples,
    per("SQL statements", statements),
    per("rows written", rowsWritten),
    per("rows read", rowsRead),
  ];
}

export const cost: Workload = {
  id: "cost",
  question: "What does one orchestration of one activity cost?",
  async run(bench) {
    const total = bench.isQuick ? 2_000 : 10_000;
    return [
      ...(await runCase(bench, { name: "one at a time", total: total / 10, callers: 1 })),
      ...(await runCase(bench, { name: "500 callers", total, callers: 500 })),
    ];
  },
};
