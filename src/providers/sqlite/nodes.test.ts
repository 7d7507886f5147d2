import { describe, expect, test } from "vitest";

import type { NodeCode, NodeId } from "../../provider/provider.ts";
import { activity, BACKINGS, StoreUnderTest } from "../../../tests/support/sqlite-store.ts";

describe.each(BACKINGS)("the nodes of a %s store", (backing) => {
  test("are listed with their lease and their renewals", async () => {
    const store = await StoreUnderTest.open(backing);
    const other = await store.provider.registerNode({ label: "worker 2", leaseMs: 500 });
    expect(await store.provider.renewNode(other)).toBe(true);
    expect(await store.provider.renewNode(other)).toBe(true);
    expect(await store.provider.listNodes()).toEqual([
      {
        id: store.node,
        label: "first",
        leaseMs: 10_000,
        renewals: 0,
        isProvablyDead: false,
        isProvablyAlive: false,
      },
      {
        id: other,
        label: "worker 2",
        leaseMs: 500,
        renewals: 2,
        isProvablyDead: false,
        isProvablyAlive: false,
      },
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
    expect(await store.provider.removeNode(node, { ifRenewals: 0, isCrash: false })).toBe(false);
    expect(await store.provider.removeNode(node, { ifRenewals: 1, isCrash: false })).toBe(true);
    expect(await store.provider.removeNode(node, { ifRenewals: 1, isCrash: false })).toBe(false);
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

describe.each(BACKINGS)("the code of the nodes of a %s store", (backing) => {
  const ORDERS = { orchestrations: [{ name: "order", versions: ["1.0.0"] }], activities: [] };
  const NEWER = { orchestrations: [{ name: "order", versions: ["2.0.0"] }], activities: [] };
  const CHARGES = { orchestrations: [], activities: ["charge"] };

  /** A store whose first node, with code for everything, has left. */
  async function openMixed() {
    const store = await StoreUnderTest.open(backing);
    await store.begin("held", { newActivities: [activity(1)] });
    const register = (code: NodeCode | undefined) =>
      store.provider.registerNode({ label: "x", leaseMs: 10_000, code });
    const idsOf = async (node: NodeId) =>
      (await store.claim({ node })).map(({ instanceId }) => instanceId);
    return { store, register, idsOf };
  }

  test("decides who is handed an instance: the exact version, or any before one is chosen", async () => {
    const { store, register, idsOf } = await openMixed();
    await store.provider.removeNode(store.node);
    const older = await register(ORDERS);
    const newer = await register(NEWER);
    const charger = await register(CHARGES);
    await store.start("any");
    await store.start("old", { version: "1.0.0" });
    await store.start("new", { version: "2.0.0" });
    expect(await idsOf(charger)).toEqual([]);
    expect(await idsOf(newer)).toEqual(["any", "new"]);
    expect(await idsOf(older)).toEqual(["old"]);
  });

  test("decides who is handed an activity", async () => {
    const { store, register } = await openMixed();
    await store.provider.removeNode(store.node);
    const older = await register(ORDERS);
    const charger = await register(CHARGES);
    expect(await store.claimActivities({ node: older })).toEqual([]);
    expect(await store.claimActivities({ node: charger })).toHaveLength(1);
  });

  test("leaves with its node; what nobody has code for is anybody's", async () => {
    const { store, register, idsOf } = await openMixed();
    const older = await register(ORDERS);
    const charger = await register(CHARGES);
    await store.provider.removeNode(store.node);
    await store.start("a");
    await store.start("b", { name: "unknown" });
    await store.start("c", { version: "3.0.0" });
    expect(await idsOf(charger)).toEqual(["b", "c"]);
    await store.provider.removeNode(older);
    expect(await idsOf(charger)).toEqual(["a"]);
  });

  test("is everything where a node names none: then nothing is an orphan", async () => {
    const { store, register, idsOf } = await openMixed();
    const charger = await register(CHARGES);
    await store.start("a", { name: "unknown" });
    expect(await idsOf(charger)).toEqual([]);
    expect(await idsOf(store.node)).toEqual(["a"]);
  });
});
