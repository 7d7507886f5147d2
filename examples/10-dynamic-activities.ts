// Pattern 10, dynamic steps: which activities run is read from the input.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const scan = defineActivity("Scan", (path: string) => `${path} > scanned`);
const index = defineActivity("Index", (path: string) => `${path} > indexed`);
const publish = defineActivity("Publish", (path: string) => `${path} > published`);
const review = defineActivity("ManualReview", (path: string) => `${path} > reviewed`);

// Definitions are values: a plan is an array of them, and the compiler checks that they fit.
const plans = {
  standard: [scan, index, publish],
  expedited: [scan, publish],
  manual: [review],
};

interface Config {
  readonly plan: keyof typeof plans;
  readonly path: string;
}

const runPlan = defineOrchestration("RunPlan", async (ctx, config: Config) => {
  let result = config.path;
  for (const step of plans[config.plan]) result = await ctx.scheduleActivity(step, result);
  return result;
});

// Names work as well, for steps that another process registers; their result is `unknown`.
const runByName = defineOrchestration("RunByName", async (ctx, names: readonly string[]) => {
  let result = "draft.md";
  for (const name of names) result = String(await ctx.scheduleActivity(name, result));
  return result;
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [scan, index, publish, review],
  orchestrations: [runPlan, runByName],
});
const client = new Client(store);

for (const plan of ["standard", "expedited", "manual"] as const) {
  const handle = await client.startOrchestration(plan, runPlan, { plan, path: "a.md" });
  console.log(`${plan}: ${await handle.result({ timeout: "10s" })}`);
}
const named = await client.startOrchestration("named", runByName, ["ManualReview", "Publish"]);
console.log(`by name: ${await named.result({ timeout: "10s" })}`);

await runtime.shutdown();
await store.close();
