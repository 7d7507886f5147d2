// Schemas: any Standard Schema validator guards what enters, and types follow from it.

import {
  Client,
  Runtime,
  SqliteProvider,
  ValidationError,
  defineActivity,
  defineOrchestration,
} from "duroxide-ts";
import { z } from "zod";

const Order = z.object({
  id: z.string().min(1),
  items: z.array(z.object({ sku: z.string(), quantity: z.number().int().positive() })),
});

const countItems = defineActivity({
  name: "CountItems",
  input: Order,
  output: z.number(),
  run: (order) => order.items.reduce((sum, item) => sum + item.quantity, 0),
});

const checkOrder = defineOrchestration({
  name: "CheckOrder",
  input: Order,
  run: async (ctx, order) => {
    const count = await ctx.scheduleActivity(countItems, order);
    return `${order.id}: ${count} items`;
  },
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [countItems],
  orchestrations: [checkOrder],
});
const client = new Client(store);

const good = { id: "o-1", items: [{ sku: "lamp", quantity: 3 }] };
const handle = await client.startOrchestration("good", checkOrder, good);
console.log(await handle.result({ timeout: "10s" }));

try {
  const bad = { id: "o-2", items: [{ sku: "lamp", quantity: -3 }] };
  await client.startOrchestration("bad", checkOrder, bad);
} catch (error) {
  if (!(error instanceof ValidationError)) throw error;
  // Refused where it entered: no instance was made.
  console.log(`${error.code}: ${error.issues.map((issue) => issue.path).join(", ")}`);
}
console.log((await client.getOrchestrationStatus("bad")).status);

await runtime.shutdown();
await store.close();
