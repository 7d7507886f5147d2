/**
 * The demo: a shop takes 300 orders while its worker process is killed half-way, and a ledger kept
 * outside of the engine proves that nothing was lost or done by halves.
 */

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { Client } from "duroxide-ts";
import { SqliteProvider } from "duroxide-ts/sqlite";

import { collectEvidence } from "./evidence.ts";
import { Ledger } from "./ledger.ts";
import { createOrder, isApprovedByManager, ORDER_COUNT, orderIdOf } from "./orders.ts";
import { Progress } from "./progress.ts";
import { proveAll } from "./proof.ts";
import { printFigures, printProof } from "./report.ts";
import { approval, processOrder, stockMonitor } from "./shop.ts";
import { Worker } from "./worker.ts";

const MONITOR_ID = "stock-monitor";
/** Customers come in groups. */
const GROUP_SIZE = 10;
const GROUP_INTERVAL_MS = 80;
const DRAW_INTERVAL_MS = 100;
/** Far beyond what the slowest machine needs: so that a hang is an error with a name. */
const LIMIT = "60s";

const folder = mkdtempSync(join(tmpdir(), "duroxide-demo-"));
const files = { store: join(folder, "shop.db"), ledger: join(folder, "ledger.jsonl") };
const startMs = performance.now();
const progress = new Progress();
const store = await SqliteProvider.open(files.store);
const client = new Client(store);

const seen = { accepted: 0, ended: 0, reservations: 0, worker: "starting", endedAtMs: 0 };

async function serveCustomers(): Promise<void> {
  const ends: Promise<void>[] = [];
  for (let number = 1; number <= ORDER_COUNT; number += 1) {
    ends.push(serve(number));
    if (number % GROUP_SIZE === 0) await pause(GROUP_INTERVAL_MS);
  }
  await Promise.all(ends);
}

async function serve(number: number): Promise<void> {
  const id = orderIdOf(number);
  const handle = await client.startOrchestration(id, processOrder, createOrder(number));
  seen.accepted += 1;
  if (isApprovedByManager(number)) await approve(id);
  await handle.result({ timeout: LIMIT });
  seen.ended += 1;
  seen.endedAtMs = performance.now();
}

/** The manager: answers as soon as an order waits for it, also while no worker lives. */
async function approve(id: string): Promise<void> {
  const status = await client.waitForStatusChange(id, 0, { timeout: LIMIT });
  if (status.status === "Running") await client.raiseEvent(id, approval, { by: "Grace" });
}

/** @returns How long it took from the kill until the next order ended, in milliseconds */
async function replaceWorkerHalfWay(first: Worker): Promise<{ worker: Worker; ms: number }> {
  while (seen.ended < ORDER_COUNT / 2) await pause(1);
  await first.kill();
  const killedMs = performance.now();
  const endedBefore = seen.ended;
  seen.worker = "KILLED";
  progress.say(
    `worker ${first.pid} killed with SIGKILL, ${seen.accepted - endedBefore} orders in work`,
  );
  const worker = await Worker.start(files);
  seen.worker = `process ${worker.pid}`;
  progress.say(`worker ${worker.pid} takes over; meanwhile ${seen.accepted} orders were accepted`);
  while (seen.ended === endedBefore) await pause(1);
  return { worker, ms: seen.endedAtMs - killedMs };
}

async function draw(): Promise<void> {
  const monitor = await client.getOrchestrationStatus(MONITOR_ID);
  if (monitor.status === "Running") {
    const status = monitor.customStatus as { readonly reservations: number } | undefined;
    seen.reservations = status?.reservations ?? 0;
  }
  progress.show({ ...seen, total: ORDER_COUNT });
}

async function run(): Promise<boolean> {
  progress.say(`${ORDER_COUNT} orders on one SQLite file: ${files.store}`);
  const first = await Worker.start(files);
  seen.worker = `process ${first.pid}`;
  progress.say(`worker ${first.pid} works`);
  const drawing = setInterval(() => void draw(), DRAW_INTERVAL_MS);
  const monitor = await client.startOrchestration(MONITOR_ID, stockMonitor, 1);
  const [{ worker, ms: recoveryMs }] = await Promise.all([
    replaceWorkerHalfWay(first),
    serveCustomers(),
  ]);
  await draw();
  clearInterval(drawing);
  await monitor.cancel("the shop closes");
  await client.waitForOrchestration(MONITOR_ID, { timeout: LIMIT });
  const elapsedMs = performance.now() - startMs;
  await worker.stop();
  progress.finish();
  progress.say("all orders ended, stock monitor canceled, worker stopped");

  const evidence = await collectEvidence(client, new Ledger(files.ledger));
  const isProved = printProof(proveAll(evidence, MONITOR_ID));
  printFigures(evidence, { elapsedMs, recoveryMs, storeBytes: statSync(files.store).size });
  return isProved;
}

try {
  const isProved = await run();
  await store.close();
  if (isProved) rmSync(folder, { recursive: true });
  else console.error(`\nThe demo failed; its files are kept in ${folder}`);
  process.exitCode = isProved ? 0 : 1;
} catch (error) {
  console.error(error);
  console.error(`\nThe demo broke off; its files are kept in ${folder}`);
  process.exit(1);
}
