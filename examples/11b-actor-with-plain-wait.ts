// Pattern 11, the trap: an actor on one-shot events misses what is raised while it is busy.

import {
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineEvent,
  defineOrchestration,
} from "duroxide-ts";

const command = defineEvent<string>("Command");

let finishWork: () => void = () => undefined;
const workMayFinish = new Promise<void>((resolve) => (finishWork = resolve));
const work = defineActivity("Work", async (text: string) => {
  await workMayFinish;
  return `did ${text}`;
});

const deafActor = defineOrchestration("DeafActor", async (ctx, log: readonly string[]) => {
  ctx.setCustomStatus("listening");
  const text = await ctx.scheduleWait(command);
  if (text === "stop") return log;

  ctx.setCustomStatus(`busy with ${text}`);
  const line = await ctx.scheduleActivity(work, text);
  return ctx.continueAsNew([...log, line]);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [work],
  orchestrations: [deafActor],
});
const client = new Client(store);

const handle = await client.startOrchestration("deaf", deafActor, []);

/** Waits until the actor shows this status. */
let version = 0;
async function until(wanted: string): Promise<void> {
  for (;;) {
    const status = await client.waitForStatusChange("deaf", version, { timeout: "10s" });
    version = status.customStatusVersion;
    if (status.customStatus === wanted) return;
  }
}

await until("listening");
await client.raiseEvent("deaf", command, "first");
await until("busy with first");
console.log("raising the second command while the actor is busy");
await client.raiseEvent("deaf", command, "second");
finishWork();
await until("listening");
await client.raiseEvent("deaf", command, "stop");

// The second command is in the history of execution 1, but nobody was waiting for it.
console.log(`the actor knows of: ${(await handle.result({ timeout: "10s" })).join(", ")}`);

await runtime.shutdown();
await store.close();
