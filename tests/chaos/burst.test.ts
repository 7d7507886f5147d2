/** SIGKILL beside full batches: hundreds of starts, turns and completions are in flight each time. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client, SqliteProvider } from "duroxide-ts";
import { afterEach, beforeEach, expect, test } from "vitest";

import { findViolations } from "../support/oracle.ts";
import { startProcess, type Child } from "../support/processes.ts";
import { checkIntegrity } from "../support/sqlite-file.ts";
import { EXPECTED_RESULT } from "./mixed-workload.ts";

const BURST = new URL("burst.process.ts", import.meta.url);
/** Started at once by a process that is going to die. */
const COUNT = 600;
/** Full batches of such a process: starts first, then turns with the completions that they consume. */
const BATCHES = [1, 2, 5, 6, 8, 12, 18, 25];

let folder: string;
const fileOf = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "duroxide-burst-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function start(prefix: string, count: number, fault: string): Child {
  const files = [fileOf("store.db"), fileOf("ledger"), fileOf("acknowledged")];
  return startProcess(BURST, [...files, prefix, String(count), fault]);
}

function linesOf(name: string): string[] {
  return readFileSync(fileOf(name), "utf8").trim().split("\n");
}

/** Waits for everything in the store. @returns Recorded results of activities by instance */
async function finishAll(client: Client): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let cursor: string | undefined;
  do {
    const page = await client.listInstances({
      limit: 1_000,
      ...(cursor !== undefined && { cursor }),
    });
    cursor = page.cursor;
    for (const { instanceId } of page.instances) {
      const status = await client.waitForOrchestration(instanceId, {
        timeout: "60s",
        createdWithin: "60s",
      });
      expect(status, instanceId).toMatchObject({ status: "Completed", output: EXPECTED_RESULT });
      const history = await client.readExecutionHistory(instanceId);
      const results = history.filter((event) => event.kind === "ActivityCompleted");
      counts.set(instanceId, results.length);
    }
  } while (cursor !== undefined);
  return counts;
}

test("G1 G2 G3 G4 G5: SIGKILL before and after full batches, hundreds in flight", async () => {
  for (const batch of BATCHES) {
    for (const when of ["before", "after"]) {
      const victim = start(`${when}-${batch}`, COUNT, `${when}:${batch}`);
      await victim.exited;
      expect(victim.process.signalCode, `${when} batch ${batch}`).toBe("SIGKILL");
    }
  }
  const survivor = start("none", 0, "none");
  await survivor.ready;
  const store = await SqliteProvider.open(fileOf("store.db"));
  const counts = await finishAll(new Client(store));
  // What was acknowledged is there (G3), and each of its steps is recorded once (G4).
  const acknowledged = linesOf("acknowledged");
  expect(acknowledged.length).toBeGreaterThan(COUNT);
  expect(acknowledged.filter((id) => !counts.has(id))).toEqual([]);
  expect([...counts.values()].filter((count) => count !== 4)).toEqual([]);
  expect(await findViolations(new Client(store))).toEqual([]);
  // No activity began that nobody has recorded (G2), and each ran at least once (G5).
  expect(new Set(linesOf("ledger")).size).toBe(counts.size * 4);
  survivor.process.send("stop", () => undefined);
  await survivor.exited;
  await store.close();
  expect(await checkIntegrity(fileOf("store.db"))).toBe("ok");
}, 170_000);
