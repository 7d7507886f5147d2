// Fire and forget: an instance starts another one and does not wait for it.

import { Client, Runtime, SqliteProvider, defineActivity, defineOrchestration } from "duroxide-ts";

const sendMail = defineActivity("SendMail", (address: string) => `mail sent to ${address}`);

const notify = defineOrchestration("EmailNotification", async (ctx, address: string) => {
  const line = await ctx.scheduleActivity(sendMail, address);
  return `${line}, parent: ${ctx.parentInstanceId ?? "none"}`;
});

const signUp = defineOrchestration("SignUp", async (ctx, address: string) => {
  // The id is used as it stands, so that others can find the instance.
  ctx.scheduleOrchestration(notify, `mail-${address}`, address);
  return "signed up";
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [sendMail],
  orchestrations: [notify, signUp],
});
const client = new Client(store);

const handle = await client.startOrchestration("sign-up-1", signUp, "ada@example.org");
console.log(await handle.result({ timeout: "10s" }));

const mail = client.getHandle("mail-ada@example.org", notify);
console.log(await mail.result({ timeout: "10s" }));

await runtime.shutdown();
await store.close();
