// The smallest complete program: one activity, one orchestration, one instance.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

// An activity does the work. It may call databases, services, the disk: anything.
const greet = defineActivity("Greet", (name: string) => `Hello, ${name}!`);

// An orchestration decides what happens when. It only schedules.
const helloWorld = defineOrchestration("HelloWorld", async (ctx, name: string) => {
  const greeting = await ctx.scheduleActivity(greet, name);
  return greeting;
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({ store, activities: [greet], orchestrations: [helloWorld] });

const client = new Client(store);
const handle = await client.startOrchestration("my-instance-1", helloWorld, "World");
const greeting = await handle.result({ timeout: "5s" });
console.log(greeting);

await runtime.shutdown();
await store.close();
