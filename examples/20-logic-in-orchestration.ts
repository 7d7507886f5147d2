// Anti-pattern 1, put right: decisions stand in the orchestration, each activity does one thing.

import {
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineEvent,
  defineOrchestration,
} from "duroxide-ts";

interface Order {
  readonly id: string;
  readonly total: number;
  readonly customer: "premium" | "standard";
  /** One hour ("1h") in production. */
  readonly approvalTimeoutMs: number;
}

const approval = defineEvent<string>("ApprovalEvent");

const sendApprovalRequest = defineActivity("SendApprovalRequest", (orderId: string) => {
  console.log(`${orderId}: approval requested`);
});
const processPremium = defineActivity("ProcessPremiumOrder", async (orderId: string) => {
  // Waiting for a machine is part of this piece of work, so polling inside is fine.
  for (let polls = 0; polls < 2; polls += 1) await new Promise((ready) => setTimeout(ready, 5));
  return `${orderId}: processed on a machine of its own`;
});
const processStandard = defineActivity(
  "ProcessStandardOrder",
  (orderId: string) => `${orderId}: processed`,
);

// The whole business rule can be read, tested and replayed here.
const placeOrder = defineOrchestration("PlaceOrder", async (ctx, order: Order) => {
  if (order.total > 1000) {
    const decision = ctx.scheduleWait(approval);
    await ctx.scheduleActivity(sendApprovalRequest, order.id);
    ctx.setCustomStatus("waiting for approval");
    const timeout = ctx.scheduleTimer(order.approvalTimeoutMs);
    const winner = await ctx.select({ decision, timeout });
    if (winner.key === "timeout") return `${order.id}: approval timed out`;
  }
  return order.customer === "premium"
    ? await ctx.scheduleActivity(processPremium, order.id)
    : await ctx.scheduleActivity(processStandard, order.id);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [sendApprovalRequest, processPremium, processStandard],
  orchestrations: [placeOrder],
});
const client = new Client(store);

const hour = { approvalTimeoutMs: 60 * 60 * 1000 };
const small: Order = { id: "small", total: 10, customer: "standard", ...hour };
const big: Order = { id: "big", total: 9000, customer: "premium", ...hour };

const first = await client.startOrchestration("small", placeOrder, small);
console.log(await first.result({ timeout: "10s" }));
const second = await client.startOrchestration("big", placeOrder, big);
await client.waitForStatusChange("big", 0, { timeout: "10s" });
await client.raiseEvent("big", approval, "yes");
console.log(await second.result({ timeout: "10s" }));

await runtime.shutdown();
await store.close();
