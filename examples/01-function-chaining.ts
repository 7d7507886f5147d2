// Pattern 1, function chaining: what one step returns is what the next one gets.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

interface Order {
  readonly id: string;
  readonly cents: number;
}

const validateOrder = defineActivity("ValidateOrder", (order: Order) => {
  console.log(`validating ${order.id}`);
  if (order.cents <= 0) throw new Error(`order ${order.id} has no price`);
  return order;
});

const chargePayment = defineActivity("ChargePayment", (order: Order) => {
  console.log(`charging ${order.cents} cents`);
  return { orderId: order.id, paymentId: `pay-${order.id}` };
});

const shipOrder = defineActivity(
  "ShipOrder",
  (payment: { readonly orderId: string; readonly paymentId: string }) => {
    console.log(`shipping against ${payment.paymentId}`);
    return { orderId: payment.orderId, tracking: `track-${payment.orderId}` };
  },
);

const sendConfirmation = defineActivity(
  "SendConfirmation",
  (shipment: { readonly orderId: string; readonly tracking: string }) => {
    console.log(`mailing ${shipment.tracking}`);
    return `order ${shipment.orderId} is on its way as ${shipment.tracking}`;
  },
);

// No step starts before the one above it has finished and its result is stored.
const processOrder = defineOrchestration("ProcessOrder", async (ctx, order: Order) => {
  ctx.traceInfo("Processing started", { orderId: order.id });
  const validated = await ctx.scheduleActivity(validateOrder, order);
  const payment = await ctx.scheduleActivity(chargePayment, validated);
  const shipment = await ctx.scheduleActivity(shipOrder, payment);
  const confirmation = await ctx.scheduleActivity(sendConfirmation, shipment);
  ctx.traceInfo("Processing finished", { orderId: order.id });
  return confirmation;
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [validateOrder, chargePayment, shipOrder, sendConfirmation],
  orchestrations: [processOrder],
});
const client = new Client(store);

const handle = await client.startOrchestration("order-42", processOrder, { id: "42", cents: 1999 });
console.log(await handle.result({ timeout: "10s" }));

await runtime.shutdown();
await store.close();
