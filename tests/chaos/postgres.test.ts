/**
 * Three nodes on one PostgreSQL; one of them is killed every second, and the server now and then:
 * nothing is lost, nothing is stuck, nothing is recorded twice.
 */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";

import { findViolations } from "../support/oracle.ts";
import { startServer, type OwnServer } from "../support/postgres-server.ts";
import { startProcess, type Child } from "../support/processes.ts";
import { EXPECTED_RESULT, idsOf, startRound } from "./mixed-workload.ts";

const NODE = new URL("postgres.process.ts", import.meta.url);
/** `npm run chaos` sets a minute, 5,000 instances and five restarts. */
const SECONDS = Number(process.env["DUROXIDE_SECONDS"] ?? 6);
const INSTANCES = Number(process.env["DUROXIDE_INSTANCES"] ?? 300);
const RESTARTS = Number(process.env["DUROXIDE_RESTARTS"] ?? 1);
/** Instances of one round: those of the mixed workload, and one of transactions. */
const PER_ROUND = idsOf(0).length + 1;
const WIDTH = 10;

let server: OwnServer;
let folder: string;
let ledgerFile: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "duroxide-chaos-"));
  ledgerFile = join(folder, "ledger");
  server = await startServer([]);
  await query("create table transfers (key text not null, amount integer not null)");
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A node that is started again whenever it has been killed. */
class Slot {
  #child: Child = startProcess(NODE, [server.url, ledgerFile]);
  killCount = 0;

  get ready(): Promise<unknown> {
    return this.#child.ready;
  }

  async kill(): Promise<void> {
    this.#child.process.kill("SIGKILL");
    await this.#child.exited;
    this.killCount += 1;
    this.#child = startProcess(NODE, [server.url, ledgerFile]);
  }

  async stop(): Promise<void> {
    this.#child.process.send("stop", () => undefined);
    await this.#child.exited;
  }
}

/** Starts everything, a few rounds at a time, whatever happens to the server meanwhile. */
async function startAll(client: Client, roundCount: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let round = next++; round < roundCount; round = next++) {
      await startRound(client, round);
      await client.startOrchestration(`Transfers-${round}`, "Transfers", 4, { idReuse: "ignore" });
      await sleep((SECONDS * 800 * WIDTH) / roundCount);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
}

async function expectAllRight(client: Client, roundCount: number): Promise<void> {
  for (let round = 0; round < roundCount; round += 1) {
    for (const id of [...idsOf(round), `Transfers-${round}`]) {
      const status = await client.waitForOrchestration(id, {
        timeout: "120s",
        createdWithin: "120s",
      });
      expect(status, id).toMatchObject({ status: "Completed", output: EXPECTED_RESULT });
    }
  }
  expect(await findViolations(client)).toEqual([]);
  // At least once: every key that ran is recorded once. Exactly once: one row for each.
  const lines = readFileSync(ledgerFile, "utf8").trim().split("\n");
  const runs = new Set(lines.filter((line) => !line.startsWith("T ")));
  const [moved] = await query(`
    select count(*)::integer as rows, count(distinct key)::integer as keys, sum(amount)::integer as sum
    from transfers`);
  expect(moved).toEqual({ rows: roundCount * 4, keys: roundCount * 4, sum: roundCount * 10 });
  expect(runs.size).toBe(roundCount * KEYS_PER_ROUND);
}

/** Chain 4, Fan 4, Parent 4 + 4 in its children, Loop 4. */
const KEYS_PER_ROUND = 20;

test(
  `G1 G4 G5: three nodes, SIGKILL of one every second for ${SECONDS} s, ${RESTARTS} crashes of the server`,
  async () => {
    const store = await PostgresProvider.connect(server.url, { queryTimeout: "5s" });
    const client = new Client(store, { retryFor: "60s" });
    const slots = [new Slot(), new Slot(), new Slot()];
    await Promise.all(slots.map((slot) => slot.ready));
    const roundCount = Math.ceil(INSTANCES / PER_ROUND);
    const started = startAll(client, roundCount);
    for (let second = 1; second <= SECONDS; second += 1) {
      await sleep(1_000);
      await slots[Math.floor(Math.random() * slots.length)]?.kill();
      if (second % Math.ceil(SECONDS / (RESTARTS + 1)) === 0) await server.restartImmediately();
    }
    await started;
    await expectAllRight(client, roundCount);
    console.log(
      `${roundCount * PER_ROUND} instances, ${slots.reduce((sum, slot) => sum + slot.killCount, 0)} kills`,
    );
    await Promise.all(slots.map((slot) => slot.stop()));
    await store.close();
  },
  60_000 + SECONDS * 5_000 + INSTANCES * 100,
);
