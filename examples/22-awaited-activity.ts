// Anti-pattern 3, put right: nothing to convert before `await`; the hazard left is to forget it.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const saved: string[] = [];
const save = defineActivity("Save", (text: string) => {
  saved.push(text);
  return text.length;
});

// Wrong: an execution that ends cancels what nobody waited for, so this is never saved.
const forgetful = defineOrchestration("Forgetful", async (ctx, text: string) => {
  void ctx.scheduleActivity(save, text);
  return "done";
});

// Right: a durable future is awaited as it stands and gives what the activity returned.
const careful = defineOrchestration("Careful", async (ctx, text: string) => {
  const length = await ctx.scheduleActivity(save, text);
  return `saved ${length} characters`;
});

// Right: started early, awaited later. Both run side by side.
const parallel = defineOrchestration("Parallel", async (ctx, texts: readonly [string, string]) => {
  const first = ctx.scheduleActivity(save, texts[0]);
  const second = ctx.scheduleActivity(save, texts[1]);
  return `saved ${(await first) + (await second)} characters`;
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [save],
  orchestrations: [forgetful, careful, parallel],
});
const client = new Client(store);

const a = await client.startOrchestration("a", forgetful, "lost");
console.log(`${await a.result({ timeout: "10s" })}: ${saved.length} texts`);
const b = await client.startOrchestration("b", careful, "kept");
console.log(`${await b.result({ timeout: "10s" })}: ${saved.length} texts`);
const c = await client.startOrchestration("c", parallel, ["one", "three"]);
console.log(`${await c.result({ timeout: "10s" })}: ${saved.length} texts`);

await runtime.shutdown();
await store.close();
