// Pattern 8, composition: a parent hands each batch to a child with a history of its own.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const processItem = defineActivity("ProcessItem", (item: number) => item * item);

const processBatch = defineOrchestration("ProcessBatch", async (ctx, batch: readonly number[]) => {
  const squares = await ctx.all(batch.map((item) => ctx.scheduleActivity(processItem, item)));
  const sum = squares.reduce((total, square) => total + square, 0);
  return { sum, instanceId: ctx.instanceId };
});

const processAll = defineOrchestration(
  "ProcessAll",
  async (ctx, batches: readonly (readonly number[])[]) => {
    const lines: string[] = [];
    for (const batch of batches) {
      const { sum, instanceId } = await ctx.scheduleSubOrchestration(processBatch, batch);
      lines.push(`${instanceId}: ${sum}`);
    }
    return lines;
  },
);

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [processItem],
  orchestrations: [processBatch, processAll],
});
const client = new Client(store);

const handle = await client.startOrchestration("report", processAll, [[1, 2, 3], [4, 5], [6]]);
for (const line of await handle.result({ timeout: "10s" })) console.log(line);

const history = await client.readExecutionHistory("report", 1);
console.log(`events of the parent: ${history.length}`);

await runtime.shutdown();
await store.close();
