// Pattern 5, retry by hand: up to five attempts, the pause doubles after each failure.

import {
  ActivityError,
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineOrchestration,
} from "duroxide-ts";

const ATTEMPTS_MAX = 5;
// 1000 in production.
const FIRST_DELAY_MS = 10;

let calls = 0;
const unreliableTask = defineActivity("UnreliableTask", (input: string) => {
  calls += 1;
  if (calls < 4) throw new Error(`no connection (call ${calls})`);
  return `${input} done in call ${calls}`;
});

const retry = defineOrchestration("Retry", async (ctx, input: string) => {
  let delayMs = FIRST_DELAY_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ctx.scheduleActivity(unreliableTask, input);
    } catch (error) {
      if (!(error instanceof ActivityError) || attempt === ATTEMPTS_MAX) throw error;
      ctx.traceWarn("Attempt failed", { attempt, message: error.message });
      // A durable timer: a restart in the middle of the pause does not start it anew.
      await ctx.scheduleTimer(delayMs);
      delayMs *= 2;
    }
  }
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [unreliableTask],
  orchestrations: [retry],
});
const client = new Client(store);

const handle = await client.startOrchestration("retry-1", retry, "upload");
console.log(await handle.result({ timeout: "10s" }));

await runtime.shutdown();
await store.close();
