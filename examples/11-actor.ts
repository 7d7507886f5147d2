// Pattern 11, actor: an instance owns a state and takes commands from its mailbox, one by one.

import {
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineOrchestration,
  defineQueue,
} from "duroxide-ts";

type Command = { readonly action: "ship" | "rename" | "cancel"; readonly text?: string };

interface OrderState {
  readonly name: string;
  readonly log: readonly string[];
}

// A queue keeps every message from the moment it was sent, also between two executions.
const commands = defineQueue<Command>("OrderCommands");

const shipOrder = defineActivity("ShipOrder", (name: string) => `shipped ${name}`);
const mailCustomer = defineActivity("SendCancellationEmail", (name: string) => `mailed ${name}`);

const orderActor = defineOrchestration("OrderActor", async (ctx, state: OrderState) => {
  const command = await ctx.dequeueEvent(commands);
  switch (command.action) {
    case "ship": {
      const line = await ctx.scheduleActivity(shipOrder, state.name);
      return ctx.continueAsNew({ ...state, log: [...state.log, line] });
    }
    case "rename": {
      const name = command.text ?? state.name;
      return ctx.continueAsNew({ name, log: [...state.log, `renamed to ${name}`] });
    }
    case "cancel": {
      const line = await ctx.scheduleActivity(mailCustomer, state.name);
      return [...state.log, line];
    }
  }
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [shipOrder, mailCustomer],
  orchestrations: [orderActor],
});
const client = new Client(store);

const handle = await client.startOrchestration("order-7", orderActor, { name: "lamp", log: [] });
// Sent in one go, while the actor is busy with the first: none is lost, the order is kept.
await client.enqueueEvent("order-7", commands, { action: "ship" });
await client.enqueueEvent("order-7", commands, { action: "rename", text: "red lamp" });
await client.enqueueEvent("order-7", commands, { action: "ship" });
await client.enqueueEvent("order-7", commands, { action: "cancel" });

for (const line of await handle.result({ timeout: "10s" })) console.log(line);

await runtime.shutdown();
await store.close();
