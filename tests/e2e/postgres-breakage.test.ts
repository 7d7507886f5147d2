/** No connection that breaks ends the process, however and wherever it breaks. */

import { once } from "node:events";

import { expect, onTestFinished, test } from "vitest";

import { freshDatabase } from "../support/postgres.ts";
import { BREAKAGES } from "../support/postgres-proxy.ts";
import { startProcess } from "../support/processes.ts";

const PROGRAM = new URL("./postgres-breakage.process.ts", import.meta.url);
const CASES = [
  ...BREAKAGES.map((how) => ({ how, door: "url" })),
  ...(["cut", "fatal", "nonsense"] as const).map((how) => ({ how, door: "pool" })),
];

test.each(CASES)(
  "F52 a process survives $how at every message of every connection, opened by $door",
  async ({ how, door }) => {
    const child = startProcess(PROGRAM, [await freshDatabase(), how, door]);
    onTestFinished(() => void child.process.kill("SIGKILL"));
    let count = 0;
    child.process.on("message", (report: { count: number }) => {
      count = report.count;
    });
    const [status] = (await once(child.process, "exit")) as [number | null];
    expect(status).toBe(0);
    expect(count).toBeGreaterThan(50);
  },
  240_000,
);
