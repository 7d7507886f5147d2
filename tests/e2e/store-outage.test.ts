/** F60: a process that starts during an outage, and what a process leaves that was killed. */

import {
  Client,
  defineOrchestration,
  type Provider,
  ProviderError,
  Runtime,
  silentLogger,
  SqliteProvider,
} from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import { describe, expect, onTestFinished, test } from "vitest";

import { freshDatabase } from "../support/postgres.ts";
import { startProxy } from "../support/postgres-proxy.ts";
import { eventually } from "../support/signal.ts";
import { STORE_KINDS } from "../support/transaction-stores.ts";

const hello = defineOrchestration("Hello", async () => "hello");

/** The store, busy for the first `times` registrations. */
function busyFor(times: number, store: Provider): Provider {
  let left = times;
  return new Proxy(store, {
    get(target, key) {
      if (key === "registerNode" && left > 0) {
        left -= 1;
        return () => Promise.reject(new ProviderError("store_busy", "busy", { retryable: true }));
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

test("F60 Runtime.start() waits for a store that is busy, where that is wanted", async () => {
  const store = await SqliteProvider.inMemory();
  onTestFinished(() => store.close());
  const options = { orchestrations: [hello], logger: silentLogger };
  const refused = Runtime.start({ ...options, store: busyFor(1, store) });
  await expect(refused).rejects.toMatchObject({ code: "store_busy", retryable: true });
  const runtime = await Runtime.start({
    ...options,
    store: busyFor(3, store),
    waitForStore: "60s",
  });
  await runtime.shutdown();
});

test("F60 connect() and Runtime.start() wait for a PostgreSQL server that is back later", async () => {
  const proxy = await startProxy(await freshDatabase());
  onTestFinished(() => proxy.close());
  proxy.silenceNew(true);
  const connecting = PostgresProvider.connect(proxy.url, {
    queryTimeout: "200ms",
    waitForStore: "60s",
  });
  await eventually(() => proxy.swallowed.length > 0 || undefined);
  proxy.silenceNew(false);
  const store = await connecting;
  onTestFinished(() => store.close());
  proxy.breakAll("silence");
  proxy.silenceNew(true);
  const starting = Runtime.start({
    store,
    orchestrations: [hello],
    logger: silentLogger,
    waitForStore: "60s",
  });
  await eventually(() => proxy.swallowed.length > 0 || undefined);
  proxy.silenceNew(false);
  const runtime = await starting;
  onTestFinished(() => runtime.shutdown());
  const handle = await new Client(store).startOrchestration("a", hello);
  expect(await handle.result({ timeout: "30s" })).toBe("hello");
});

describe.each(STORE_KINDS.filter((kind) => kind.isShared))("on $name", (kind) => {
  test("F60 the entries of a node that has died go, its presence too", async () => {
    const place = await kind.place();
    const dead = await kind.open(place);
    onTestFinished(() => dead.close());
    // As a killed process leaves them: registered, and never renewed.
    const left = [
      await dead.registerNode({ label: "dead", leaseMs: 200 }),
      await dead.registerNode({ label: "dead (presence)", leaseMs: 2_000 }),
    ];
    const store = await kind.open(place);
    onTestFinished(() => store.close());
    const runtime = await Runtime.start({
      store,
      orchestrations: [hello],
      logger: silentLogger,
      lease: 200,
    });
    onTestFinished(() => runtime.shutdown());
    await eventually(
      async () => (await store.listNodes()).every(({ id }) => !left.includes(id)) || undefined,
    );
  });
});
