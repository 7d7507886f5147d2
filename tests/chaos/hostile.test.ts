/** A process that is paused beyond its lease, and work that kills every process that takes it. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client, SqliteProvider } from "duroxide-ts";
import { afterEach, beforeEach, expect, test } from "vitest";

import { findViolations } from "../support/oracle.ts";
import { startProcess, type Child } from "../support/processes.ts";
import { eventually } from "../support/signal.ts";
import { checkIntegrity } from "../support/sqlite-file.ts";
import { MAX_ATTEMPTS } from "./hostile.ts";

const WORKER = new URL("hostile.process.ts", import.meta.url);
const LIMIT = { timeout: "60s", createdWithin: "60s" } as const;

interface Worker extends Child {
  /** What it has logged. */
  readonly lines: string[];
}

let folder: string;
let storeFile: string;
let ledgerFile: string;
let releaseFile: string;
let store: SqliteProvider;
let client: Client;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "duroxide-hostile-"));
  storeFile = join(folder, "store.db");
  ledgerFile = join(folder, "ledger");
  releaseFile = join(folder, "release");
  store = await SqliteProvider.open(storeFile);
  client = new Client(store);
});
afterEach(async () => {
  await store.close();
  expect(await checkIntegrity(storeFile)).toBe("ok");
  rmSync(folder, { recursive: true, force: true });
});

function startWorker(): Worker {
  const child = startProcess(WORKER, [storeFile, ledgerFile, releaseFile]);
  const lines: string[] = [];
  child.process.on("message", (line) => lines.push(line as string));
  return { ...child, lines };
}

async function stop(worker: Worker): Promise<void> {
  worker.process.send("stop", () => undefined);
  await worker.exited;
}

function ledger(): string[] {
  if (!existsSync(ledgerFile)) return [];
  return readFileSync(ledgerFile, "utf8").trim().split("\n");
}

test("R14 R25 SIGSTOP beyond the lease, then SIGCONT: the work is another's, and recorded once", async () => {
  const paused = startWorker();
  await paused.ready;
  await client.startOrchestration("patience", "Patience");
  await eventually(() => ledger().length === 1);
  paused.process.kill("SIGSTOP");
  const heir = startWorker();
  await heir.ready;
  await eventually(() => ledger().length === 2);
  writeFileSync(releaseFile, "");
  const status = await client.waitForOrchestration("patience", LIMIT);
  expect(status).toMatchObject({ status: "Completed", output: heir.process.pid });
  paused.process.kill("SIGCONT");
  // It finds out by its own activity's result or by its lease, whichever comes first.
  await eventually(() =>
    paused.lines.some(
      (line) =>
        line === "The result of an activity was dropped" || line.startsWith("Lost the lease"),
    ),
  );
  const [first, second] = ledger().map((line) => line.split(" "));
  expect([first?.[1], second?.[1]]).toEqual(["1", "2"]);
  expect(second?.[2]).toBe(first?.[2]);
  const history = await client.readExecutionHistory("patience");
  expect(history.filter(({ kind }) => kind === "ActivityCompleted")).toHaveLength(1);
  // Back in line, it works on.
  await stop(heir);
  await client.startOrchestration("next", "Neighbour", 3);
  expect(await client.waitForOrchestration("next", LIMIT)).toMatchObject({ output: 6 });
  await stop(paused);
  expect(await findViolations(client)).toEqual([]);
});

test.each(["CrashingActivity", "CrashingTurn"])(
  "S030 a %s is poison after its attempts, and no neighbour is",
  async (culprit) => {
    const neighbours = Array.from({ length: 20 }, (_, i) => `neighbour-${i}`);
    for (const [i, id] of neighbours.entries()) await client.startOrchestration(id, "Neighbour", i);
    await client.startOrchestration("culprit", culprit);
    const finished = client.waitForOrchestration("culprit", LIMIT);
    let isFinished = false;
    void finished.then(() => {
      isFinished = true;
    });
    let worker = startWorker();
    await worker.ready;
    if (culprit === "CrashingTurn") {
      await eventually(async () => {
        const { status } = await client.getOrchestrationStatus("culprit");
        return status === "Running";
      });
      await client.raiseEvent("culprit", "go");
    }
    while (!isFinished) {
      const hasDied = await Promise.race([
        worker.exited.then(() => true),
        finished.then(() => false),
      ]);
      if (!hasDied) break;
      worker = startWorker();
      await Promise.race([worker.ready, worker.exited]);
    }
    expect(await finished).toMatchObject({ status: "Failed", error: { category: "poison" } });
    const crashCount = ledger().filter((line) => line === "crash").length;
    expect(crashCount).toBe(MAX_ATTEMPTS);
    for (const [i, id] of neighbours.entries()) {
      const status = await client.waitForOrchestration(id, LIMIT);
      expect(status, id).toMatchObject({ status: "Completed", output: 2 * i });
    }
    await stop(worker);
    expect(await findViolations(client)).toEqual([]);
  },
);
