/**
 * A process to be killed. Arguments: store file, ledger file, fault.
 *
 * The fault is `none`, or `before:N` / `after:N`: the process kills itself with SIGKILL right before
 * or right after its N-th transaction.
 */

import { Runtime, silentLogger, SqliteProvider } from "duroxide-ts";

import { createWorkload } from "./mixed-workload.ts";

const [storeFile = "", ledgerFile = "", fault = "none"] = process.argv.slice(2);
const [when, number] = fault.split(":");
let transactionCount = 0;

/** Counts a transaction and dies where told. */
async function counted<T>(transaction: () => Promise<T>): Promise<T> {
  transactionCount += 1;
  const isHere = transactionCount === Number(number);
  if (isHere && when === "before") process.kill(process.pid, "SIGKILL");
  const result = await transaction();
  if (isHere && when === "after") process.kill(process.pid, "SIGKILL");
  return result;
}

const store = await SqliteProvider.open(storeFile);
const write = store.write.bind(store);
const claimInstances = store.claimInstances.bind(store);
const claimActivities = store.claimActivities.bind(store);
store.write = (operations) => counted(() => write(operations));
// Most claims find nothing and are no transactions.
store.claimInstances = async (request) =>
  (await store.hasClaimableWork()) ? counted(() => claimInstances(request)) : [];
store.claimActivities = async (request) =>
  (await store.hasClaimableWork()) ? counted(() => claimActivities(request)) : [];

const runtime = await Runtime.start({
  store,
  ...createWorkload(ledgerFile),
  lease: "400ms",
  // Kills from outside say nothing about what was running: no number of them is poison here.
  poisonAfterCrashes: 1_000_000,
  logger: silentLogger,
});
process.send?.("ready");
process.on("message", () => {
  void runtime
    .shutdown({ timeout: "5s" })
    .then(() => store.close())
    .then(() => process.exit(0));
});
