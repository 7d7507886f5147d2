/** F38: an event and a queue of one name are two things, and a mix-up is one line in the log. */

import {
  Client,
  defineActivity,
  defineOrchestration,
  Runtime,
  SqliteProvider,
  type OrchestrationContext,
} from "duroxide-ts";
import { describe, expect, onTestFinished, test } from "vitest";

const note = defineActivity("Note", () => "noted");

async function play(
  run: (ctx: OrchestrationContext) => Promise<unknown>,
  send: (client: Client) => Promise<unknown>,
): Promise<string[]> {
  const code = defineOrchestration("Code", run);
  const lines: string[] = [];
  const store = await SqliteProvider.inMemory();
  const runtime = await Runtime.start({
    store,
    activities: [note],
    orchestrations: [code],
    residency: { evictAfterEveryTurn: true },
    logger: { log: (level, message) => lines.push(`${level} ${message}`) },
  });
  onTestFinished(async () => {
    await runtime.shutdown();
    await store.close();
  });
  const client = new Client(store);
  const handle = await client.startOrchestration("i", code);
  await client.waitForStatusChange("i", 0);
  await send(client);
  await client.raiseEvent("i", "Go");
  await handle.result();
  return lines;
}

const KEPT =
  'warn Cannot deliver a message of queue "Approved" to "i": it waits for an event of this name, and a queue is ' +
  "another thing; send it with raiseEvent(), or read it with ctx.dequeueEvent()";

describe("a message of the wrong kind", () => {
  test("F38 an event for what reads a queue says enqueueEvent()", async () => {
    const lines = await play(
      async (ctx) => {
        const message = ctx.dequeueEvent("Q");
        const go = ctx.scheduleWait("Go");
        ctx.setCustomStatus("waits");
        await ctx.select([message, go]);
      },
      (client) => client.raiseEvent("i", "Q", "yes"),
    );
    expect(lines).toEqual([
      'warn Cannot deliver event "Q" to "i": it reads a queue of this name, and an event is another thing; ' +
        "send it with enqueueEvent(), or wait for it with ctx.scheduleWait()",
    ]);
  });

  test("F38 a message for what waits for an event says raiseEvent()", async () => {
    const lines = await play(
      async (ctx) => {
        const wait = ctx.scheduleWait("Approved");
        const go = ctx.scheduleWait("Go");
        ctx.setCustomStatus("waits");
        await ctx.select([wait, go]);
      },
      (client) => client.enqueueEvent("i", "Approved", "yes"),
    );
    expect(lines).toEqual([KEPT]);
  });

  test("F38 a message that was there before the wait says so, too", async () => {
    const lines = await play(
      async (ctx) => {
        const go = ctx.scheduleWait("Go");
        ctx.setCustomStatus("waits");
        await go;
        const wait = ctx.scheduleWait("Approved");
        await ctx.select([wait, ctx.scheduleActivity(note)]);
      },
      (client) => client.enqueueEvent("i", "Approved", "yes"),
    );
    expect(lines).toEqual([KEPT]);
  });

  test("F38 a queue and an event of one name that are both in use are no mix-up", async () => {
    const lines = await play(
      async (ctx) => {
        const [message, wait] = [ctx.dequeueEvent("Both"), ctx.scheduleWait("Both")];
        const go = ctx.scheduleWait("Go");
        ctx.setCustomStatus("waits");
        await ctx.all([message, wait, go]);
      },
      async (client) => {
        await client.raiseEvent("i", "Both", 1);
        await client.enqueueEvent("i", "Both", 2);
      },
    );
    expect(lines).toEqual([]);
  });
});
