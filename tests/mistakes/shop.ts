/** Where the mistakes are made: a small program, and all that it shows to its user. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

import {
  Client,
  defineActivity,
  defineOrchestration,
  Runtime,
  SqliteProvider,
  type ActivityDefinition,
  type OrchestrationDefinition,
} from "duroxide-ts";

const greet = defineActivity("Greet", (name: string) => `Hello, ${name}!`);
const hello = defineOrchestration("Hello", async (ctx, name: string) =>
  ctx.scheduleActivity(greet, name),
);

/** What somebody sees who prints an error. */
function print(error: unknown): string {
  return error instanceof Error
    ? `${error.message}\n${inspect(error, { depth: 4 })}`
    : inspect(error);
}

/** What a call throws, as its user prints it. */
export async function messageOf(call: () => unknown): Promise<string> {
  try {
    return `nothing was refused: ${inspect(await call())}`;
  } catch (error) {
    return print(error);
  }
}

/** @returns What the work throws and what was logged meanwhile */
export async function openShop(
  work: (client: Client, lines: readonly string[]) => unknown,
  orchestrations: readonly OrchestrationDefinition[] = [],
  activities: readonly ActivityDefinition[] = [],
): Promise<string> {
  const lines: string[] = [];
  const store = await SqliteProvider.inMemory();
  const runtime = await Runtime.start({
    store,
    activities: [greet, ...activities],
    orchestrations: [hello, ...orchestrations],
    residency: { evictAfterEveryTurn: true },
    logger: {
      log: (level, message, fields) => lines.push(`${level} ${message} ${JSON.stringify(fields)}`),
    },
  });
  try {
    const seen = await messageOf(() => work(new Client(store), lines));
    return [seen, ...lines].join("\n");
  } finally {
    await runtime.shutdown({ timeout: "1s" });
    await store.close();
  }
}

/** Waits until something keeps an instance from going on. @throws with what its status says */
export async function seenBy(client: Client, instanceId: string): Promise<never> {
  for (;;) {
    const info = await client.getInstanceInfo(instanceId);
    if ("blocked" in info && info.blocked !== undefined)
      throw new Error(JSON.stringify(info.blocked));
    if (info.status === "Failed") throw new Error(JSON.stringify(info.error));
    await sleep(5);
  }
}

/** Removes the file of a store that is open, and goes on with it. */
export async function removeStoreFile(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "duroxide-mistake-"));
  const store = await SqliteProvider.open(join(folder, "app.db"));
  try {
    rmSync(folder, { recursive: true });
    return await messageOf(() => new Client(store).startOrchestration("order-1", hello, "x"));
  } finally {
    await store.close();
  }
}
