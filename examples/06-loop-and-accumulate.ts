// Pattern 6, loop and accumulate: ordinary loops and ordinary local variables are durable.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const countWords = defineActivity("CountWords", (line: string) => line.split(" ").length);

const summarize = defineOrchestration("Summarize", async (ctx, lines: readonly string[]) => {
  const counts: number[] = [];
  for (const [i, line] of lines.entries()) {
    ctx.traceInfo("Line", { number: i + 1, of: lines.length });
    counts.push(await ctx.scheduleActivity(countWords, line));
  }
  return { counts, total: counts.reduce((sum, count) => sum + count, 0) };
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [countWords],
  orchestrations: [summarize],
});
const client = new Client(store);

const handle = await client.startOrchestration("poem", summarize, [
  "so much depends",
  "upon",
  "a red wheel barrow",
]);
const { counts, total } = await handle.result({ timeout: "10s" });
console.log(`${counts.join(" + ")} = ${total}`);

await runtime.shutdown();
await store.close();
