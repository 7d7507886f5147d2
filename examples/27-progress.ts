// Progress: an instance shows where it stands, and a client is told about every change.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const STEPS = ["download", "convert", "upload"];

let release: () => void = () => undefined;
const someoneWatches = new Promise<void>((resolve) => (release = resolve));
const runStep = defineActivity("RunStep", async (name: string) => {
  // Only so that the example prints the same lines every time.
  if (name === "convert") await someoneWatches;
  return name;
});

const pipeline = defineOrchestration("Pipeline", async (ctx, steps: readonly string[]) => {
  for (const [i, name] of steps.entries()) {
    ctx.setCustomStatus({ step: name, done: i, of: steps.length });
    await ctx.scheduleActivity(runStep, name);
  }
  ctx.setCustomStatus({ step: "none", done: steps.length, of: steps.length });
  return "finished";
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [runStep],
  orchestrations: [pipeline],
});
const client = new Client(store);

const handle = await client.startOrchestration("convert-1", pipeline, STEPS);

// Each wait gives the newest status: what changed in between is not replayed to the client.
let status = await client.waitForStatusChange("convert-1", 1, { timeout: "10s" });
console.log(`version ${status.customStatusVersion}: ${JSON.stringify(status.customStatus)}`);
release();
await handle.result({ timeout: "10s" });
status = await client.getInstanceInfo("convert-1");
console.log(`version ${status.customStatusVersion}: ${JSON.stringify(status.customStatus)}`);

await runtime.shutdown();
await store.close();
