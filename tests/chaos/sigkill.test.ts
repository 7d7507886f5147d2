/** SIGKILL at random instants and at every commit boundary: nothing lost, nothing recorded twice. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client, SqliteProvider } from "duroxide-ts";
import { afterEach, beforeEach, expect, test } from "vitest";

import { findViolations } from "../support/oracle.ts";
import { startProcess, type Child } from "../support/processes.ts";
import { checkIntegrity } from "../support/sqlite-file.ts";
import { EXPECTED_RESULT, idsOf, startRound } from "./mixed-workload.ts";

const WORKER = new URL("worker.process.ts", import.meta.url);
/** `npm run chaos` sets more. */
const KILL_COUNT = Number(process.env["DUROXIDE_KILLS"] ?? 30);

/** More transactions than the workload makes. */
const BOUNDARY_MAX = 100;

/** A store and the ledger of what its activities have done. */
interface Place {
  readonly storeFile: string;
  readonly ledgerFile: string;
}

let folder: string;
let place: Place;

function placeOf(name: string): Place {
  return {
    storeFile: join(folder, `${name}.db`),
    ledgerFile: join(folder, `${name}.ledger`),
  };
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "duroxide-chaos-"));
  place = placeOf("store");
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function startWorker({ storeFile, ledgerFile }: Place, fault = "none"): Child {
  return startProcess(WORKER, [storeFile, ledgerFile, fault]);
}

/** Everything of the given rounds has ended rightly, and the store is sound. */
async function expectSound(
  client: Client,
  { ledgerFile }: Place,
  roundCount: number,
): Promise<void> {
  let activityCount = 0;
  for (let round = 0; round < roundCount; round += 1) {
    for (const id of idsOf(round)) {
      const status = await client.waitForOrchestration(id, {
        timeout: "60s",
        createdWithin: "60s",
      });
      expect(status, id).toMatchObject({ status: "Completed", output: EXPECTED_RESULT });
    }
  }
  expect(await findViolations(client)).toEqual([]);
  let cursor: string | undefined;
  do {
    const page = await client.listInstances({
      limit: 1000,
      ...(cursor !== undefined && { cursor }),
    });
    cursor = page.cursor;
    for (const { instanceId } of page.instances) {
      activityCount += await countActivities(client, instanceId);
    }
  } while (cursor !== undefined);
  // At least once: each recorded result has a run behind it, and no key ran without being recorded.
  const keys = new Set(readFileSync(ledgerFile, "utf8").trim().split("\n"));
  expect(keys.size).toBe(activityCount);
}

async function countActivities(client: Client, instanceId: string): Promise<number> {
  let count = 0;
  for (const { executionId } of await client.listExecutions(instanceId)) {
    const history = await client.readExecutionHistory(instanceId, executionId);
    count += history.filter((event) => event.kind === "ActivityCompleted").length;
  }
  return count;
}

async function stop(worker: Child): Promise<void> {
  // Its own fault may have ended it in this very moment: then there is nobody to tell.
  worker.process.send("stop", () => undefined);
  await worker.exited;
}

test(
  `S030 S037 S038 G1 G4 G5: SIGKILL at ${KILL_COUNT} random instants`,
  async () => {
    const store = await SqliteProvider.open(place.storeFile);
    const client = new Client(store);
    let killCount = 0;
    let round = 0;
    while (killCount < KILL_COUNT) {
      const worker = startWorker(place);
      await worker.ready;
      for (const end = round + 3; round < end; round += 1) await startRound(client, round);
      await new Promise((resolve) => {
        setTimeout(resolve, Math.random() * 60);
      });
      worker.process.kill("SIGKILL");
      await worker.exited;
      killCount += 1;
    }
    const last = startWorker(place);
    await last.ready;
    await expectSound(client, place, round);
    await stop(last);
    await store.close();
    expect(await checkIntegrity(place.storeFile)).toBe("ok");
  },
  30_000 + KILL_COUNT * 3_000,
);

/** @returns Whether a worker that dies there was killed: else it has fewer transactions */
async function killAt(fault: string, at: Place): Promise<boolean> {
  const store = await SqliteProvider.open(at.storeFile);
  const client = new Client(store);
  await startRound(client, 0);
  const victim = startWorker(at, fault);
  const finished = Promise.all(
    idsOf(0).map((id) => client.waitForOrchestration(id, { timeout: "60s", createdWithin: "60s" })),
  );
  const isKilled = await Promise.race([victim.exited.then(() => true), finished.then(() => false)]);
  const last = isKilled ? startWorker(at) : victim;
  await last.ready;
  await expectSound(client, at, 1);
  await stop(last);
  await store.close();
  expect(await checkIntegrity(at.storeFile)).toBe("ok");
  for (const file of [at.storeFile, at.ledgerFile]) {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
  }
  return isKilled;
}

test("G1 G2 G3: SIGKILL before and after every transaction of a worker", async () => {
  // One store and one round per boundary: the worker dies there, the next one finishes.
  let boundary = 0;
  let killed: readonly boolean[];
  do {
    boundary += 1;
    killed = await Promise.all(
      ["before", "after"].map((when) => killAt(`${when}:${boundary}`, placeOf(when))),
    );
  } while (killed.includes(true) && boundary < BOUNDARY_MAX);
  expect(boundary).toBeGreaterThan(5);
  expect(killed).toEqual([false, false]);
}, 400_000);

test("S028 S030 two processes on one file share work and survive each other's SIGKILL", async () => {
  const store = await SqliteProvider.open(place.storeFile);
  const client = new Client(store);
  const first = startWorker(place);
  const second = startWorker(place);
  await Promise.all([first.ready, second.ready]);
  for (let round = 0; round < 10; round += 1) await startRound(client, round);
  first.process.kill("SIGKILL");
  await first.exited;
  const third = startWorker(place);
  await third.ready;
  for (let round = 10; round < 20; round += 1) await startRound(client, round);
  second.process.kill("SIGKILL");
  await second.exited;
  await expectSound(client, place, 20);
  await stop(third);
  await store.close();
  expect(await checkIntegrity(place.storeFile)).toBe("ok");
});
