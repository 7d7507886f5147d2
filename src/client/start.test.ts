import { describe, expect, test } from "vitest";
import { z } from "zod";

import { openWorld, queued } from "../../tests/support/client-world.ts";
import { DONE } from "../../tests/support/sqlite-store.ts";
import { defineOrchestration } from "../orchestration/define.ts";
import type { LocalRuntime } from "../provider/hub.ts";
import type { StartRequest, WriteOutcome } from "../provider/provider.ts";

const greet = defineOrchestration("Greet", async (_ctx, name: string) => `hello ${name}`);
const bill = defineOrchestration("Bill", async () => 1);

describe("startOrchestration()", () => {
  test("S016 leaves a pending instance where no runtime is", async () => {
    const { client } = await openWorld();
    const handle = await client.startOrchestration("a", greet, "Ada");
    expect(handle).toMatchObject({ instanceId: "a", isNew: true });
    expect(await handle.status()).toEqual({
      status: "Pending",
      instanceId: "a",
      name: "Greet",
      version: "",
      executionId: 1,
      createdAt: new Date(1_000_000),
      updatedAt: new Date(1_000_000),
      parentInstanceId: undefined,
      customStatus: undefined,
      customStatusVersion: 0,
      blocked: undefined,
    });
  });

  test("sends name, version, encoded input and the run's id as seed", async () => {
    const { client, store } = await openWorld();
    await client.startOrchestration("a", greet, "Ada", { version: "1.2.0" });
    await client.startOrchestration("b", "Other");
    const { runId } = await store.row("a");
    expect(await queued(store)).toEqual({
      a: [{ kind: "start", name: "Greet", version: "1.2.0", input: '"Ada"', seed: runId }],
      b: [{ kind: "start", name: "Other", seed: (await store.row("b")).runId }],
    });
    expect(runId).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(await client.getOrchestrationStatus("a")).toMatchObject({ version: "1.2.0" });
  });

  test.each([
    ["a duration", "5s" as const],
    ["milliseconds", 5_000],
    ["a date", new Date(1_005_000)],
  ])("delivers not before %s", async (_, startAfter) => {
    const { client, store } = await openWorld();
    await client.startOrchestration("a", greet, "Ada", { startAfter });
    store.clock.ms = 1_004_999;
    expect(await queued(store)).toEqual({});
    store.clock.ms = 1_005_000;
    expect(Object.keys(await queued(store))).toEqual(["a"]);
  });

  test("starts at once when the date has passed", async () => {
    const { client, store } = await openWorld();
    await client.startOrchestration("a", greet, "Ada", { startAfter: new Date(0) });
    expect(Object.keys(await queued(store))).toEqual(["a"]);
  });

  test("waits for an asynchronous schema and stores the input as it was given", async () => {
    const input = z.object({ id: z.string().transform(async (id) => id.length) });
    const order = defineOrchestration({ name: "Order", input, run: async () => null });
    const { client, store } = await openWorld();
    await client.startOrchestration("a", order, { id: "four" });
    expect((await queued(store))["a"]).toMatchObject([{ input: '{"id":"four"}' }]);
  });
});

describe("an id in use", () => {
  test("S020 S022 is refused, with what uses it", async () => {
    const { client, store } = await openWorld();
    await client.startOrchestration("a", greet, "Ada");
    await expect(client.startOrchestration("a", bill)).rejects.toMatchObject({
      name: "InstanceAlreadyExistsError",
      code: "instance_already_exists",
      instanceId: "a",
      status: { status: "Pending", name: "Greet", instanceId: "a" },
    });
    expect((await queued(store))["a"]).toMatchObject([{ name: "Greet" }]);
  });

  test("S020 gives one instance to many starts at the same time", async () => {
    const { client, store } = await openWorld();
    const starts = ["Ada", "Bob", "Eve"].map((name) => client.startOrchestration("a", greet, name));
    const outcomes = await Promise.allSettled(starts);
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
    ]);
    expect((await queued(store))["a"]).toMatchObject([{ input: '"Ada"' }]);
  });

  test("S021 is refused when its instance has ended, too", async () => {
    const { client, store } = await openWorld();
    await store.begin("a", { change: DONE });
    await expect(client.startOrchestration("a", greet, "Ada")).rejects.toMatchObject({
      code: "instance_already_exists",
      status: { status: "Completed", output: "done" },
    });
  });

  test('F45 gives no handle on another orchestration with "ignore"', async () => {
    const { client } = await openWorld();
    await client.startOrchestration("a", "Other");
    const again = client.startOrchestration("a", greet, "Ada", { idReuse: "ignore" });
    await expect(again).rejects.toMatchObject({
      code: "instance_already_exists",
      message:
        'Cannot start instance "a" as "Greet": the id is in use by a "Other" that is Pending; choose another id',
    });
  });

  test('gives a handle on what is there with "ignore"', async () => {
    const { client, store } = await openWorld();
    await store.begin("a", { change: DONE });
    const handle = await client.startOrchestration("a", "order", "Ada", { idReuse: "ignore" });
    expect(handle.isNew).toBe(false);
    expect(await handle.result()).toBe("done");
  });

  test('is started anew with "replaceFinished" once its instance has ended', async () => {
    const { client, store } = await openWorld();
    const claim = await store.begin("a");
    const again = () =>
      client.startOrchestration("a", greet, "Ada", { idReuse: "replaceFinished" });
    await expect(again()).rejects.toMatchObject({ status: { status: "Running" } });
    await store.commit(claim, { change: DONE });
    expect((await again()).isNew).toBe(true);
    expect(await client.getOrchestrationStatus("a")).toMatchObject({ status: "Pending" });
  });
});

describe("a runtime of the same process", () => {
  function runtime(tryStart: (request: StartRequest) => Promise<WriteOutcome>): LocalRuntime {
    return {
      isGathering: false,
      tryStart,
      isRunning: () => false,
      onEnded: () => undefined,
      onCanceled: () => undefined,
      onDelivered: () => {},
      onActivitiesReady: () => {},
      onDue: () => {},
      onBlocked: () => {},
      onUncertain: () => {},
    };
  }

  test("may take the start", async () => {
    const { client, hub, store } = await openWorld();
    hub.join(runtime(async () => ({ kind: "started", key: 1, delivered: [], refusedStarts: [] })));
    expect((await client.startOrchestration("a", greet, "Ada")).isNew).toBe(true);
    expect(await queued(store)).toEqual({});
  });

  test("leaves the start to the store when it has just lost its node", async () => {
    const { client, hub, store } = await openWorld();
    hub.join(runtime(async () => ({ kind: "claimLost", reason: "node 1 is not registered" })));
    expect((await client.startOrchestration("a", greet, "Ada")).isNew).toBe(true);
    expect(Object.keys(await queued(store))).toEqual(["a"]);
  });

  test("whose answer is lost recognises the same request", async () => {
    const { client, hub, store } = await openWorld();
    hub.join(
      runtime(async (request) => {
        await hub.write({ kind: "startInstance", request });
        return hub.write({ kind: "startInstance", request });
      }),
    );
    expect((await client.startOrchestration("a", greet, "Ada")).isNew).toBe(true);
    expect((await queued(store))["a"]).toHaveLength(1);
  });
});
