/** F35: the message of a failed instance names what was thrown, also when that has no message. */

import {
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  Runtime,
  SqliteProvider,
} from "duroxide-ts";
import { describe, expect, onTestFinished, test } from "vitest";

class InsufficientFunds extends Error {}
class Refusal extends Error {
  readonly code = "ECONNREFUSED";
}

class Problem {
  readonly detail = "x";
  get code() {
    return this.detail.length + 6;
  }
}

const THROWN: Readonly<Record<string, () => unknown>> = {
  "a class of one's own": () => new InsufficientFunds(),
  "an Error": () => new Error(),
  blanks: () => new Error("  "),
  "a code": () => new Refusal(),
  "a cause": () => new InsufficientFunds("", { cause: new Error("balance 3") }),
  // What Node throws where a host has two addresses, and both refuse.
  "a list": () => new AggregateError([new Refusal("::1"), new Refusal("127.0.0.1")]),
  "an empty text": () => "",
  "a Response": () => new Response("no", { status: 502, statusText: "Bad Gateway" }),
  "an object with a getter": () => new Problem(),
  "a class": () => InsufficientFunds,
  "a Map": () => new Map([["a", 1]]),
};
const pay = defineActivity("Pay", (which: string) => {
  throw THROWN[which]?.();
});
const shop = defineOrchestration("Shop", async (ctx, which: string) =>
  ctx.scheduleActivity(pay, which),
);
const direct = defineOrchestration("Direct", async (_ctx, which: string) => {
  await Promise.resolve();
  throw THROWN[which]?.();
});
const go = defineEvent("Go");
const kid = defineOrchestration("Kid", async (ctx) => {
  ctx.setCustomStatus("waits");
  return ctx.scheduleWait(go);
});
const parent = defineOrchestration("Parent", async (ctx) =>
  ctx.scheduleSubOrchestration(kid, undefined, { instanceId: "kid" }),
);
const grand = defineOrchestration("Grand", async (ctx) =>
  ctx.scheduleSubOrchestration(parent, undefined, { instanceId: "parent" }),
);

async function open() {
  const lines: string[] = [];
  const store = await SqliteProvider.inMemory();
  const runtime = await Runtime.start({
    store,
    activities: [pay],
    orchestrations: [shop, direct, kid, parent, grand],
    logger: {
      log: (level, message, fields) =>
        lines.push(`${level} ${message}: ${String(fields?.["error"])}`),
    },
  });
  onTestFinished(async () => {
    await runtime.shutdown();
    await store.close();
  });
  return { client: new Client(store), lines };
}

describe("the message of a failed instance", () => {
  test.each([
    ["a class of one's own", "InsufficientFunds, thrown without a message"],
    ["an Error", "Error, thrown without a message"],
    ["blanks", "Error, thrown without a message"],
    ["a code", "Refusal (ECONNREFUSED), thrown without a message"],
    ["a cause", "InsufficientFunds: balance 3"],
    ["a list", "AggregateError: ::1; 127.0.0.1"],
    ["an empty text", "an empty text was thrown, which is no Error"],
    ["a Response", "an object of class Response (status 502, statusText Bad Gateway)"],
    ["an object with a getter", 'an object of class Problem (code 7): {"detail":"x"}'],
    ["a class", 'the function "InsufficientFunds" was thrown, which is no Error'],
    ["a Map", "an object of class Map"],
  ])("F35 names what was thrown without a message: %s", async (which, text) => {
    const { client, lines } = await open();
    const first = await client.startOrchestration("a", shop, which);
    await expect(first.result()).rejects.toMatchObject({
      message: `Orchestration "a" failed: activity "Pay" (attempt 1) failed: ${text}`,
    });
    const second = await client.startOrchestration("b", direct, which);
    await expect(second.result()).rejects.toMatchObject({
      message: `Orchestration "b" failed: ${text}`,
    });
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toContain(text);
  });

  test.each([
    ["no budget", "was canceled: no budget"],
    ["", "was canceled"],
  ])("F35 calls a child that was canceled so: %j", async (reason, text) => {
    const { client } = await open();
    const handle = await client.startOrchestration("g", grand);
    await client.waitForStatusChange("kid", 0, { createdWithin: "10s" });
    await client.cancelInstance("kid", reason);
    await expect(handle.result()).rejects.toMatchObject({
      message: `Orchestration "g" failed: child "Parent" ("parent") failed: child "Kid" ("kid") ${text}`,
    });
  });
});
