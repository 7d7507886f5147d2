/**
 * A process that falls silent without crashing: it is paused from outside, or blocks its own thread.
 * Arguments: a SQLite file or the URL of a database, ledger file, release file.
 *
 * Tells its parent what it logs; `stop` ends it.
 */

import { appendFileSync, existsSync } from "node:fs";

import { defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";

import { LEASE_MS, MAX_CRASHES } from "./silence.ts";

const [place = "", ledgerFile = "", releaseFile = ""] = process.argv.slice(2);

const patient = defineActivity("Patient", async (_: undefined, ctx) => {
  appendFileSync(ledgerFile, `${process.pid} ${ctx.attempt}\n`);
  while (!existsSync(releaseFile)) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  return ctx.idempotencyKey;
});
/** Renews nothing meanwhile: the thread does nothing else. */
const blocking = defineActivity("Blocking", (_: undefined, ctx) => {
  appendFileSync(ledgerFile, `${process.pid} ${ctx.attempt}\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LEASE_MS * 4);
  return "done";
});
/** Ends its process each time. */
const crash = defineActivity("Crash", () => {
  appendFileSync(ledgerFile, `${process.pid} crash\n`);
  process.kill(process.pid, "SIGKILL");
});

const store = place.startsWith("postgres")
  ? await PostgresProvider.connect(place)
  : await SqliteProvider.open(place);
const runtime = await Runtime.start({
  store,
  activities: [patient, blocking, crash],
  orchestrations: [patient, blocking, crash].map((activity) =>
    defineOrchestration(`Runs${activity.name}`, (ctx) => ctx.scheduleActivity(activity.name)),
  ),
  lease: LEASE_MS,
  poisonAfterCrashes: MAX_CRASHES,
  logger: { log: (_level, message) => process.send?.(message) },
});
process.send?.("ready");
process.on("message", () => {
  void runtime
    .shutdown({ timeout: "5s" })
    .then(() => store.close())
    .then(() => process.exit(0));
});
