/** Processes that fall silent and have not crashed, and one that has: only the latter makes poison. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client, type Provider } from "duroxide-ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { SHARED_STORES } from "../support/fleet.ts";
import { findViolations } from "../support/oracle.ts";
import { startProcess, type Child } from "../support/processes.ts";
import { eventually } from "../support/signal.ts";
import { MAX_CRASHES } from "./silence.ts";

const WORKER = new URL("silence.process.ts", import.meta.url);
const LIMIT = { timeout: "60s", createdWithin: "60s" } as const;

interface Worker extends Child {
  /** What it has logged. */
  readonly lines: string[];
}

describe.each(SHARED_STORES)("on $name", (kind) => {
  let place: string;
  let clear: () => Promise<void>;
  let folder: string;
  let store: Provider;
  let client: Client;
  let workers: Worker[];

  beforeEach(async () => {
    ({ place, clear } = await kind.place());
    folder = mkdtempSync(join(tmpdir(), "duroxide-silence-"));
    store = await kind.open(place);
    client = new Client(store);
    workers = [];
  });
  afterEach(async () => {
    for (const { process } of workers) process.kill("SIGKILL");
    await Promise.all(workers.map(({ exited }) => exited));
    expect(await findViolations(client)).toEqual([]);
    await store.close();
    await clear();
    rmSync(folder, { recursive: true, force: true });
  });

  async function startWorker(): Promise<Worker> {
    const child = startProcess(WORKER, [place, join(folder, "ledger"), join(folder, "release")]);
    const worker = { ...child, lines: [] as string[] };
    child.process.on("message", (line) => worker.lines.push(line as string));
    workers.push(worker);
    await child.ready;
    return worker;
  }

  /** Who has begun what, in order. */
  function ledger(): { readonly pid: number; readonly what: string | undefined }[] {
    const file = join(folder, "ledger");
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").trim().split("\n");
    return lines.map((line) => ({
      pid: Number(line.split(" ")[0]),
      what: line.split(" ")[1],
    }));
  }

  test("F53 processes that are paused in turns, oftener than work may crash, make no poison", async () => {
    await startWorker();
    await startWorker();
    await client.startOrchestration("task", "RunsPatient");
    for (let round = 1; round <= MAX_CRASHES + 2; round += 1) {
      await eventually(() => ledger().length === round);
      const holder = workers.find(({ process }) => process.pid === ledger().at(-1)?.pid);
      holder?.process.kill("SIGSTOP");
      await eventually(() => ledger().length === round + 1);
      const lossCount = holder?.lines.filter((line) => line.startsWith("Lost the lease")).length;
      holder?.process.kill("SIGCONT");
      // Back in line, and heard of.
      await eventually(
        () =>
          holder?.lines.filter((line) => line.startsWith("Lost the lease")).length !== lossCount,
      );
    }
    writeFileSync(join(folder, "release"), "");
    const status = await client.waitForOrchestration("task", LIMIT);
    expect(status).toMatchObject({ status: "Completed" });
  });

  test("F53 an activity that blocks its thread for four leases is no poison, and its result counts", async () => {
    await startWorker();
    await startWorker();
    for (let i = 0; i < 3; i += 1) await client.startOrchestration(`task-${i}`, "RunsBlocking");
    for (let i = 0; i < 3; i += 1) {
      const status = await client.waitForOrchestration(`task-${i}`, LIMIT);
      expect(status).toMatchObject({ status: "Completed", output: "done" });
    }
  });

  test("F53 an activity that ends its process is poison after so many crashes", async () => {
    await client.startOrchestration("task", "RunsCrash");
    const finished = client.waitForOrchestration("task", LIMIT);
    for (let isOver = false; !isOver;) {
      const { exited } = await startWorker();
      isOver = await Promise.race([finished.then(() => true), exited.then(() => false)]);
    }
    expect(await finished).toMatchObject({ status: "Failed", error: { category: "poison" } });
    expect(ledger()).toHaveLength(MAX_CRASHES);
  });
});
