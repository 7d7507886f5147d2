// Durability: an instance goes on after its process was replaced. Step 1 does not run again.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineEvent,
  defineOrchestration,
} from "duroxide-ts";

const goOn = defineEvent<string>("GoOn");
const step = defineActivity("Step", (text: string) => {
  console.log(`running ${text}`);
  return `${text} done`;
});

const twoSteps = defineOrchestration("TwoSteps", async (ctx, _input: null) => {
  const first = await ctx.scheduleActivity(step, "step 1");
  ctx.setCustomStatus("between the steps");
  const word = await ctx.scheduleWait(goOn);
  const second = await ctx.scheduleActivity(step, `step 2 (${word})`);
  return `${first}, ${second}`;
});

const folder = await mkdtemp(join(tmpdir(), "duroxide-"));
const file = join(folder, "app.db");

/** What a process does when it starts. */
async function start() {
  const store = await SqliteProvider.open(file);
  const runtime = await Runtime.start({ store, activities: [step], orchestrations: [twoSteps] });
  return { store, runtime, client: new Client(store) };
}

{
  const { store, runtime, client } = await start();
  await client.startOrchestration("long", twoSteps, null);
  await client.waitForStatusChange("long", 0, { timeout: "10s" });
  await runtime.shutdown();
  await store.close();
  console.log("the first process is gone");
}
{
  const { store, runtime, client } = await start();
  console.log("the second process has started");
  await client.raiseEvent("long", goOn, "after the restart");
  const handle = client.getHandle("long", twoSteps);
  console.log(await handle.result({ timeout: "10s" }));
  await runtime.shutdown();
  await store.close();
}
await rm(folder, { recursive: true });
