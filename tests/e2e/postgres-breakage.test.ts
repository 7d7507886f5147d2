/** No connection that breaks ends the process, however and wherever it breaks. */

import { once } from "node:events";

import { afterAll, expect, test } from "vitest";

import { freshDatabase } from "../support/postgres.ts";
import { BREAKAGES } from "../support/postgres-proxy.ts";
import { startProcess, type Child } from "../support/processes.ts";

const PROGRAM = new URL("./postgres-breakage.process.ts", import.meta.url);
const CASES = [
  ...BREAKAGES.map((how) => ({ how, door: "url" })),
  ...(["cut", "fatal", "nonsense"] as const).map((how) => ({ how, door: "pool" })),
];
/** The processes wait for timeouts most of the time. */
const LANES = 3;

const children = new Set<Child["process"]>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

interface Outcome {
  readonly status: number | null;
  readonly count: number;
}

async function breakAll({ how, door }: (typeof CASES)[number]): Promise<Outcome> {
  const { process: child } = startProcess(PROGRAM, [await freshDatabase(), how, door]);
  children.add(child);
  let count = 0;
  child.on("message", (report: { count: number }) => {
    count = report.count;
  });
  const [status] = (await once(child, "exit")) as [number | null];
  children.delete(child);
  return { status, count };
}

/** Of each case, begun when a lane is free. */
const outcomes: Promise<Outcome>[] = [];
for (const [i, it] of CASES.entries()) {
  const before = i < LANES ? Promise.resolve() : outcomes[i - LANES];
  outcomes.push(Promise.resolve(before).then(() => breakAll(it)));
}

test.each(CASES.map((it, i) => ({ ...it, i })))(
  "F52 a process survives $how at every message of every connection, opened by $door",
  async ({ i }) => {
    const { status, count } = await outcomes[i]!;
    expect(status).toBe(0);
    expect(count).toBeGreaterThan(50);
  },
  240_000,
);
