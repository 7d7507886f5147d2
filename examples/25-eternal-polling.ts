// Anti-pattern 5, put right for ever: each poll is an execution with a fresh history.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

// "5s" in production.
const PAUSE = "10ms";

let calls = 0;
const checkStatus = defineActivity("CheckStatus", (_taskId: string) => {
  calls += 1;
  return calls < 4 ? "working" : "complete";
});

const poll = defineOrchestration("PollForever", async (ctx, taskId: string) => {
  const status = await ctx.scheduleActivity(checkStatus, taskId);
  if (status === "complete") return `${taskId}: ${status} in execution ${ctx.executionId}`;

  await ctx.scheduleTimer(PAUSE);
  return ctx.continueAsNew(taskId);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [checkStatus],
  orchestrations: [poll],
});
const client = new Client(store);

const handle = await client.startOrchestration("poll", poll, "render");
console.log(await handle.result({ timeout: "10s" }));

await runtime.shutdown();
await store.close();
