// The same program on PostgreSQL: one line opens another store, and any number of processes share the work.

import { Client, Runtime, defineActivity, defineOrchestration } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";

const greet = defineActivity("Greet", (name: string) => `Hello, ${name}!`);

const helloWorld = defineOrchestration("HelloWorld", async (ctx, name: string) => {
  await ctx.scheduleTimer("50ms");
  return ctx.scheduleActivity(greet, name);
});

// The database has to exist; the tables come by themselves.
const url = process.env["DATABASE_URL"];
if (url === undefined) throw new Error("Set DATABASE_URL, such as postgres://user:secret@host/db");

// Two workers, here in one process. Elsewhere each is a process of its own, on any machine.
const code = { activities: [greet], orchestrations: [helloWorld] };
const first = await PostgresProvider.connect(url);
const second = await PostgresProvider.connect(url);
const worker1 = await Runtime.start({ store: first, ...code });
const worker2 = await Runtime.start({ store: second, ...code });

// A client needs no code of its own; a web server has a third connection, and no runtime.
const store = await PostgresProvider.connect(url);
const client = new Client(store);
const names = ["Ada", "Grace", "Barbara", "Frances"];
const handles = await Promise.all(
  names.map((name) => client.startOrchestration(`hello-${name}`, helloWorld, name)),
);
for (const handle of handles) console.log(await handle.result({ timeout: "10s" }));

await store.close();
await worker2.shutdown();
await worker1.shutdown();
await second.close();
await first.close();
