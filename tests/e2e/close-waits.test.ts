/** F55: who waits learns of `store.close()` at once, and not from a safety net 30 s later. */

import {
  Client,
  defineOrchestration,
  type Provider,
  Runtime,
  silentLogger,
  SqliteProvider,
} from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import { describe, expect, onTestFinished, test } from "vitest";

import { freshDatabase } from "../support/postgres.ts";
import { startProxy } from "../support/postgres-proxy.ts";
import { STORE_KINDS } from "../support/transaction-stores.ts";

/** Less than any safety net. */
const LIMIT_MS = 20_000;
const LATER = { createdWithin: "1h" } as const;
const CLOSED = { name: "ProviderError", code: "closed" };

const waiting = defineOrchestration("Waiting", async (ctx) => ctx.dequeueEvent<number>("never"));

/** Every kind of wait that a client has, on instances that run here, run elsewhere and do not exist. */
async function waitsOf(client: Client): Promise<Promise<unknown>[]> {
  const handle = await client.startOrchestration("here", waiting);
  return [
    handle.result(),
    client.waitForOrchestration("here"),
    client.waitForOrchestration("nobody", LATER),
    client.waitForStatusChange("here", 5),
    client.waitForStatusChange("nobody", 0, LATER),
    client.waitForKvValue("here", "key"),
    client.waitForKvValue("nobody", "key", LATER),
  ];
}

async function expectClosed(store: Provider, hasRuntime: boolean): Promise<void> {
  if (hasRuntime) {
    const runtime = await Runtime.start({ store, orchestrations: [waiting], logger: silentLogger });
    onTestFinished(() => runtime.shutdown());
  }
  const waits = await waitsOf(new Client(store));
  const outcomes = waits.map((wait) => expect(wait).rejects.toMatchObject(CLOSED));
  // Their first look is over: from here on only news wakes them.
  await store.readInstances(["here"]);
  await new Promise((resolve) => setImmediate(resolve));
  await store.close();
  await Promise.all(outcomes);
}

describe.each(STORE_KINDS)("on $name", (kind) => {
  test.each([true, false])(
    "F55 close() ends every wait (a runtime in this process: %s)",
    async (hasRuntime) => {
      await expectClosed(await kind.open(await kind.place()), hasRuntime);
    },
    LIMIT_MS,
  );
});

test(
  "F55 close() ends every wait in memory",
  async () => {
    await expectClosed(await SqliteProvider.inMemory(), true);
  },
  LIMIT_MS,
);

test(
  "F55 close() is bounded when the server does not answer",
  async () => {
    const proxy = await startProxy(await freshDatabase());
    onTestFinished(() => proxy.close());
    const store = await PostgresProvider.connect(proxy.url, { queryTimeout: "1s" });
    const runtime = await Runtime.start({ store, orchestrations: [waiting], logger: silentLogger });
    onTestFinished(() => runtime.shutdown());
    const client = new Client(store);
    const waits = await waitsOf(client);
    proxy.breakAll("silence");
    proxy.silenceNew(true);
    const calls = [
      ...waits,
      ...Array.from({ length: 100 }, () => store.listNodes()),
      ...Array.from({ length: 100 }, () => store.listInstances({ limit: 1 })),
      client.startOrchestration("late", waiting),
      store.transaction((tx) => tx.query("select 1")),
    ];
    const ends = Promise.allSettled(calls);
    await store.close();
    expect((await ends).map(({ status }) => status)).toEqual(calls.map(() => "rejected"));
  },
  LIMIT_MS,
);
