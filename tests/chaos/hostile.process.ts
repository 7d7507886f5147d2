/**
 * A process whose work is hostile: some of it kills the process, some of it is in the way when that
 * happens. Arguments: store file, ledger file, release file.
 *
 * Tells its parent what it logs; `stop` ends it.
 */

import { appendFileSync, existsSync } from "node:fs";

import { defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";

import { MAX_ATTEMPTS } from "./hostile.ts";

const [storeFile = "", ledgerFile = "", releaseFile = ""] = process.argv.slice(2);

function note(line: string): void {
  appendFileSync(ledgerFile, `${line}\n`);
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Ends when the test says so, and says who ended it. */
const patient = defineActivity("Patient", async (_: undefined, ctx) => {
  note(`${process.pid} ${ctx.attempt} ${ctx.idempotencyKey}`);
  while (!existsSync(releaseFile)) await sleep(5);
  return process.pid;
});
/** In the middle of its work whenever a neighbour kills the process. */
const slow = defineActivity("Slow", async (n: number) => {
  await sleep(200);
  return n;
});
const quick = defineActivity("Quick", async (n: number) => n);
const crash = defineActivity("Crash", async () => {
  note("crash");
  process.kill(process.pid, "SIGKILL");
  await sleep(60_000);
});

const orchestrations = [
  defineOrchestration("Patience", async (ctx) => ctx.scheduleActivity(patient)),
  defineOrchestration("Neighbour", async (ctx, n: number) => {
    const before = await ctx.scheduleActivity(quick, n);
    return before + (await ctx.scheduleActivity(slow, n));
  }),
  defineOrchestration("CrashingActivity", async (ctx) => ctx.scheduleActivity(crash)),
  defineOrchestration("CrashingTurn", async (ctx) => {
    await ctx.scheduleWait("go");
    note("crash");
    process.kill(process.pid, "SIGKILL");
    // The signal arrives while the code goes on.
    await ctx.scheduleTimer("1h");
  }),
];

const store = await SqliteProvider.open(storeFile);
const runtime = await Runtime.start({
  store,
  activities: [patient, slow, quick, crash],
  orchestrations,
  lease: "400ms",
  poisonAfterCrashes: MAX_ATTEMPTS,
  logger: { log: (_level, message) => process.send?.(message) },
});
process.send?.("ready");
process.on("message", () => {
  void runtime
    .shutdown({ timeout: "5s" })
    .then(() => store.close())
    .then(() => process.exit(0));
});
