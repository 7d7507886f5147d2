// Pattern 2, fan-out and fan-in: many activities at once, all outcomes collected.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const processUser = defineActivity("ProcessUser", (userId: string) => {
  if (userId.startsWith("x")) throw new Error(`no such user: ${userId}`);
  return userId.toUpperCase();
});

const processUsers = defineOrchestration(
  "ProcessUsers",
  async (ctx, userIds: readonly string[]) => {
    // Out: scheduling does not wait, so all of them run side by side.
    const pending = userIds.map((userId) => ctx.scheduleActivity(processUser, userId));

    // In: outcomes stand in the order of the arguments, whoever finished first.
    const outcomes = await ctx.join(pending);

    const processed: string[] = [];
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === "fulfilled") processed.push(outcome.value);
      else ctx.traceWarn("User was not processed", { userId: userIds[i] });
    }
    return { processed, failed: outcomes.length - processed.length };
  },
);

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [processUser],
  orchestrations: [processUsers],
});
const client = new Client(store);

const handle = await client.startOrchestration("users", processUsers, ["ada", "bob", "x1", "eve"]);
const { processed, failed } = await handle.result({ timeout: "10s" });
console.log(`processed: ${processed.join(", ")}`);
console.log(`failed: ${failed}`);

await runtime.shutdown();
await store.close();
