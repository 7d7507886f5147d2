// Pattern 13, document approval: a silent manager makes the director decide.

import {
  Client,
  Runtime,
  SqliteProvider,
  defineActivity,
  defineEvent,
  defineOrchestration,
} from "duroxide-ts";

interface Document {
  readonly id: string;
  /** "24h" in production. */
  readonly managerTimeoutMs: number;
}

interface Approval {
  readonly by: string;
}

// Event names may be made from data.
const managerApproval = (documentId: string) =>
  defineEvent<Approval>(`ManagerApproval_${documentId}`);
const directorApproval = (documentId: string) =>
  defineEvent<Approval>(`DirectorApproval_${documentId}`);

const sendRequest = defineActivity(
  "SendApprovalRequest",
  (request: { readonly documentId: string; readonly level: "manager" | "director" }) => {
    console.log(`${request.documentId}: the ${request.level} is asked`);
  },
);
const finalize = defineActivity(
  "FinalizeDocument",
  (input: { readonly documentId: string; readonly approval: Approval }) =>
    `${input.documentId}: approved by ${input.approval.by}`,
);

const approveDocument = defineOrchestration("ApproveDocument", async (ctx, document: Document) => {
  const { id: documentId, managerTimeoutMs } = document;

  const manager = ctx.scheduleWait(managerApproval(documentId));
  await ctx.scheduleActivity(sendRequest, { documentId, level: "manager" });
  ctx.setCustomStatus("manager");
  const winner = await ctx.select({ manager, timeout: ctx.scheduleTimer(managerTimeoutMs) });
  if (winner.key === "manager") {
    return await ctx.scheduleActivity(finalize, { documentId, approval: winner.value });
  }

  ctx.traceWarn("The manager did not answer", { documentId });
  const director = ctx.scheduleWait(directorApproval(documentId));
  await ctx.scheduleActivity(sendRequest, { documentId, level: "director" });
  ctx.setCustomStatus("director");
  const approval = await director;
  return await ctx.scheduleActivity(finalize, { documentId, approval });
});

const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({
  store,
  activities: [sendRequest, finalize],
  orchestrations: [approveDocument],
});
const client = new Client(store);

const dayMs = 24 * 60 * 60 * 1000;
const memo = { id: "memo", managerTimeoutMs: dayMs };
const first = await client.startOrchestration("a", approveDocument, memo);
await client.waitForStatusChange("a", 0, { timeout: "10s" });
await client.raiseEvent("a", managerApproval("memo"), { by: "Mary" });
console.log(await first.result({ timeout: "10s" }));

const contract = { id: "contract", managerTimeoutMs: 30 };
const second = await client.startOrchestration("b", approveDocument, contract);
await client.waitForStatusChange("b", 1, { timeout: "10s" });
await client.raiseEvent("b", directorApproval("contract"), { by: "Dora" });
console.log(await second.result({ timeout: "10s" }));

await runtime.shutdown();
await store.close();
