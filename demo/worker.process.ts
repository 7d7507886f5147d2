/** The process that does the work, and that is killed. */

import { consoleLogger, Runtime } from "duroxide-ts";
import { SqliteProvider } from "duroxide-ts/sqlite";

import { activities, orchestrations, STORE_VARIABLE } from "./shop.ts";

const store = await SqliteProvider.open(process.env[STORE_VARIABLE] ?? "shop.db");
const runtime = await Runtime.start({
  store,
  activities,
  orchestrations,
  // How long work would stay with a worker on a machine that went silent. On the same machine a
  // dead process is recognised at once.
  lease: "1s",
  activityConcurrency: 32,
  // Declined cards and empty shelves are part of the job: their warnings would bury the report.
  logger: consoleLogger("error"),
});

let stopping: Promise<void> | undefined;
async function stop(): Promise<void> {
  await runtime.shutdown();
  await store.close();
  if (process.connected) process.disconnect();
}

process.on("message", (message) => {
  if (message === "stop") stopping ??= stop();
});
// Nobody is left to work for.
process.on("disconnect", () => {
  stopping ??= stop();
});
process.send?.("ready");
