// Pattern 4, saga: when a later step fails, what earlier steps did is taken back.

import {
  ActivityError,
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineOrchestration,
} from "duroxide-ts";

interface Order {
  readonly sku: string;
  readonly card: string;
}

const reserveInventory = defineActivity("ReserveInventory", (order: Order) => {
  console.log(`reserved ${order.sku}`);
  return `reservation-${order.sku}`;
});

const chargePayment = defineActivity("ChargePayment", (order: Order) => {
  if (order.card === "expired") throw new Error("the card has expired");
  console.log(`charged ${order.card}`);
  return `payment-${order.sku}`;
});

const releaseInventory = defineActivity("ReleaseInventory", (reservation: string) => {
  console.log(`released ${reservation}`);
});

const buy = defineOrchestration("Buy", async (ctx, order: Order) => {
  const reservation = await ctx.scheduleActivity(reserveInventory, order);
  try {
    return await ctx.scheduleActivity(chargePayment, order);
  } catch (error) {
    // Only the failure that the business knows how to undo; anything else ends the instance.
    if (!(error instanceof ActivityError)) throw error;
    ctx.traceWarn("Payment failed, releasing the reservation", { reservation });
    await ctx.scheduleActivity(releaseInventory, reservation);
    return `no sale: ${error.message}`;
  }
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [reserveInventory, chargePayment, releaseInventory],
  orchestrations: [buy],
});
const client = new Client(store);

const good = await client.startOrchestration("good", buy, { sku: "lamp", card: "visa" });
console.log(await good.result({ timeout: "10s" }));

const bad = await client.startOrchestration("bad", buy, { sku: "sofa", card: "expired" });
console.log(await bad.result({ timeout: "10s" }));

await runtime.shutdown();
await store.close();
