// Cancellation: losers of a race are stopped, and so is everything below a canceled instance.

import {
  Client,
  OrchestrationCanceledError,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineOrchestration,
} from "duroxide-ts";

const stopped: string[] = [];

/** Works until it is told that its result is no longer wanted. */
const mine = defineActivity("Mine", async (place: string, ctx) => {
  await new Promise<void>((stop) => ctx.signal.addEventListener("abort", () => stop()));
  stopped.push(place);
});

const digForAWhile = defineOrchestration("DigForAWhile", async (ctx, forMs: number) => {
  const winner = await ctx.select({
    gold: ctx.scheduleActivity(mine, "hill"),
    timeout: ctx.scheduleTimer(forMs),
  });
  return winner.key;
});

const dig = defineOrchestration("Dig", async (ctx, place: string) => {
  ctx.setCustomStatus("digging");
  await ctx.scheduleActivity(mine, place);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [mine],
  orchestrations: [digForAWhile, dig],
});
const client = new Client(store);

const race = await client.startOrchestration("race", digForAWhile, 30);
console.log(`winner: ${await race.result({ timeout: "10s" })}`);

const endless = await client.startOrchestration("endless", dig, "river");
await client.waitForStatusChange("endless", 0, { timeout: "10s" });
await client.cancelInstance("endless", "the permit has expired");
try {
  await endless.result({ timeout: "10s" });
} catch (error) {
  if (!(error instanceof OrchestrationCanceledError)) throw error;
  console.log(`${error.code}: ${(await client.getOrchestrationStatus("endless")).status}`);
}

await runtime.shutdown();
console.log(`stopped: ${stopped.sort().join(", ")}`);

await store.close();
