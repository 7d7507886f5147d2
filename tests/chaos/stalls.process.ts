/**
 * A process whose code does not come back. Arguments: a SQLite file or the URL of a database, the
 * policy for stalls, the lease in milliseconds, and `worker` where the runtime lives in a worker thread.
 * Says `ready`; `stop` ends it.
 */

import { isMainThread, parentPort, Worker } from "node:worker_threads";

import { defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";

import { LEASE_MS, STALL_MS } from "./stalls.ts";

const [place = "", onStall = "report", leaseMs = LEASE_MS, thread = "main"] = process.argv.slice(2);

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

async function work(): Promise<void> {
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
  process.on("message", () => {
    void runtime
      .shutdown({ timeout: "5s" })
      .then(() => store.close())
      .then(() => process.exit(0));
  });
}

if (thread === "worker" && isMainThread) {
  // Node 20 gives a worker thread no loader for TypeScript.
  const code = `import("tsx/esm/api").then(({ register }) => {
    register();
    return import(${JSON.stringify(import.meta.url)});
  });`;
  const worker = new Worker(code, { eval: true, argv: process.argv.slice(2) });
  worker.once("message", (message) => process.send?.(message));
} else {
  await work();
  if (isMainThread) process.send?.("ready");
  else parentPort?.postMessage("ready");
}
