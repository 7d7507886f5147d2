// A bad deployment: code that does not fit a history parks the instance; the old code heals it.

import {
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineEvent,
  defineOrchestration,
} from "duroxide-ts";

const goOn = defineEvent<string>("GoOn");
const pack = defineActivity("Pack", (item: string) => `packed ${item}`);
const wrap = defineActivity("Wrap", (item: string) => `wrapped ${item}`);

const original = defineOrchestration("Send", async (ctx, item: string) => {
  const parcel = await ctx.scheduleActivity(pack, item);
  ctx.setCustomStatus("waiting");
  return `${parcel}, ${await ctx.scheduleWait(goOn)}`;
});

// Same name, same version, other steps: the histories in flight do not fit it.
const changed = defineOrchestration("Send", async (ctx, item: string) => {
  const parcel = await ctx.scheduleActivity(wrap, item);
  ctx.setCustomStatus("waiting");
  return `${parcel}, ${await ctx.scheduleWait(goOn)}`;
});

const store = await SqliteProvider.inMemory();
const client = new Client(store);
const deploy = async (orchestration: typeof original) =>
  await Runtime.start({ store, activities: [pack, wrap], orchestrations: [orchestration] });

const first = await deploy(original);
const handle = await client.startOrchestration("parcel", original, "vase");
await client.waitForStatusChange("parcel", 0, { timeout: "10s" });
await first.shutdown();

const bad = await deploy(changed);
await client.raiseEvent("parcel", goOn, "sent");
let status = await client.getOrchestrationStatus("parcel");
while (status.status === "Running" && status.blocked === undefined) {
  await new Promise((later) => setTimeout(later, 10));
  status = await client.getOrchestrationStatus("parcel");
}
if (status.status === "Running") {
  console.log(`${status.status}, blocked: ${status.blocked?.code}`);
}
await bad.shutdown();

// Rolled back: the event was not lost, the instance finishes.
const good = await deploy(original);
console.log(await handle.result({ timeout: "10s" }));

await good.shutdown();
await store.close();
