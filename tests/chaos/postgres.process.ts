/**
 * A node on PostgreSQL, to be killed. Arguments: URL, ledger file.
 *
 * Tells its parent `ready`; `stop` ends it.
 */

import { appendFileSync } from "node:fs";

import { defineOrchestration, defineTransaction, Runtime, silentLogger } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";

import { createWorkload } from "./mixed-workload.ts";

const [url = "", ledgerFile = ""] = process.argv.slice(2);

const store = await PostgresProvider.connect(url, { queryTimeout: "5s" });
const workload = createWorkload(ledgerFile);

/** Moves money in the user's own table; the row and the completion land together. */
const transfer = defineTransaction("Transfer", async (tx, amount: number, ctx) => {
  appendFileSync(ledgerFile, `T ${ctx.idempotencyKey}\n`);
  await tx.query("insert into transfers (key, amount) values ($1, $2)", [
    ctx.idempotencyKey,
    amount,
  ]);
  return amount;
});
const transfers = defineOrchestration("Transfers", async (ctx, n: number) => {
  let sum = 0;
  for (let i = 1; i <= n; i += 1) sum += await ctx.scheduleActivity(transfer, i);
  return sum;
});

const runtime = await Runtime.start({
  store,
  activities: [...(workload.activities as []), transfer],
  orchestrations: [...(workload.orchestrations as []), transfers],
  lease: "1s",
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
