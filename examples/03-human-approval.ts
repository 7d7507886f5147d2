// Pattern 3, human in the loop: an answer races a timer; silence escalates.

import {
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineEvent,
  defineOrchestration,
} from "duroxide-ts";

interface ApprovalRequest {
  readonly subject: string;
  /** "24h" in production; the second instance below does not want to wait for that. */
  readonly timeoutMs: number;
}

const approved = defineEvent<{ readonly by: string }>("ApprovalEvent");

const submitRequest = defineActivity("SubmitApprovalRequest", (subject: string) => {
  console.log(`asking about: ${subject}`);
  return `request(${subject})`;
});

const escalate = defineActivity("EscalateApproval", (requestId: string) => {
  return `${requestId} was escalated`;
});

const approve = defineOrchestration("Approve", async (ctx, request: ApprovalRequest) => {
  // Subscribed before anybody is asked: no answer can come too early.
  const approval = ctx.scheduleWait(approved);
  const requestId = await ctx.scheduleActivity(submitRequest, request.subject);

  ctx.setCustomStatus("waiting for an answer");
  const timeout = ctx.scheduleTimer(request.timeoutMs);
  const winner = await ctx.select({ approval, timeout });

  if (winner.key === "timeout") {
    ctx.traceWarn("Nobody answered", { requestId });
    return await ctx.scheduleActivity(escalate, requestId);
  }
  return `${requestId} was approved by ${winner.value.by}`;
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [submitRequest, escalate],
  orchestrations: [approve],
});
const client = new Client(store);

const answered = await client.startOrchestration("answered", approve, {
  subject: "new laptop",
  timeoutMs: 24 * 60 * 60 * 1000,
});
await client.waitForStatusChange("answered", 0, { timeout: "10s" });
await client.raiseEvent("answered", approved, { by: "Grace" });
console.log(await answered.result({ timeout: "10s" }));

const ignored = await client.startOrchestration("ignored", approve, {
  subject: "new yacht",
  timeoutMs: 30,
});
console.log(await ignored.result({ timeout: "10s" }));

await runtime.shutdown();
await store.close();
