// Versions: running instances stay on the code they began with, new ones get the newest.

import {
  ActivityRegistry,
  Client,
  OrchestrationRegistry,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineEvent,
  defineOrchestration,
} from "duroxide-ts";

const sign = defineEvent<string>("Sign");
const price = defineActivity("Price", (sku: string) => sku.length * 100);

const offerV1 = defineOrchestration("Offer", async (ctx, sku: string) => {
  const cents = await ctx.scheduleActivity(price, sku);
  ctx.setCustomStatus("to be signed");
  return `${cents} cents, signed by ${await ctx.scheduleWait(sign)} (${ctx.orchestrationVersion})`;
});

const offerV2 = defineOrchestration({
  name: "Offer",
  version: "2.0.0",
  run: async (ctx, sku: string) => {
    const cents = await ctx.scheduleActivity(price, sku);
    return `${cents} cents, unsigned (${ctx.orchestrationVersion})`;
  },
});

// A library exports registries; an application merges them.
const pricing = ActivityRegistry.builder().register(price).build();
const activities = ActivityRegistry.builder().merge(pricing).build();
const before = OrchestrationRegistry.builder().register(offerV1).build();
const after = OrchestrationRegistry.builder().register(offerV1).register(offerV2).build();

const store = await SqliteProvider.inMemory();
const client = new Client(store);

const oldRuntime = await Runtime.start({ store, activities, orchestrations: before });
const old = await client.startOrchestration("old", offerV1, "lamp");
await client.waitForStatusChange("old", 0, { timeout: "10s" });
await oldRuntime.shutdown();

// The deployment that adds version 2.
const newRuntime = await Runtime.start({ store, activities, orchestrations: after });
await client.raiseEvent("old", sign, "Ann");
console.log(await old.result({ timeout: "10s" }));

const newest = await client.startOrchestration("new", offerV2, "lamp");
console.log(await newest.result({ timeout: "10s" }));

after.setVersionPolicy("Offer", { exact: "1.0.0" });
const pinned = await client.startOrchestration("pinned", "Offer", "sofa");
await client.waitForStatusChange("pinned", 0, { timeout: "10s" });
await client.raiseEvent("pinned", sign, "Bob");
console.log(await pinned.result({ timeout: "10s" }));

await newRuntime.shutdown();
await store.close();
