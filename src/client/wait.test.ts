import { describe, expect, onTestFinished, test, vi } from "vitest";

import { openWorld, withMethods, type ClientWorld } from "../../tests/support/client-world.ts";
import { useFakeHost } from "../../tests/support/fake-host.ts";
import { DONE } from "../../tests/support/sqlite-store.ts";
import { createDeferred } from "../foundation/deferred.ts";
import { canceledFailure } from "../history/failure.ts";
import { ProviderError } from "../provider/errors.ts";
import { StoreHub } from "../provider/hub.ts";
import type { Provider } from "../provider/provider.ts";
import { Client } from "./client.ts";

const busy = new ProviderError("store_busy", "Cannot read: it is locked; wait", {
  retryable: true,
});

/** A world whose waits hear only of what they are told, and which says when a wait has begun. */
async function openQuietWorld(): Promise<ClientWorld & { readonly hasLooked: Promise<void> }> {
  // The safety net of the watch would hide a notification that is lost.
  useFakeHost({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { store } = await openWorld();
  const looked = createDeferred<void>();
  const provider = withMethods(store.provider, {
    readInstances: async (ids) => {
      const rows = await store.provider.readInstances(ids);
      setImmediate(looked.resolve);
      return rows;
    },
  });
  const hub = StoreHub.of(provider);
  return { store, hub, client: new Client(provider), hasLooked: looked.promise };
}

describe("waitForOrchestration()", () => {
  test("S013 gives the end of an instance that has ended", async () => {
    const { client, store } = await openWorld();
    await store.begin("a", { change: DONE });
    expect(await client.waitForOrchestration("a")).toMatchObject({
      status: "Completed",
      output: "done",
    });
  });

  test("S013 is told of the end", async () => {
    const { client, store, hub, hasLooked } = await openQuietWorld();
    const claim = await store.begin("a");
    const end = client.waitForOrchestration("a");
    await hasLooked;
    await store.commit(claim, { change: { customStatus: { value: "1" } } });
    hub.watch.notify("a");
    await store.commit(claim, { change: DONE });
    hub.watch.notify("a");
    expect(await end).toMatchObject({ status: "Completed", output: "done" });
  });

  test("F34 says at once that an instance does not exist, and where it was looked for", async () => {
    const { client } = await openWorld();
    const wanted = {
      code: "instance_not_found",
      message: expect.stringContaining('does not exist in store ":memory:"') as string,
    };
    await expect(client.getHandle("nobody").result()).rejects.toMatchObject(wanted);
    await expect(client.waitForOrchestration("nobody")).rejects.toMatchObject(wanted);
    await expect(client.waitForStatusChange("nobody", 0)).rejects.toMatchObject(wanted);
    await expect(client.waitForKvValue("nobody", "key")).rejects.toMatchObject(wanted);
    const late = { createdWithin: 1 };
    await expect(client.waitForOrchestration("nobody", late)).rejects.toMatchObject(wanted);
    await expect(client.waitForKvValue("nobody", "key", late)).rejects.toMatchObject(wanted);
  });

  test("F34 ends by its timeout with the status, and with what blocks the instance", async () => {
    const { client, store } = await openWorld();
    const claim = await store.begin("a");
    await expect(client.waitForOrchestration("a", { timeout: 1 })).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringContaining("and it is Running; wait again") as string,
      details: { timeoutMs: 1, instanceId: "a", status: "Running" },
    });
    const blocked = { code: "not_registered", message: "nobody knows it", sinceMs: 1_000_000 };
    const visibleAtMs = store.provider.nowMs() + 600_000;
    await store.provider.write([{ kind: "releaseInstance", claim, visibleAtMs, blocked }]);
    for (const wait of [
      client.getHandle("a").result({ timeout: 1 }),
      client.waitForStatusChange("a", 5, { timeout: 1 }),
      client.waitForKvValue("a", "key", { timeout: 1 }),
    ]) {
      await expect(wait).rejects.toMatchObject({
        code: "timeout",
        message: expect.stringContaining("blocked, not_registered: nobody knows it") as string,
        details: { status: "Running", blocked },
      });
    }
  });

  test("F34 a wait for a key ends with the instance, unless its last turn set it", async () => {
    const { client, store, hub, hasLooked } = await openQuietWorld();
    const claim = await store.begin("a");
    const missing = client.waitForKvValue("a", "key");
    await hasLooked;
    await store.commit(claim, { change: DONE });
    hub.watch.notify("a");
    await expect(missing).rejects.toMatchObject({
      name: "InstanceEndedError",
      code: "instance_ended",
      message: expect.stringMatching(/key "key" of instance "a".*ended as Completed/) as string,
      instanceId: "a",
      status: "Completed",
    });
    await expect(client.waitForKvValue("a", "key")).rejects.toMatchObject({
      code: "instance_ended",
    });
  });

  test("waits for an instance that does not exist yet, where that is asked for", async () => {
    const { client, store, hub, hasLooked } = await openQuietWorld();
    const end = client.getHandle("later").result({ createdWithin: "1h" });
    await hasLooked;
    await store.begin("later", { change: DONE });
    hub.watch.notify("later");
    expect(await end).toBe("done");
  });

  test("S014 ends by its timeout, and the instance goes on", async () => {
    const { client, store } = await openWorld();
    await store.begin("a");
    const timeout = { name: "TimeoutError", code: "timeout", retryable: true };
    await expect(client.waitForOrchestration("a", { timeout: 1 })).rejects.toMatchObject(timeout);
    await expect(client.getHandle("a").result({ timeout: 0 })).rejects.toMatchObject(timeout);
    expect(await client.getOrchestrationStatus("a")).toMatchObject({ status: "Running" });
  });

  test("finds what is there, also when the process is busy for longer than the timeout", async () => {
    const { client, store } = await openWorld();
    await store.begin("a", { change: DONE });
    const end = client.waitForOrchestration("a", { timeout: 0 });
    // Keeps the event loop until the timer is due, which then goes before the first look.
    const busyUntil = performance.now() + 2;
    while (performance.now() < busyUntil);
    expect((await end).status).toBe("Completed");
  });

  test("leaves it at the timeout when the store cannot answer", async () => {
    const { store } = await openWorld();
    const provider = withMethods(store.provider, { readInstances: () => Promise.reject(busy) });
    const end = new Client(provider).waitForOrchestration("a", { timeout: 1 });
    await expect(end).rejects.toMatchObject({ code: "timeout" });
  });

  test("ends by its signal, before and while it waits", async () => {
    const { client, store, hasLooked } = await openQuietWorld();
    await store.begin("a", { change: DONE });
    const before = client.waitForOrchestration("a", { signal: AbortSignal.abort("reason") });
    await expect(before).rejects.toMatchObject({ code: "aborted", cause: "reason" });
    const controller = new AbortController();
    const { signal } = controller;
    const during = client.waitForOrchestration("b", { signal, createdWithin: "1h" });
    await Promise.all([
      hasLooked.then(() => controller.abort(new Error("enough"))),
      expect(during).rejects.toMatchObject({
        name: "AbortedError",
        code: "aborted",
        cause: { message: "enough" },
      }),
    ]);
  });

  test("ends when the store is closed", async () => {
    const { client, store, hub, hasLooked } = await openQuietWorld();
    const end = client.waitForOrchestration("a", { createdWithin: "1h" });
    await hasLooked;
    await store.provider.close();
    hub.watch.notify("a");
    await expect(end).rejects.toMatchObject({ code: "closed" });
  });
});

describe("handle.result()", () => {
  test("throws what the instance failed of", async () => {
    const { client, store } = await openWorld();
    const failure = {
      category: "application",
      code: "activity_failed",
      name: "CardError",
      message: "card declined",
      userCode: "E42",
      data: { cents: 5 },
      cause: {
        category: "application",
        code: "activity_failed",
        name: "IoError",
        message: "line cut",
      },
    } as const;
    await store.begin("a", { change: { status: "Failed", failure } });
    const error: unknown = await client
      .getHandle("a")
      .result()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: "OrchestrationFailedError",
      code: "orchestration_failed",
      message: 'Orchestration "a" failed: card declined',
      instanceId: "a",
      failure,
      cause: {
        name: "CardError",
        message: "card declined",
        code: "E42",
        cents: 5,
        cause: { name: "IoError", message: "line cut" },
      },
    });
    expect(await client.getHandle("a").status()).toMatchObject({
      status: "Failed",
      error: failure,
    });
  });

  test.each([
    ["no budget", 'Orchestration "a" was canceled: no budget'],
    ["", 'Orchestration "a" was canceled'],
  ])("throws that the instance was canceled for %j", async (reason, message) => {
    const { client, store } = await openWorld();
    const change = { status: "Canceled", failure: canceledFailure(reason) } as const;
    await store.begin("a", { change });
    await expect(client.getHandle("a").result()).rejects.toMatchObject({
      name: "OrchestrationCanceledError",
      code: "orchestration_canceled",
      message,
      reason,
    });
    expect(await client.waitForOrchestration("a")).toMatchObject({ status: "Canceled", reason });
  });

  test("blames the codec for an output that it cannot decode", async () => {
    const { client, store } = await openWorld();
    await store.begin("a", { change: { status: "Completed", output: "not JSON" } });
    await expect(client.getHandle("a").result()).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot read the output of instance "a": the codec "json" cannot decode it; give the client the codec that the runtimes use]`,
    );
  });
});

describe("waitForStatusChange()", () => {
  test("is told of the next version and not of what was seen", async () => {
    const { client, store, hub, hasLooked } = await openQuietWorld();
    const claim = await store.begin("a", { change: { customStatus: { value: '"half"' } } });
    const seen = await client.waitForStatusChange("a", 0);
    expect(seen).toMatchObject({ customStatus: "half", customStatusVersion: 1 });
    const next = client.waitForStatusChange("a", seen.customStatusVersion);
    await hasLooked;
    await store.commit(claim, { change: { customStatus: { value: undefined } } });
    hub.watch.notify("a");
    expect(await next).toMatchObject({ customStatus: undefined, customStatusVersion: 2 });
  });

  test("answers at once, whatever was seen, when the instance has ended", async () => {
    const { client, store } = await openWorld();
    await store.begin("a", { change: DONE });
    expect(await client.waitForStatusChange("a", 99)).toMatchObject({ status: "Completed" });
    expect(await client.waitForStatusChange("a", 99)).toMatchObject({ status: "Completed" });
  });
});

describe("waitForKvValue()", () => {
  const set = (key: string, value: string) => ({
    keyValues: { isCleared: false, changes: [{ key, value, updatedMs: 1_000_000 }] },
  });

  test("gives a key that is there, also one without a name", async () => {
    const { client, store } = await openWorld();
    await store.begin("a", set("", "[1]"));
    expect(await client.waitForKvValue("a", "", { timeout: 0 })).toEqual([1]);
  });

  test("is told of the key, however many turns share a moment", async () => {
    const { client, store, hub, hasLooked } = await openQuietWorld();
    const claim = await store.begin("a");
    const value = client.waitForKvValue<{ at: string }>("a", "place");
    await hasLooked;
    await store.commit(claim, set("other", "1"));
    hub.watch.notify("a");
    await store.commit(claim, set("place", '{"at":"river"}'));
    hub.watch.notify("a");
    expect(await value).toEqual({ at: "river" });
  });

  test("ends by its timeout for an unknown key", async () => {
    const { client, store } = await openWorld();
    await store.begin("a", set("place", "1"));
    const wait = client.waitForKvValue("a", "nothing", { timeout: 1 });
    await expect(wait).rejects.toMatchObject({ code: "timeout" });
  });

  test("asks a busy store again and gives up on a broken one", async () => {
    const { store } = await openWorld();
    const broken = new ProviderError("store_corrupt", "Cannot read: it is damaged; restore it", {
      retryable: false,
    });
    await store.begin("a");
    const errors = [busy, busy, broken];
    const provider: Provider = withMethods(store.provider, {
      readKeyValues: () => {
        const error = errors.shift()!;
        // Nobody tells of a change: the test does, as the watch's safety net would.
        if (errors.length > 0) setImmediate(() => StoreHub.of(provider).watch.notify("a"));
        return Promise.reject(error);
      },
    });
    await expect(new Client(provider).waitForKvValue("a", "place")).rejects.toBe(broken);
    expect(errors).toEqual([]);
  });
});
