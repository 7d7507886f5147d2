// Pattern 17, idempotence: an activity may run more than once, its effect must happen only once.

import {
  ActivityError,
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineOrchestration,
} from "duroxide-ts";

// A table with a primary key, and a payment service that recognises repeated requests.
const users = new Map<string, string>();
const charges = new Map<string, number>();

const updateUserStatus = defineActivity(
  "UpdateUserStatus",
  (user: { readonly id: string; readonly status: string }) => {
    // insert ... on conflict (id) do update: doing it twice leaves what doing it once leaves.
    users.set(user.id, user.status);
  },
);

let calls = 0;
const charge = defineActivity(
  "Charge",
  (payment: { readonly key: string; readonly cents: number }) => {
    calls += 1;
    if (!charges.has(payment.key)) charges.set(payment.key, payment.cents);
    // The money is taken, but the answer of the service gets lost.
    if (calls === 1) throw new Error("connection reset");
  },
);

const upgrade = defineOrchestration("Upgrade", async (ctx, userId: string) => {
  // Made once, so that the second try is recognised. For the redelivery of one and the same
  // activity (its worker died) the activity's own `ctx.idempotencyKey` serves as well.
  const key = ctx.newGuid();
  for (let attempt = 1; ; attempt += 1) {
    try {
      await ctx.scheduleActivity(charge, { key, cents: 500 });
      break;
    } catch (error) {
      if (!(error instanceof ActivityError) || attempt === 3) throw error;
    }
  }
  await ctx.scheduleActivity(updateUserStatus, { id: userId, status: "premium" });
  await ctx.scheduleActivity(updateUserStatus, { id: userId, status: "premium" });
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [updateUserStatus, charge],
  orchestrations: [upgrade],
});
const client = new Client(store);

const handle = await client.startOrchestration("upgrade-ada", upgrade, "ada");
await handle.result({ timeout: "10s" });
console.log(`calls: ${calls}, charges: ${[...charges.values()].join(", ")}`);
console.log(`users: ${JSON.stringify([...users])}`);

await runtime.shutdown();
await store.close();
