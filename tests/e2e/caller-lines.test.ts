/** F35: the stack of an error that a client's call ends with has the line that awaits it. */

import {
  Client,
  defineEvent,
  defineOrchestration,
  Runtime,
  silentLogger,
  SqliteProvider,
} from "duroxide-ts";
import { expect, test } from "vitest";

const hello = defineOrchestration("Hello", async () => "hello");
const wait = defineOrchestration("Wait", async (ctx) => ctx.scheduleWait(defineEvent("Go")));

test("F35 errors of waits and of a closed store have the user's line", async () => {
  const store = await SqliteProvider.inMemory();
  const runtime = await Runtime.start({
    store,
    orchestrations: [hello, wait],
    logger: silentLogger,
  });
  const client = new Client(store);
  const handle = await client.startOrchestration("ended", hello);
  await handle.result();
  const old = client.getHandle("ended");
  await old.status();
  await client.startOrchestration("ended", hello, undefined, { idReuse: "replaceFinished" });
  await client.startOrchestration("i", wait);
  const canceled = await client.startOrchestration("canceled", wait);
  const waits = new AbortController();

  async function lineOf(call: () => Promise<unknown>): Promise<[string, string]> {
    try {
      await call();
      return ["nothing", ""];
    } catch (error) {
      const { name, stack = "" } = error as Error;
      return [name, /userCode.*caller-lines\.test\.ts/.exec(stack) === null ? stack : "userCode"];
    }
  }

  const seen = [
    await lineOf(async function userCode() {
      return await client.getHandle("nobody").result();
    }),
    await lineOf(async function userCode() {
      return await client.waitForOrchestration("nobody", { createdWithin: 5 });
    }),
    await lineOf(async function userCode() {
      return await client.waitForStatusChange("nobody", 0);
    }),
    await lineOf(async function userCode() {
      return await client.waitForKvValue("ended", "key");
    }),
    await lineOf(async function userCode() {
      return await old.result();
    }),
    await lineOf(async function userCode() {
      const end = client.waitForOrchestration("i", { signal: waits.signal });
      waits.abort();
      return await end;
    }),
    await lineOf(async function userCode() {
      return await client.waitForOrchestration("i", { timeout: 5 });
    }),
    await lineOf(async function userCode() {
      await canceled.cancel("why");
      return await canceled.result();
    }),
  ];
  await runtime.shutdown();
  await store.close();
  seen.push(
    await lineOf(async function userCode() {
      return await client.startOrchestration("late", hello);
    }),
    await lineOf(async function userCode() {
      return await client.raiseEvent("i", "Go");
    }),
    await lineOf(async function userCode() {
      return await client.getOrchestrationStatus("i");
    }),
    await lineOf(async function userCode() {
      return await client.listInstances();
    }),
  );
  expect(seen).toEqual(
    [
      ...["InstanceNotFoundError", "InstanceNotFoundError", "InstanceNotFoundError"],
      ...["InstanceEndedError", "InstanceReplacedError", "AbortedError", "TimeoutError"],
      ...["OrchestrationCanceledError"],
      ...["ProviderError", "ProviderError", "ProviderError", "ProviderError"],
    ].map((name) => [name, "userCode"]),
  );
});
