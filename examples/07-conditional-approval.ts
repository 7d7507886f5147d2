// Pattern 7, conditional path: only orders over a threshold need a manager.

import {
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineEvent,
  defineOrchestration,
} from "duroxide-ts";

const APPROVAL_FROM = 1000;

interface Order {
  readonly id: string;
  /** One hour ("1h") in production. */
  readonly approvalTimeoutMs: number;
}

const managerApproval = defineEvent<boolean>("ManagerApproval");
const prices: Readonly<Record<string, number>> = { pencil: 2, server: 4800, rocket: 90_000 };

const getOrderValue = defineActivity("GetOrderValue", (orderId: string) => prices[orderId] ?? 0);
const requestApproval = defineActivity("CreateApprovalRequest", (orderId: string) => {
  console.log(`${orderId}: a manager is asked`);
});
const processOrder = defineActivity("ProcessOrder", (orderId: string) => `${orderId}: processed`);

const placeOrder = defineOrchestration("PlaceOrder", async (ctx, order: Order) => {
  // A number, because the activity returns one: nothing to parse.
  const value = await ctx.scheduleActivity(getOrderValue, order.id);

  if (value > APPROVAL_FROM) {
    const approval = ctx.scheduleWait(managerApproval);
    await ctx.scheduleActivity(requestApproval, order.id);
    ctx.setCustomStatus("needs a manager");

    const timeout = ctx.scheduleTimer(order.approvalTimeoutMs);
    const winner = await ctx.select2(timeout, approval);
    if (winner.index === 0) return `${order.id}: nobody approved in time`;
    if (!winner.value) return `${order.id}: rejected`;
  }
  return await ctx.scheduleActivity(processOrder, order.id);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [getOrderValue, requestApproval, processOrder],
  orchestrations: [placeOrder],
});
const client = new Client(store);

const hourMs = 60 * 60 * 1000;
const cheap = { id: "pencil", approvalTimeoutMs: hourMs };
const pencil = await client.startOrchestration("a", placeOrder, cheap);
console.log(await pencil.result({ timeout: "10s" }));

const costly = { id: "server", approvalTimeoutMs: hourMs };
const server = await client.startOrchestration("b", placeOrder, costly);
await client.waitForStatusChange("b", 0, { timeout: "10s" });
await client.raiseEvent("b", managerApproval, true);
console.log(await server.result({ timeout: "10s" }));

const hasty = { id: "rocket", approvalTimeoutMs: 30 };
const rocket = await client.startOrchestration("c", placeOrder, hasty);
console.log(await rocket.result({ timeout: "10s" }));

await runtime.shutdown();
await store.close();
