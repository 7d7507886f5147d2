// Anti-pattern 4, put right: a pure delay is a timer. It survives restarts and occupies no worker.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const remind = defineActivity("Remind", (text: string) => `reminder: ${text}`);

interface Reminder {
  readonly text: string;
  /** 30_000, or hours, or weeks in production. */
  readonly delayMs: number;
}

const remindLater = defineOrchestration("RemindLater", async (ctx, reminder: Reminder) => {
  const scheduledMs = ctx.utcNowMs();
  await ctx.scheduleTimer(reminder.delayMs);
  const waitedMs = ctx.utcNowMs() - scheduledMs;

  const text = await ctx.scheduleActivity(remind, reminder.text);
  return { text, isOnTime: waitedMs >= reminder.delayMs };
});

// A point in time instead of a delay.
const remindAt = defineOrchestration("RemindAt", async (ctx, atIso: string) => {
  await ctx.scheduleTimer({ until: new Date(atIso) });
  return await ctx.scheduleActivity(remind, `it is past ${atIso}`);
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [remind],
  orchestrations: [remindLater, remindAt],
});
const client = new Client(store);

const later = await client.startOrchestration("later", remindLater, { text: "tea", delayMs: 40 });
const { text, isOnTime } = await later.result({ timeout: "10s" });
console.log(`${text}, not too early: ${isOnTime}`);

// A time that has passed already fires at once.
const at = await client.startOrchestration("at", remindAt, "2020-02-02T20:20:20.000Z");
console.log(await at.result({ timeout: "10s" }));

await runtime.shutdown();
await store.close();
