// Pattern 16, partial failure: every item is tried, and the report says what happened to each.

import {
  ActivityError,
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineOrchestration,
} from "duroxide-ts";

const processItem = defineActivity("ProcessItem", (item: string) => {
  if (item.length === 0) throw new Error("the item is empty");
  if (item.length > 8) throw new RangeError(`${item.length} characters are too many`);
  return item.length;
});

const processBatch = defineOrchestration("ProcessBatch", async (ctx, items: readonly string[]) => {
  const outcomes = await ctx.join(items.map((item) => ctx.scheduleActivity(processItem, item)));

  const successes: string[] = [];
  const failures: string[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") {
      successes.push(`item ${i}: ${outcome.value}`);
      continue;
    }
    const error: unknown = outcome.reason;
    if (!(error instanceof ActivityError)) throw error;
    // The error as the worker threw it: class name, message, code, data, stack.
    failures.push(`item ${i}: ${error.details.name}, ${error.message}`);
    ctx.traceWarn("Item failed", { item: i, message: error.message });
  }
  return { successes, failures };
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [processItem],
  orchestrations: [processBatch],
});
const client = new Client(store);

const items = ["pear", "", "fig", "pomegranate"];
const handle = await client.startOrchestration("batch", processBatch, items);
const report = await handle.result({ timeout: "10s" });
console.log(`${report.successes.length} succeeded, ${report.failures.length} failed`);
for (const line of [...report.successes, ...report.failures]) console.log(line);

await runtime.shutdown();
await store.close();
