// Pattern 20, transactions: your rows and the workflow's are one commit, at its start and in its steps.

import {
  ActivityError,
  Client,
  Runtime,
  SqliteProvider,
  defineOrchestration,
  defineTransaction,
  type Transaction,
} from "duroxide-ts";

interface Payment {
  readonly orderId: string;
  readonly cents: number;
}

// Exactly once: the balance and the recorded completion are one transaction of the database. There is
// no key, no upsert and no "have I done this already?".
const takeMoney = defineTransaction("TakeMoney", async (tx, payment: Payment) => {
  const { rows } = await tx.query<{ cents: number }>(
    "update accounts set cents = cents - $1 where name = $2 returning cents",
    [payment.cents, "ada"],
  );
  const [account] = rows;
  // What throws is rolled back, and the orchestration catches it like any failed activity.
  if (account === undefined || account.cents < 0) throw new RangeError("not enough money");
  return account.cents;
});

const close = defineTransaction("CloseOrder", async (tx, order: { id: string; state: string }) => {
  await tx.query("update orders set state = $1 where id = $2", [order.state, order.id]);
});

const processOrder = defineOrchestration("ProcessOrder", async (ctx, payment: Payment) => {
  let state = "paid";
  try {
    await ctx.scheduleActivity(takeMoney, payment);
  } catch (error) {
    if (!(error instanceof ActivityError)) throw error;
    state = `refused: ${error.message}`;
  }
  await ctx.scheduleActivity(close, { id: payment.orderId, state });
});

// In a file, SqliteProvider.open("app.db"), your tables and the store's lie side by side.
const store = await SqliteProvider.inMemory();
await store.transaction(async (tx) => {
  await tx.query("create table accounts (name text primary key, cents integer not null)");
  await tx.query("create table orders (id text primary key, state text not null)");
  await tx.query("insert into accounts (name, cents) values ($1, $2)", ["ada", 1000]);
});
const runtime = await Runtime.start({
  store,
  activities: [takeMoney, close],
  orchestrations: [processOrder],
});
const client = new Client(store);

/** The order and its workflow come into being together, or not at all: no outbox, no gap between them. */
async function place(tx: Transaction, payment: Payment) {
  const { orderId } = payment;
  await tx.query("insert into orders (id, state) values ($1, $2)", [orderId, "new"]);
  return client.startOrchestration(orderId, processOrder, payment, { transaction: tx });
}

for (const cents of [700, 500]) {
  const payment = { orderId: `order-${cents}`, cents };
  const handle = await store.transaction((tx) => place(tx, payment));
  await handle.result({ timeout: "10s" });
}

const regretted = store.transaction(async (tx) => {
  await place(tx, { orderId: "order-1", cents: 1 });
  throw new Error("the customer closed the window");
});
await regretted.catch((error: unknown) => {
  console.log(String(error));
});
console.log("order-1:", (await client.getOrchestrationStatus("order-1")).status);

const { rows } = await store.transaction((tx) =>
  tx.query<{ id: string; state: string }>("select id, state from orders order by id"),
);
for (const { id, state } of rows) console.log(`${id}: ${state}`);
const balance = await store.transaction((tx) => tx.query("select name, cents from accounts"));
console.log(JSON.stringify(balance.rows));

await runtime.shutdown();
await store.close();
