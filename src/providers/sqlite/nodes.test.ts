import { describe, expect, test } from "vitest";

import { activity, BACKINGS, StoreUnderTest } from "../../../tests/support/sqlite-store.ts";

describe.each(BACKINGS)("the nodes of a %s store", (backing) => {
  test("are listed with their lease and their renewals", async () => {
    const store = await StoreUnderTest.open(backing);
    const other = await store.provider.registerNode({ label: "worker 2", leaseMs: 500 });
    expect(await store.provider.renewNode(other)).toBe(true);
    expect(await store.provider.renewNode(other)).toBe(true);
    expect(await store.provider.listNodes()).toEqual([
      { id: store.node, label: "first", leaseMs: 10_000, renewals: 0, isProvablyDead: false },
      { id: other, label: "worker 2", leaseMs: 500, renewals: 2, isProvablyDead: false },
    ]);
  });

  test("have ids that are never used again (R24)", async () => {
    const store = await StoreUnderTest.open(backing);
    const first = await store.registerNode();
    await store.provider.removeNode(first);
    expect(await store.registerNode()).not.toBe(first);
  });

  test("leave only while their renewals stand where they were seen", async () => {
    const store = await StoreUnderTest.open(backing);
    const node = await store.registerNode();
    await store.provider.renewNode(node);
    expect(await store.provider.removeNode(node, 0)).toBe(false);
    expect(await store.provider.removeNode(node, 1)).toBe(true);
    expect(await store.provider.removeNode(node, 1)).toBe(false);
    expect(await store.provider.removeNode(node)).toBe(false);
    expect(await store.provider.renewNode(node)).toBe(false);
  });

  test("give up everything when they leave, whatever the clock says (31 lock expiration, R25)", async () => {
    const store = await StoreUnderTest.open(backing);
    const held = await store.begin("a", { newActivities: [activity(1, { isClaimed: true })] });
    await store.send("a", "x");
    await store.begin("b", { newActivities: [activity(1)] });
    const [running] = await store.claimActivities();
    const other = await store.registerNode();
    store.clock.ms += 1_000_000_000;
    expect(await store.claim({ node: other })).toEqual([]);
    expect(await store.claimActivities({ node: other })).toEqual([]);

    await store.provider.removeNode(store.node);
    expect(await store.commit(held)).toMatchObject({ kind: "claimLost" });
    expect(await store.release(held)).toMatchObject({ kind: "claimLost" });
    expect(await store.complete(running!.claim)).toMatchObject({ kind: "claimLost" });
    expect(
      await store.write({ kind: "heartbeatActivity", claim: running!.claim, details: "x" }),
    ).toMatchObject({ kind: "claimLost" });
    expect(await store.provider.findLostActivities([running!.claim])).toHaveLength(1);
    expect(await store.provider.readHeldWork(store.node, 10)).toEqual([]);

    expect(await store.claim({ node: other })).toMatchObject([
      { instanceId: "a", claim: { epoch: 2 }, messages: [{ body: "x" }] },
    ]);
    // Each death counts as an attempt. (31 poison counters)
    const taken = await store.claimActivities({ node: other });
    expect(taken.map((it) => [it.instanceId, it.claim.attempt])).toEqual([
      ["a", 2],
      ["b", 2],
    ]);
  });

  test("do not free what others hold when they leave", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", { newActivities: [activity(1, { isClaimed: true })] });
    await store.provider.removeNode(await store.registerNode());
    expect(await store.claimActivities()).toEqual([]);
    expect(await store.commit(claim)).toMatchObject({ kind: "committed" });
  });
});
