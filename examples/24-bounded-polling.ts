// Anti-pattern 5, put right: polling has a pause between two calls and an end.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const POLLS_MAX = 100;
// "5s" in production.
const PAUSE = "10ms";

const polls = new Map<string, number>();
const checkStatus = defineActivity("CheckStatus", (taskId: string) => {
  const count = (polls.get(taskId) ?? 0) + 1;
  polls.set(taskId, count);
  return taskId === "slow" || count < 3 ? "working" : "complete";
});

interface Poll {
  readonly taskId: string;
  readonly pollsMax: number;
}

const poll = defineOrchestration("Poll", async (ctx, { taskId, pollsMax }: Poll) => {
  for (let i = 0; i < pollsMax; i += 1) {
    const status = await ctx.scheduleActivity(checkStatus, taskId);
    if (status === "complete") return `${taskId}: complete`;
    await ctx.scheduleTimer(PAUSE);
  }
  return `${taskId}: given up after ${pollsMax} polls`;
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [checkStatus],
  orchestrations: [poll],
});
const client = new Client(store);

const quick = { taskId: "quick", pollsMax: POLLS_MAX };
const first = await client.startOrchestration("quick", poll, quick);
console.log(await first.result({ timeout: "10s" }));

const slow = { taskId: "slow", pollsMax: 4 };
const second = await client.startOrchestration("slow", poll, slow);
console.log(await second.result({ timeout: "10s" }));
console.log(`calls: ${JSON.stringify(Object.fromEntries(polls))}`);

await runtime.shutdown();
await store.close();
