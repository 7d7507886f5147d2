// Pattern 18, bounded history: a hundred steps per execution, however many there are in all.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const BATCH = 100;

interface Progress {
  readonly offset: number;
  readonly total: number;
}

let processed = 0;
const processRow = defineActivity("ProcessRow", (_row: number) => {
  processed += 1;
});

const processTable = defineOrchestration("ProcessTable", async (ctx, progress: Progress) => {
  const end = Math.min(progress.offset + BATCH, progress.total);
  for (let row = progress.offset; row < end; row += 1) {
    await ctx.scheduleActivity(processRow, row);
  }
  // Where batches vary in size, `ctx.continueAsNewSuggested` says when history has become long.
  if (end < progress.total) return ctx.continueAsNew({ ...progress, offset: end });
  return { executions: ctx.executionId, events: ctx.historyLength };
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [processRow],
  orchestrations: [processTable],
});
const client = new Client(store);

const handle = await client.startOrchestration("table", processTable, { offset: 0, total: 250 });
const { executions, events } = await handle.result({ timeout: "20s" });
console.log(`rows: ${processed}, executions: ${executions}`);
console.log(`events of the last execution, for 50 rows: ${events}`);

await runtime.shutdown();
await store.close();
