// Scopes: a branch of a race may be a whole sequence; when it loses, it schedules nothing more.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const visited: string[] = [];
const ask = defineActivity("Ask", (supplier: string) => {
  visited.push(supplier);
  return `${supplier}: 12 in stock`;
});

const findStock = defineOrchestration("FindStock", async (ctx, patienceMs: number) => {
  const winner = await ctx.select({
    // Two steps that belong together. `scope` is a context that closes when the branch loses.
    slow: async (scope) => {
      await scope.scheduleTimer("1h");
      return await scope.scheduleActivity(ask, "faraway");
    },
    quick: async (scope) => {
      await scope.scheduleTimer(patienceMs);
      return await scope.scheduleActivity(ask, "around the corner");
    },
  });
  return `${winner.key} won, ${winner.value}`;
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [ask],
  orchestrations: [findStock],
});
const client = new Client(store);

const handle = await client.startOrchestration("stock", findStock, 10);
console.log(await handle.result({ timeout: "10s" }));
console.log(`asked: ${visited.join(", ")}`);

await runtime.shutdown();
await store.close();
