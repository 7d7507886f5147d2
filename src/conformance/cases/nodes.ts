/** Claims end with their node, and with nothing else: no clock takes one away. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, DONE, historyRow, idsOf } from "../effects.ts";
import { expectEqual, expectKind, expectMatch, expectThat } from "../expectation.ts";

export const nodes: readonly ConformanceCase[] = concern("nodes and claim expiry", {
  "are listed with label, lease and renewals": async (store) => {
    const other = await store.provider.registerNode({ label: "worker 2", leaseMs: 500 });
    expectEqual(await store.provider.renewNode(other), true, "a renewal");
    expectEqual(await store.provider.renewNode(other), true, "a renewal");
    const listed = new Map((await store.provider.listNodes()).map((node) => [node.id, node]));
    const first = { label: "first", leaseMs: 10_000, renewals: 0, isProvablyDead: false };
    const second = { label: "worker 2", leaseMs: 500, renewals: 2, isProvablyDead: false };
    expectMatch(listed.get(store.node), first, "the first node");
    expectMatch(listed.get(other), second, "the second node");
    expectEqual(listed.size, 2, "the number of nodes");
  },

  "have ids that are never used again (R24)": async (store) => {
    const first = await store.registerNode();
    await store.provider.removeNode(first);
    expectThat((await store.registerNode()) !== first, "another id for the next node");
  },

  "leave once, and cannot be renewed afterwards": async (store) => {
    const node = await store.registerNode();
    expectEqual(await store.provider.removeNode(node), true, "the first removal");
    expectEqual(await store.provider.removeNode(node), false, "the second removal");
    expectEqual(await store.provider.renewNode(node), false, "a renewal after removal");
    const listed = await store.provider.listNodes();
    expectEqual(
      listed.map(({ id }) => id),
      [store.node],
      "the nodes",
    );
  },

  "leave only while their renewals stand where they were seen": async (store) => {
    const node = await store.registerNode();
    await store.provider.renewNode(node);
    expectEqual(
      await store.provider.removeNode(node, { ifRenewals: 0, isCrash: false }),
      false,
      "a removal with old renewals",
    );
    expectEqual(await store.provider.renewNode(node), true, "a renewal after that");
    expectEqual(
      await store.provider.removeNode(node, { ifRenewals: 2, isCrash: false }),
      true,
      "a removal with its renewals",
    );
  },

  "give up everything when they leave": async (store) => {
    const held = await store.begin("a", { newActivities: [activity(1, { isClaimed: true })] });
    await store.begin("b", { newActivities: [activity(1)] });
    const running = await store.claimActivity();
    await store.send("a", "x");
    const other = await store.registerNode();
    expectEqual(await store.claim({ node: other }), [], "what another gets before");
    expectEqual(await store.claimActivities({ node: other }), [], "what another gets before");
    await store.provider.removeNode(store.node);
    expectKind(await store.commit(held), "claimLost", "a turn");
    expectKind(await store.release(held), "claimLost", "a release");
    expectKind(await store.complete(running.claim), "claimLost", "a completion");
    expectKind(await store.heartbeat(running.claim, "x"), "claimLost", "a heartbeat");
    expectKind(await store.handBack(running.claim), "claimLost", "a release of an activity");
    const lost = await store.provider.findLostActivities([running.claim]);
    expectEqual(lost, [running.claim], "the lost activities");
    expectEqual(await store.provider.readHeldWork(store.node, 10), [], "what it reads");
    const taken = await store.claimOne({ node: other });
    const expected = { instanceId: "a", previousEpoch: 1, messages: [{ body: "x" }] };
    expectMatch(taken, expected, "what another gets afterwards");
    const activities = await store.claimActivities({ node: other });
    const attempts = activities.map((it) => `${it.instanceId} ${it.claim.attempt}`).sort();
    expectEqual(attempts, ["a 2", "b 2"], "the activities and their attempts");
  },

  "keep what they hold, however much time goes by (R25)": async (store) => {
    const claim = await store.begin("a", { newActivities: [activity(1)] });
    const running = await store.claimActivity();
    await store.send("a", "x");
    store.jumpClock(1_000_000_000);
    const other = await store.registerNode();
    expectEqual(await store.claim({ node: other }), [], "the instances that another gets");
    expectEqual(await store.claimActivities({ node: other }), [], "the activities");
    expectKind(await store.complete(running.claim), "accepted", "the completion");
    await store.land(claim, { history: [historyRow(1)], change: DONE });
  },

  "do not free what others hold when they leave": async (store) => {
    const claim = await store.begin("a", { newActivities: [activity(1, { isClaimed: true })] });
    await store.send("a", "x");
    await store.provider.removeNode(await store.registerNode());
    expectEqual(await store.claimActivities(), [], "the claimable activities");
    expectEqual(await store.claim(), [], "the claimable instances");
    await store.land(claim);
  },

  "get nothing back by registering again": async (store) => {
    const claim = await store.begin("a");
    await store.provider.removeNode(store.node);
    const back = await store.registerNode("first");
    expectKind(await store.commit(claim), "claimLost", "a turn under the old claim");
    const renamed = await store.commit({ ...claim, node: back });
    expectKind(renamed, "claimLost", "a turn under the new node's id");
  },

  "leave behind what exactly one of many others takes over": async (store) => {
    await store.begin("a", { newActivities: [activity(1, { isClaimed: true })] });
    await store.send("a", "x");
    const others = await Promise.all(Array.from({ length: 10 }, () => store.registerNode()));
    await store.provider.removeNode(store.node);
    const taken = await Promise.all(others.map((node) => store.claim({ node })));
    expectEqual(idsOf(taken.flat()), ["a"], "the claims of the instance");
    const activities = await Promise.all(others.map((node) => store.claimActivities({ node })));
    expectEqual(activities.flat().length, 1, "the claims of the activity");
  },

  "may take one another off the list, which one of them does": async (store) => {
    const others = await Promise.all(Array.from({ length: 5 }, () => store.registerNode()));
    const removals = await Promise.all(
      others.map(() => store.provider.removeNode(store.node, { ifRenewals: 0, isCrash: false })),
    );
    expectEqual(removals.filter(Boolean).length, 1, "the number of removals that took place");
  },
});
