// Pattern 19, batching: one activity for a hundred rows costs one schedule and one result.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const updateRow = defineActivity("UpdateRow", (row: number) => row * 2);
const updateRows = defineActivity("UpdateRows", (rows: readonly number[]) =>
  rows.map((row) => row * 2),
);

const oneByOne = defineOrchestration("OneByOne", async (ctx, rows: readonly number[]) => {
  for (const row of rows) await ctx.scheduleActivity(updateRow, row);
});

const batched = defineOrchestration("Batched", async (ctx, rows: readonly number[]) => {
  await ctx.scheduleActivity(updateRows, rows);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [updateRow, updateRows],
  orchestrations: [oneByOne, batched],
});
const client = new Client(store);

const rows = Array.from({ length: 100 }, (_, i) => i);
for (const orchestration of [oneByOne, batched]) {
  const { name } = orchestration;
  const handle = await client.startOrchestration(name, orchestration, rows);
  await handle.result({ timeout: "20s" });
  const history = await client.readExecutionHistory(name, 1);
  console.log(`${name}: ${history.length} events`);
}

await runtime.shutdown();
await store.close();
