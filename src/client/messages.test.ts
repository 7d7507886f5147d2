import { describe, expect, test } from "vitest";
import { z } from "zod";

import { openWorld, queued } from "../../tests/support/client-world.ts";
import { DONE } from "../../tests/support/sqlite-store.ts";
import { defineEvent, defineQueue } from "../orchestration/define.ts";

const approval = defineEvent("Approval", z.object({ by: z.string().min(1) }));
const orders = defineQueue<{ readonly sku: string }>("Orders");

describe("raiseEvent(), enqueueEvent(), cancelInstance()", () => {
  test("queue their messages in order", async () => {
    const { client, store } = await openWorld();
    await client.startOrchestration("a", "Order");
    const handle = client.getHandle("a");
    const outcomes = [
      await client.raiseEvent("a", approval, { by: "Mary" }),
      await client.raiseEvent("a", "Poke"),
      await client.enqueueEvent("a", orders, { sku: "lamp" }),
      await client.enqueueEvent("a", "Orders", null),
      await handle.raiseEvent(approval, { by: "Dora" }),
      await handle.enqueueEvent(orders, { sku: "sofa" }),
    ];
    expect(outcomes).toEqual(outcomes.map(() => ({ kind: "accepted" })));
    expect((await queued(store))["a"]?.slice(1)).toEqual([
      { kind: "eventRaised", name: "Approval", data: '{"by":"Mary"}' },
      { kind: "eventRaised", name: "Poke" },
      { kind: "queueMessage", name: "Orders", data: '{"sku":"lamp"}' },
      { kind: "queueMessage", name: "Orders", data: "null" },
      { kind: "eventRaised", name: "Approval", data: '{"by":"Dora"}' },
      { kind: "queueMessage", name: "Orders", data: '{"sku":"sofa"}' },
    ]);
  });

  test("S193 queue cancellations of an instance that is running", async () => {
    const { client, store } = await openWorld();
    await store.release(await store.begin("a"));
    const handle = client.getHandle("a");
    expect(await client.cancelInstance("a", "too late")).toEqual({ kind: "accepted" });
    expect(await client.cancelInstance("a")).toEqual({ kind: "accepted" });
    expect(await handle.cancel("again")).toEqual({ kind: "accepted" });
    expect((await queued(store))["a"]).toEqual([
      { kind: "cancel", reason: "too late" },
      { kind: "cancel", reason: "" },
      { kind: "cancel", reason: "again" },
    ]);
  });

  test("F49 S192 end an instance that has not begun, with no runtime anywhere", async () => {
    const { client, store } = await openWorld();
    await client.startOrchestration("a", "Order");
    expect(await client.cancelInstance("a", "never mind")).toEqual({ kind: "accepted" });
    expect(await client.getOrchestrationStatus("a")).toMatchObject({
      status: "Canceled",
      reason: "never mind",
      isTerminated: false,
    });
    expect(await queued(store)).toEqual({});
  });

  test("S190 say that nothing hears them", async () => {
    const { client, store } = await openWorld();
    await store.begin("ended", { change: DONE });
    const unknown = { kind: "dropped", reason: "unknownInstance" };
    const finished = { kind: "dropped", reason: "finishedInstance" };
    expect(await client.raiseEvent("nobody", "Poke")).toEqual(unknown);
    expect(await client.enqueueEvent("nobody", "Orders", 1)).toEqual(unknown);
    expect(await client.cancelInstance("nobody")).toEqual(unknown);
    expect(await client.raiseEvent("ended", "Poke")).toEqual(finished);
    expect(await client.enqueueEvent("ended", "Orders", 1)).toEqual(finished);
    expect(await client.cancelInstance("ended")).toEqual(finished);
    expect(await client.getOrchestrationStatus("nobody")).toEqual({
      status: "NotFound",
      instanceId: "nobody",
      isReplaced: false,
    });
  });

  test("send nothing that the schema rejects", async () => {
    const { client, store } = await openWorld();
    await client.startOrchestration("a", "Order");
    await expect(client.raiseEvent("a", approval, { by: "" })).rejects.toMatchObject({
      code: "validation_failed",
      issues: [{ path: "by" }],
    });
    expect((await queued(store))["a"]).toHaveLength(1);
  });
});
