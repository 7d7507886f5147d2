/** F4: a codec is code of the host, also where orchestration code makes the engine call it. */

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

import {
  Client,
  type Codec,
  defineActivity,
  defineOrchestration,
  jsonCodec,
  Runtime,
  silentLogger,
  SqliteProvider,
} from "duroxide-ts";
import { expect, test } from "vitest";

const KEY = randomBytes(32);

/** Each call gives another text. */
const sealed: Codec = {
  name: "sealed",
  encode: (value, subject) => {
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", KEY, iv);
    const text = cipher.update(jsonCodec.encode(value, subject), "utf8", "base64");
    const parts = [iv.toString("base64"), text + cipher.final("base64")];
    return JSON.stringify([...parts, cipher.getAuthTag().toString("base64"), Date.now()]);
  },
  decode: (stored) => {
    const [iv, text, tag] = JSON.parse(stored) as [string, string, string];
    const decipher = createDecipheriv("aes-256-gcm", KEY, Buffer.from(iv, "base64"));
    decipher.setAuthTag(Buffer.from(tag, "base64"));
    return jsonCodec.decode(decipher.update(text, "base64", "utf8") + decipher.final("utf8"));
  },
};

const double = defineActivity("Double", (n: number) => 2 * n);
const child = defineOrchestration("Child", async (ctx, n: number) => {
  ctx.setCustomStatus({ at: n });
  ctx.kv.set("n", n);
  return ctx.scheduleActivity(double, n);
});
const parent = defineOrchestration("Parent", async (ctx, n: number) => {
  const first = await ctx.scheduleActivity(double, n);
  await ctx.scheduleTimer(1);
  return ctx.scheduleSubOrchestration(child, first);
});

test.each([false, true])(
  "F4 one that uses randomness and the clock replays (evicted every turn: %s)",
  async (evictAfterEveryTurn) => {
    const store = await SqliteProvider.inMemory();
    const runtime = await Runtime.start({
      store,
      activities: [double],
      orchestrations: [child, parent],
      codec: sealed,
      residency: { evictAfterEveryTurn },
      logger: silentLogger,
    });
    const client = new Client(store, { codec: sealed });
    const handle = await client.startOrchestration("i", parent, 5);
    expect(await handle.result({ timeout: "10s" })).toBe(20);
    await runtime.shutdown();
    await store.close();
  },
);
