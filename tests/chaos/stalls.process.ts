/**
 * A process whose code does not come back. Arguments: a SQLite file or the URL of a database, the
 * policy for stalls, and the lease in milliseconds. Says `ready`; `stop` ends it.
 */

import { defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";

import { LEASE_MS, STALL_MS } from "./stalls.ts";

const [place = "", onStall = "report", leaseMs = LEASE_MS] = process.argv.slice(2);

const blocks = defineActivity("Blocks", () => {
  const endMs = performance.now() + STALL_MS * 5;
  while (performance.now() < endMs); // What a long computation does.
  return "computed";
});

const orchestrations = [
  defineOrchestration("Echoes", async (ctx) => {
    await ctx.scheduleTimer("10ms");
    return "echo";
  }),
  defineOrchestration("Computes", (ctx) => ctx.scheduleActivity(blocks)),
  defineOrchestration("Spins", async (ctx) => {
    await ctx.scheduleWait("go");
    for (;;); // Spins here.
  }),
  defineOrchestration("Yields", async (ctx) => {
    await ctx.scheduleWait("go");
    for (;;) await Promise.resolve(); // Yields here.
  }),
];

const store = place.startsWith("postgres")
  ? await PostgresProvider.connect(place)
  : await SqliteProvider.open(place);
const runtime = await Runtime.start({
  store,
  activities: [blocks],
  orchestrations,
  lease: Number(leaseMs),
  stallAfter: STALL_MS,
  onStall: onStall === "exit" ? "exit" : "report",
  logger: { log: () => undefined },
});
process.send?.("ready");
process.on("message", () => {
  void runtime
    .shutdown({ timeout: "5s" })
    .then(() => store.close())
    .then(() => process.exit(0));
});
