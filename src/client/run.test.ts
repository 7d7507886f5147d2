import { describe, expect, test } from "vitest";

import { openWorld, type ClientWorld } from "../../tests/support/client-world.ts";
import { InstanceReplacedError } from "./errors.ts";
import type { OrchestrationHandle } from "./handle.ts";

const REPLACE = { idReuse: "replaceFinished" } as const;

/** Starts "a" anew, and ends it with this output. */
async function runOnce(
  { client, store }: ClientWorld,
  output: string,
): Promise<OrchestrationHandle> {
  const handle = await client.startOrchestration("a", "Order", undefined, REPLACE);
  const [claimed] = await store.claim();
  await store.commit(claimed!.claim, { change: { status: "Completed", output } });
  return handle;
}

async function runAgain({ client, store }: ClientWorld): Promise<void> {
  await client.startOrchestration("a", "Order", undefined, REPLACE);
  await store.claim();
}

describe("a handle", () => {
  test("F23 does not give the output of the run that replaced its own", async () => {
    const world = await openWorld();
    const first = await runOnce(world, '"first"');
    const second = await runOnce(world, '"second"');
    await expect(first.result()).rejects.toThrow(InstanceReplacedError);
    await expect(first.result()).rejects.toMatchObject({ code: "instance_replaced" });
    expect(await first.status()).toEqual({
      status: "NotFound",
      instanceId: "a",
      isReplaced: true,
    });
    expect(await second.result()).toBe("second");
  });

  test("F23 keeps the output that it has seen", async () => {
    const world = await openWorld();
    const first = await runOnce(world, '"first"');
    expect(await first.result()).toBe("first");
    await runOnce(world, '"second"');
    expect(await first.result()).toBe("first");
    expect(await first.status()).toMatchObject({ status: "Completed", output: "first" });
  });

  test("F23 sends nothing to the run that replaced its own", async () => {
    const world = await openWorld();
    const { client, store } = world;
    const handle = await runOnce(world, "1");
    await runAgain(world);
    const unknown = { kind: "dropped", reason: "unknownInstance" };
    expect(await handle.cancel("late")).toEqual(unknown);
    expect(await handle.raiseEvent("Poke")).toEqual(unknown);
    expect(await handle.enqueueEvent("Orders", 1)).toEqual(unknown);
    expect(await handle.terminate("late")).toEqual({ kind: "unknownInstance" });
    expect((await client.getOrchestrationStatus("a")).status).toBe("Pending");
    expect(await store.provider.readMessages("a")).toHaveLength(1);
  });

  test("F23 of getHandle() stays with the run that its first call finds", async () => {
    for (const first of ["result", "status", "raiseEvent"] as const) {
      const world = await openWorld();
      await runOnce(world, '"first"');
      const handle = world.client.getHandle("a");
      if (first === "raiseEvent") await handle.raiseEvent("Poke");
      else await handle[first]();
      await runAgain(world);
      expect(await handle.cancel()).toEqual({ kind: "dropped", reason: "unknownInstance" });
    }
  });

  test("F23 of getHandle() has no run before its first call", async () => {
    const world = await openWorld();
    await runOnce(world, '"first"');
    const handle = world.client.getHandle("a");
    await runOnce(world, '"second"');
    expect(await handle.result()).toBe("second");
  });

  test('F23 of a start with idReuse "ignore" is of the run that was there', async () => {
    const world = await openWorld();
    await runOnce(world, '"first"');
    const found = await world.client.startOrchestration("a", "Order", undefined, {
      idReuse: "ignore",
    });
    expect(found.isNew).toBe(false);
    await runAgain(world);
    await expect(found.result()).rejects.toThrow(InstanceReplacedError);
  });
});

describe("waitForOrchestration()", () => {
  test("F23 does not go over to the run that replaces the one that it waits for", async () => {
    const { client, store, hub } = await openWorld();
    await client.startOrchestration("a", "Order");
    const waiting = client.waitForOrchestration("a");
    // One read answers both: the wait has seen its run then.
    await hub.watch.waitFor("a", (row) => row && { value: row }, { subject: "the row" });
    const [claimed] = await store.claim();
    await store.commit(claimed!.claim, { change: { status: "Completed", output: "1" } });
    await client.startOrchestration("a", "Order", undefined, REPLACE);
    hub.watch.notify("a");
    await expect(waiting).rejects.toThrow(InstanceReplacedError);
  });
});
