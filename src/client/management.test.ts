import { describe, expect, test } from "vitest";

import { openWorld, turnOf } from "../../tests/support/client-world.ts";
import { DONE } from "../../tests/support/sqlite-store.ts";
import type { ListOptions } from "./management.ts";

const child = (eventId: number, instanceId = "root") => ({
  parent: { instanceId, executionId: 1, eventId },
});

describe("getOrchestrationStatus(), getInstanceInfo()", () => {
  test("S017 show a running instance with its custom status", async () => {
    const { client, store } = await openWorld();
    const customStatus = { value: '{"step":2}' };
    await store.begin("a", { change: { name: "Order", version: "1.2.0", customStatus } }, child(2));
    const status = await client.getOrchestrationStatus("a");
    expect(status).toEqual({
      status: "Running",
      instanceId: "a",
      name: "Order",
      version: "1.2.0",
      executionId: 1,
      createdAt: new Date(1_000_000),
      updatedAt: new Date(1_000_000),
      parentInstanceId: "root",
      customStatus: { step: 2 },
      customStatusVersion: 1,
      blocked: undefined,
    });
    expect(await client.getInstanceInfo("a")).toEqual(status);
  });

  test("show why an instance cannot go on", async () => {
    const { client, store } = await openWorld();
    const claim = await store.begin("a");
    const blocked = { code: "not_registered", message: "no such code", sinceMs: 1_000_000 };
    await store.write({
      kind: "releaseInstance",
      claim,
      visibleAtMs: 2_000_000,
      blocked,
    });
    expect(await client.getOrchestrationStatus("a")).toMatchObject({ status: "Running", blocked });
  });

  test("differ about an unknown instance", async () => {
    const { client } = await openWorld();
    expect(await client.getOrchestrationStatus("x")).toEqual({
      status: "NotFound",
      instanceId: "x",
      isReplaced: false,
    });
    await expect(client.getInstanceInfo("x")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[InstanceNotFoundError: Cannot read instance "x": it does not exist in store ":memory:"; check the id, and whether it was started in this store]`,
    );
  });
});

describe("listInstances()", () => {
  async function openFilled() {
    const world = await openWorld();
    const { store } = world;
    for (const id of ["a-1", "a-2", "b-1", "b-2", "b-3"]) {
      store.clock.ms += 1_000;
      const name = id.startsWith("a") ? "A" : "B";
      await store.begin(id, id.endsWith("2") ? { change: DONE } : {}, { name });
    }
    return world;
  }

  test("gives full rows, newest first, page by page", async () => {
    const { client } = await openFilled();
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await client.listInstances({ limit: 2, cursor });
      pages.push(page.instances.map((one) => one.instanceId));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(pages).toEqual([["b-3", "b-2"], ["b-1", "a-2"], ["a-1"]]);
    expect((await client.listInstances({ status: "Completed" })).instances[0]).toMatchObject({
      status: "Completed",
      instanceId: "b-2",
      output: "done",
    });
  });

  test.each<readonly [string, ListOptions, readonly string[]]>([
    ["status", { status: "Completed" }, ["b-2", "a-2"]],
    ["several statuses", { status: ["Running", "Failed"] }, ["b-3", "b-1", "a-1"]],
    ["no status", { status: [] }, []],
    ["name", { name: "A" }, ["a-2", "a-1"]],
    ["prefix", { idPrefix: "b-" }, ["b-3", "b-2", "b-1"]],
    [
      "time",
      { createdAfter: new Date(1_001_000), createdBefore: new Date(1_004_000) },
      ["b-1", "a-2"],
    ],
  ])("filters by %s", async (_, options, ids) => {
    const { client } = await openFilled();
    const { instances, cursor } = await client.listInstances(options);
    expect(instances.map((one) => one.instanceId)).toEqual(ids);
    expect(cursor).toBeUndefined();
  });
});

describe("executions", () => {
  async function openContinued() {
    const world = await openWorld();
    const { store } = world;
    const started = { kind: "OrchestrationStarted", eventId: 1, timestampMs: 1_000_000 } as const;
    const facts = { name: "order", version: "1.0.0", instanceId: "a", seed: "s" };
    const claim = await store.begin("a", {
      change: { version: "1.0.0" },
      history: [
        turnOf([
          { ...started, ...facts, executionId: 1, input: '{"n":1}' },
          { kind: "CustomStatusUpdated", eventId: 2, timestampMs: 1_000_000, status: '"first"' },
          {
            kind: "OrchestrationContinuedAsNew",
            eventId: 3,
            timestampMs: 1_000_000,
            input: '{"n":2}',
          },
        ]),
      ],
      continued: {
        executionId: 1,
        name: "order",
        version: "1.0.0",
        output: '{"n":2}',
        startedMs: 1_000_000,
        body: "{}",
      },
    });
    const turn = { executionId: 2, timestampMs: 1_000_000 };
    await store.commit(claim, {
      executionId: 2,
      history: [
        turnOf(
          [
            { ...started, ...facts, ...turn, input: '{"n":2}' },
            { kind: "OrchestrationCompleted", eventId: 2, timestampMs: 1_000_000, output: '"ok"' },
          ],
          2,
        ),
      ],
      change: { status: "Completed", output: '"ok"' },
    });
    return world;
  }

  test("are listed oldest first", async () => {
    const { client } = await openContinued();
    const executions = await client.listExecutions("a");
    expect(executions).toMatchObject([
      { executionId: 1, status: "ContinuedAsNew", output: { n: 2 }, eventCount: 3 },
      { executionId: 2, status: "Completed", output: "ok", eventCount: 2 },
    ]);
    expect(await client.getExecutionInfo("a", 2)).toEqual(executions[1]);
    expect(executions[0]?.startedAt).toEqual(new Date(1_000_000));
    expect(await client.listExecutions("x")).toEqual([]);
  });

  test("have histories with decoded values, the current one by default", async () => {
    const { client } = await openContinued();
    expect(await client.readExecutionHistory("a", 1)).toMatchObject([
      { kind: "OrchestrationStarted", eventId: 1, input: { n: 1 } },
      { kind: "CustomStatusUpdated", eventId: 2, status: "first" },
      { kind: "OrchestrationContinuedAsNew", eventId: 3, input: { n: 2 } },
    ]);
    expect(await client.readExecutionHistory("a")).toMatchObject([
      { kind: "OrchestrationStarted", executionId: 2, input: { n: 2 } },
      { kind: "OrchestrationCompleted", output: "ok" },
    ]);
  });

  test("of nobody are not found", async () => {
    const { client, store } = await openWorld();
    await client.startOrchestration("pending", "Order");
    await store.begin("a");
    expect(await client.readExecutionHistory("pending")).toEqual([]);
    const notFound = { name: "InstanceNotFoundError", code: "instance_not_found" };
    await expect(client.readExecutionHistory("x")).rejects.toMatchObject(notFound);
    await expect(client.readExecutionHistory("a", 2)).rejects.toMatchObject(notFound);
    await expect(client.getExecutionInfo("x", 1)).rejects.toMatchObject(notFound);
    await expect(client.getExecutionInfo("a", 2)).rejects.toMatchObject({
      ...notFound,
      details: { instanceId: "a", executionId: 2 },
    });
  });
});

describe("getInstanceTree()", () => {
  test("gives the root with all its descendants, oldest first", async () => {
    const { client, store } = await openWorld();
    await store.begin("root");
    await store.begin("left", { change: DONE }, child(2));
    await store.begin("right", {}, child(3));
    await store.begin("leaf", {}, child(2, "left"));
    await store.begin("stranger");
    const tree = await client.getInstanceTree("root");
    expect(tree).toMatchObject({
      status: { instanceId: "root", status: "Running" },
      children: [
        {
          status: { instanceId: "left", status: "Completed" },
          children: [{ status: { instanceId: "leaf" }, children: [] }],
        },
        { status: { instanceId: "right", status: "Running" }, children: [] },
      ],
    });
    await expect(client.getInstanceTree("x")).rejects.toMatchObject({
      code: "instance_not_found",
    });
  });
});

describe("getKvValue(), getKvValues()", () => {
  test("read the key-values of an instance", async () => {
    const { client, store } = await openWorld();
    const changes = [
      { key: "b", value: '{"n":1}', updatedMs: 1_000_000 },
      { key: "a", value: "null", updatedMs: 1_000_000 },
      { key: "gone", updatedMs: 1_000_000 },
    ];
    await store.begin("a", { keyValues: { isCleared: false, changes } });
    expect(await client.getKvValue<{ n: number }>("a", "b")).toEqual({ n: 1 });
    expect(await client.getKvValue("a", "a")).toBeNull();
    expect(await client.getKvValue("a", "gone")).toBeUndefined();
    expect(await client.getKvValue("x", "b")).toBeUndefined();
    expect(await client.getKvValues("a")).toEqual(
      new Map<string, unknown>([
        ["a", null],
        ["b", { n: 1 }],
      ]),
    );
    expect(await client.getKvValues("x")).toEqual(new Map());
  });
});
