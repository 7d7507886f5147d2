// Anti-pattern 2, put right: what is decided by chance or by the outside world is recorded first.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const makeDecision = defineActivity("MakeDecision", (customer: string) =>
  // Anything may happen here: a random number, a query, a model. Its result is kept.
  customer.length % 2 === 0 ? "A" : "B",
);
const pathA = defineActivity("PathA", (customer: string) => `${customer} took path A`);
const pathB = defineActivity("PathB", (customer: string) => `${customer} took path B`);

const branch = defineOrchestration("Branch", async (ctx, customer: string) => {
  const decision = await ctx.scheduleActivity(makeDecision, customer);
  return decision === "A"
    ? await ctx.scheduleActivity(pathA, customer)
    : await ctx.scheduleActivity(pathB, customer);
});

// Pure chance needs no activity: `ctx.random()` gives the same number on every replay.
const lottery = defineOrchestration("Lottery", async (ctx, customer: string) => {
  const isHeads = ctx.random() < 0.5;
  return await ctx.scheduleActivity(isHeads ? pathA : pathB, customer);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [makeDecision, pathA, pathB],
  orchestrations: [branch, lottery],
});
const client = new Client(store);

for (const customer of ["anna", "bob"]) {
  const handle = await client.startOrchestration(customer, branch, customer);
  console.log(await handle.result({ timeout: "10s" }));
}
const handle = await client.startOrchestration("lottery", lottery, "carol");
console.log(/^carol took path [AB]$/.test(await handle.result({ timeout: "10s" })));

await runtime.shutdown();
await store.close();
