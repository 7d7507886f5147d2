/**
 * A process that starts very many instances and runs them itself: the shortest paths, the fullest
 * batches. Arguments: store file, ledger file, file of acknowledged ids, prefix, count, fault.
 *
 * The fault is `none`, or `before:N` / `after:N`: the process kills itself right before or right after
 * its N-th full batch.
 */

import { appendFileSync } from "node:fs";

import { Client, Runtime, silentLogger, SqliteProvider } from "duroxide-ts";

import { createWorkload } from "./mixed-workload.ts";

const [storeFile = "", ledgerFile = "", ackFile = "", prefix = "", count = "0", fault = "none"] =
  process.argv.slice(2);
const [when, number] = fault.split(":");
/** A batch that is nearly as large as the store wants them. */
const FULL_SHARE = 0.9;
let fullCount = 0;

const store = await SqliteProvider.open(storeFile);
const write = store.write.bind(store);
store.write = async (operations) => {
  if (operations.length < store.batchMax * FULL_SHARE) return write(operations);
  fullCount += 1;
  const isHere = fullCount === Number(number);
  if (isHere && when === "before") process.kill(process.pid, "SIGKILL");
  const outcomes = await write(operations);
  if (isHere && when === "after") process.kill(process.pid, "SIGKILL");
  return outcomes;
};

const runtime = await Runtime.start({
  store,
  ...createWorkload(ledgerFile),
  lease: "400ms",
  poisonAfterCrashes: 1_000_000,
  logger: silentLogger,
});
process.send?.("ready");
const client = new Client(store);
await Promise.all(
  Array.from({ length: Number(count) }, async (_, i) => {
    const id = `${prefix}-${i}`;
    await client.startOrchestration(id, "Chain", 4);
    appendFileSync(ackFile, `${id}\n`);
  }),
);
process.on("message", () => {
  void runtime
    .shutdown({ timeout: "5s" })
    .then(() => store.close())
    .then(() => process.exit(0));
});
