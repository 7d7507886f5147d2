// Inspection: the history of an execution is a list of plain events that anyone may read.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const step = defineActivity("Step", (input: string) => `${input}!`);

const steps = defineOrchestration("Steps", async (ctx, input: string) => {
  const once = await ctx.scheduleActivity(step, input);
  await ctx.scheduleTimer("10ms");
  return await ctx.scheduleActivity(step, once);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [step],
  orchestrations: [steps],
});
const client = new Client(store);

const handle = await client.startOrchestration("my-instance", steps, "hey");
await handle.result({ timeout: "10s" });

for (const event of await client.readExecutionHistory("my-instance", 1)) {
  const source = "sourceEventId" in event ? ` of ${event.sourceEventId}` : "";
  console.log(`${event.eventId} ${event.kind}${source}`);
}

await runtime.shutdown();
await store.close();
