// Pattern 12, an order: reserve every item at once, charge, and undo what was done if that fails.

import {
  ActivityError,
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineOrchestration,
} from "duroxide-ts";

interface Item {
  readonly sku: string;
  readonly quantity: number;
}

interface Order {
  readonly id: string;
  readonly items: readonly Item[];
  readonly cents: number;
}

const stock = new Map([
  ["lamp", 5],
  ["sofa", 1],
]);
const creditCents = 100_000;

const validateOrder = defineActivity("ValidateOrder", (order: Order) => order.items.length > 0);
const reserve = defineActivity("ReserveInventory", ({ sku, quantity }: Item) => {
  const left = (stock.get(sku) ?? 0) - quantity;
  if (left < 0) throw new Error(`not enough of ${sku}`);
  stock.set(sku, left);
});
const release = defineActivity("ReleaseInventory", ({ sku, quantity }: Item) => {
  stock.set(sku, (stock.get(sku) ?? 0) + quantity);
});
const charge = defineActivity("ChargePayment", (order: Order) => {
  if (order.cents > creditCents) throw new Error("credit limit exceeded");
});
const fulfil = defineActivity("FulfillOrder", (order: Order) => `${order.id}: fulfilled`);

const processOrder = defineOrchestration("ProcessOrder", async (ctx, order: Order) => {
  if (!(await ctx.scheduleActivity(validateOrder, order))) return `${order.id}: invalid`;

  const outcomes = await ctx.join(order.items.map((item) => ctx.scheduleActivity(reserve, item)));
  const reserved = order.items.filter((_, i) => outcomes[i]?.status === "fulfilled");
  const releaseAll = () => ctx.join(reserved.map((item) => ctx.scheduleActivity(release, item)));

  if (reserved.length < order.items.length) {
    // Some were reserved all the same: those are given back.
    await releaseAll();
    return `${order.id}: insufficient inventory`;
  }
  try {
    await ctx.scheduleActivity(charge, order);
  } catch (error) {
    if (!(error instanceof ActivityError)) throw error;
    await releaseAll();
    return `${order.id}: payment failed, ${error.message}`;
  }
  return await ctx.scheduleActivity(fulfil, order);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [validateOrder, reserve, release, charge, fulfil],
  orchestrations: [processOrder],
});
const client = new Client(store);

const lamps = { sku: "lamp", quantity: 2 };
const sofas = { sku: "sofa", quantity: 1 };
for (const order of [
  { id: "first", items: [lamps, sofas], cents: 90_000 },
  { id: "second", items: [lamps, sofas], cents: 90_000 },
  { id: "third", items: [lamps], cents: 900_000 },
]) {
  const handle = await client.startOrchestration(order.id, processOrder, order);
  console.log(await handle.result({ timeout: "10s" }));
}
console.log(`in stock: ${JSON.stringify(Object.fromEntries(stock))}`);

await runtime.shutdown();
await store.close();
