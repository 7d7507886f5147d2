// Pattern 15, correlation: one id, made once, travels with every step.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

interface Step {
  readonly orderId: string;
  readonly correlationId: string;
}

const seen = new Set<string>();

const validateOrder = defineActivity("ValidateOrder", (step: Step) => {
  seen.add(step.correlationId);
});
const chargePayment = defineActivity("ChargePayment", (step: Step) => {
  seen.add(step.correlationId);
});

const trackedOrder = defineOrchestration("TrackedOrder", async (ctx, orderId: string) => {
  // Random for the world, the same on every replay of this execution.
  const correlationId = ctx.newGuid();
  const acceptedMs = ctx.utcNowMs();

  await ctx.scheduleActivity(validateOrder, { orderId, correlationId });
  await ctx.scheduleActivity(chargePayment, { orderId, correlationId });
  return { correlationId, tookMs: ctx.utcNowMs() - acceptedMs };
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [validateOrder, chargePayment],
  orchestrations: [trackedOrder],
});
const client = new Client(store);

const handle = await client.startOrchestration("tracked", trackedOrder, "42");
const { correlationId, tookMs } = await handle.result({ timeout: "10s" });

const isUuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(
  correlationId,
);
console.log(`a UUID of version 4: ${isUuid}`);
console.log(`the same in every step: ${seen.size === 1 && seen.has(correlationId)}`);
console.log(`time never runs backwards: ${tookMs >= 0}`);

await runtime.shutdown();
await store.close();
