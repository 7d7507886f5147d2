/** The shop: what an order goes through, as ordinary functions that survive the end of their process. */

import {
  ActivityError,
  defineActivity,
  defineEvent,
  defineOrchestration,
  type ActivityContext,
  type OrchestrationContext,
} from "duroxide-ts";

import { Ledger } from "./ledger.ts";
import {
  EMPTY_CARD,
  HIGH_VALUE_CENTS,
  UNOBTAINABLE_SKU,
  type Order,
  type OrderLine,
  type Outcome,
} from "./orders.ts";

/** How a worker process learns where the ledger is. */
export const LEDGER_VARIABLE = "DEMO_LEDGER";
export const STORE_VARIABLE = "DEMO_STORE";

const MONITOR_INTERVAL = "100ms";

const ledger = new Ledger(process.env[LEDGER_VARIABLE] ?? "ledger.jsonl");

/** Takes a few milliseconds, like a call to another service: the same ones for the same activity. */
function pause(ctx: ActivityContext): Promise<void> {
  const ms = 4 + ((ctx.activityId * 7 + ctx.instanceId.length) % 8);
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Asks the outside world, and waits for its answer: between the two a process can die. */
async function act(ctx: ActivityContext, item: string, isDone = true): Promise<void> {
  await pause(ctx);
  ledger.record(ctx, item, isDone);
  await pause(ctx);
}

const validateOrder = defineActivity("ValidateOrder", async (order: Order, ctx) => {
  const isValid = order.lines.every((line) => line.quantity > 0);
  await act(ctx, `order ${order.number}`, isValid);
  return isValid;
});

const reserveStock = defineActivity("ReserveStock", async (line: OrderLine, ctx) => {
  const isInStock = line.sku !== UNOBTAINABLE_SKU;
  await act(ctx, line.sku, isInStock);
  if (!isInStock) throw new Error(`no ${line.sku} in stock`);
  return ctx.idempotencyKey;
});

const releaseStock = defineActivity("ReleaseStock", async (reservation: string, ctx) => {
  await act(ctx, reservation);
});

const askManager = defineActivity("AskManager", async (order: Order, ctx) => {
  await act(ctx, `order ${order.number}`);
});

const chargeCard = defineActivity("ChargeCard", async (order: Order, ctx) => {
  const isCovered = order.card !== EMPTY_CARD;
  await act(ctx, order.card, isCovered);
  if (!isCovered) throw new Error("the card was declined");
});

const packParcel = defineActivity("PackParcel", async (order: Order, ctx) => {
  await act(ctx, `order ${order.number}`);
});

const handToCarrier = defineActivity("HandToCarrier", async (order: Order, ctx) => {
  await act(ctx, `order ${order.number}`);
});

const countReservations = defineActivity("CountReservations", async (_round: number, ctx) => {
  await act(ctx, "stock");
  const effects = new Map(ledger.read().map((entry) => [entry.idempotencyKey, entry]));
  let count = 0;
  for (const { activity, isDone } of effects.values()) {
    if (activity === "ReserveStock" && isDone) count += 1;
    if (activity === "ReleaseStock") count -= 1;
  }
  return count;
});

/** What a manager answers. */
export const approval = defineEvent<{ readonly by: string }>("Approval");

async function isApproved(ctx: OrchestrationContext, order: Order): Promise<boolean> {
  // Subscribed before anybody is asked: no answer can come too early.
  const answer = ctx.scheduleWait(approval);
  await ctx.scheduleActivity(askManager, order);
  ctx.setCustomStatus("waiting for approval");
  const timeout = ctx.scheduleTimer(order.approvalTimeoutMs);
  const winner = await ctx.select({ answer, timeout });
  return winner.key === "answer";
}

const shipOrder = defineOrchestration("ShipOrder", async (ctx, order: Order) => {
  await ctx.scheduleActivity(packParcel, order);
  await ctx.scheduleActivity(handToCarrier, order);
});

async function sell(ctx: OrchestrationContext, order: Order): Promise<Outcome> {
  const totalCents = order.lines.reduce((sum, line) => sum + line.quantity * line.cents, 0);
  if (totalCents >= HIGH_VALUE_CENTS && !(await isApproved(ctx, order))) return "unapproved";
  try {
    await ctx.scheduleActivity(chargeCard, order);
  } catch (error) {
    if (!(error instanceof ActivityError)) throw error;
    return "declined";
  }
  await ctx.scheduleSubOrchestration(shipOrder, order);
  return "shipped";
}

export const processOrder = defineOrchestration(
  "ProcessOrder",
  async (ctx, order: Order): Promise<Outcome> => {
    if (!(await ctx.scheduleActivity(validateOrder, order))) return "invalid";

    const outcomes = await ctx.join(
      order.lines.map((line) => ctx.scheduleActivity(reserveStock, line)),
    );
    const reservations = outcomes.flatMap((outcome) =>
      outcome.status === "fulfilled" ? [outcome.value] : [],
    );
    const isComplete = reservations.length === order.lines.length;
    const end = isComplete ? await sell(ctx, order) : "outOfStock";

    // The saga: what was reserved for an order that does not ship goes back.
    if (end !== "shipped") {
      await ctx.all(reservations.map((it) => ctx.scheduleActivity(releaseStock, it)));
    }
    return end;
  },
);

/** Runs for ever; each round is an execution of its own, so its history never grows. */
export const stockMonitor = defineOrchestration("StockMonitor", async (ctx, round: number) => {
  const reservations = await ctx.scheduleActivity(countReservations, round);
  ctx.setCustomStatus({ round, reservations });
  await ctx.scheduleTimer(MONITOR_INTERVAL);
  return ctx.continueAsNew(round + 1);
});

export const activities = [
  validateOrder,
  reserveStock,
  releaseStock,
  askManager,
  chargeCard,
  packParcel,
  handToCarrier,
  countReservations,
];
export const orchestrations = [processOrder, shipOrder, stockMonitor];
