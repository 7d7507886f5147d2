/** P8: what counts as a crash, and for how long: what tells a poison message from bad luck. */

import type { NodeId } from "../../provider/provider.ts";
import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, DONE, historyRow } from "../effects.ts";
import { expectEqual, expectKind, expectMatch } from "../expectation.ts";
import type { StoreUnderTest } from "../store-under-test.ts";

const CRASH = { isCrash: true } as const;

/** Lets one node after the other take all that there is, and die of it. */
async function crashWith(store: StoreUnderTest, times: number): Promise<readonly NodeId[]> {
  const nodes: NodeId[] = [];
  for (let i = 0; i < times; i += 1) {
    const node = await store.registerNode();
    await store.claim({ node });
    await store.claimActivities({ node });
    await store.takeOver(node, CRASH);
    nodes.push(node);
  }
  return nodes;
}

export const countedCrashes: readonly ConformanceCase[] = concern("counted crashes", {
  "are those of nodes that had a turn to do, until one lands": async (store) => {
    await store.start("a");
    await crashWith(store, 3);
    const fourth = await store.claimOne();
    await store.land(fourth.claim, { history: [historyRow(1)] });
    await store.release(fourth.claim);
    await store.send("a", "x");
    const fifth = await store.claimOne();
    expectEqual([fourth.crashes, fifth.crashes], [3, 0], "the crashes");
  },

  "are those of nodes that held an activity": async (store) => {
    const node = await store.registerNode();
    await store.begin("a", { newActivities: [activity(1)] });
    await store.claimActivities({ node });
    await store.takeOver(node, CRASH);
    await crashWith(store, 2);
    const { claim, crashes } = await store.claimActivity();
    expectEqual([claim.attempt, crashes], [4, 3], "the attempt and the crashes");
  },

  "hit an activity that its node has run from the start": async (store) => {
    await store.begin("a", { newActivities: [activity(1, { isClaimed: true })] });
    const other = await store.registerNode();
    await store.takeOver(store.node, CRASH);
    expectMatch(await store.claimActivity({ node: other }), { crashes: 1 }, "the activity");
  },

  "spare an instance that had nothing to do": async (store) => {
    await store.begin("a");
    const other = await store.registerNode();
    await store.takeOver(store.node, CRASH);
    await store.send("a", "x");
    expectMatch(await store.claimOne({ node: other }), { crashes: 0 }, "the instance");
  },

  "spare what others hold, and what waits": async (store) => {
    await store.start("held");
    await store.claimOne();
    await store.start("waits");
    await store.begin("a", { newActivities: [activity(1)] });
    await store.takeOver(await store.registerNode(), CRASH);
    expectMatch(await store.claimOne(), { instanceId: "waits", crashes: 0 }, "the instance");
    expectMatch(await store.claimActivity(), { crashes: 0 }, "the activity");
  },

  "are not what is handed back, nor what a node leaves, nor what is taken from a live one": async (
    store,
  ) => {
    await store.start("a");
    await store.begin("b", { newActivities: [activity(1)] });
    await store.release((await store.claimOne()).claim);
    await store.handBack((await store.claimActivity()).claim);
    for (const leave of [
      (node: NodeId) => store.provider.removeNode(node),
      (node: NodeId) => store.takeOver(node, { isCrash: false }),
    ]) {
      const node = await store.registerNode();
      await store.claim({ node });
      await store.claimActivities({ node });
      await leave(node);
    }
    expectMatch(await store.claimOne(), { crashes: 0 }, "the instance");
    expectMatch(await store.claimActivity(), { crashes: 0 }, "the activity");
  },

  "are taken back when the node is heard of again, by its renewal or its leave": async (store) => {
    await store.start("a");
    await store.begin("b", { newActivities: [activity(1)] });
    const [first, second, third] = (await crashWith(store, 3)) as [NodeId, NodeId, NodeId];
    expectEqual(await store.provider.renewNode(second), false, "a late renewal");
    expectEqual(await store.provider.renewNode(second), false, "another one");
    const other = await store.registerNode();
    const held = await store.claimOne({ node: other });
    expectEqual(held.crashes, 2, "the crashes of the instance");
    // Also while a node works on it: the next claim is what counts.
    expectEqual(await store.provider.removeNode(third), false, "a late leave");
    await store.release(held.claim);
    expectMatch(await store.claimOne(), { crashes: 1 }, "the instance");
    expectMatch(await store.claimActivity(), { crashes: 1 }, "the activity");
    expectEqual(await store.provider.renewNode(first), false, "a renewal of the last one");
  },

  "are taken back from those that counted them only": async (store) => {
    await store.start("a");
    const [first] = (await crashWith(store, 1)) as [NodeId];
    await store.start("b");
    await crashWith(store, 1);
    await store.provider.renewNode(first);
    const counts = (await store.claim()).map((it) => `${it.instanceId} ${it.crashes}`).sort();
    expectEqual(counts, ["a 1", "b 1"], "the crashes");
  },

  "are forgotten by a turn that lands, whoever is heard of later": async (store) => {
    await store.start("a");
    const [first] = (await crashWith(store, 1)) as [NodeId];
    const { claim } = await store.claimOne();
    await store.land(claim, { history: [historyRow(1)] });
    await store.release(claim);
    await store.send("a", "x");
    await store.provider.renewNode(first);
    expectMatch(await store.claimOne(), { crashes: 0 }, "the instance");
  },

  "grow by a delivery whose outcome can never land": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    await store.handBack((await store.claimActivity()).claim, CRASH);
    expectMatch(await store.claimActivity(), { crashes: 1, claim: { attempt: 2 } }, "it");
  },

  "tell apart which instances are wanted": async (store) => {
    await store.start("tried");
    await crashWith(store, 1);
    await store.start("fresh");
    const tried = await store.claim({ crashes: { from: 1, below: 9 } });
    expectMatch(tried, [{ instanceId: "tried", crashes: 1 }], "those with a crash behind them");
    const none = await store.claim({ crashes: { from: 1, below: 9 } });
    expectEqual(none, [], "the same, once more");
    const fresh = await store.claim({ crashes: { from: 0, below: 1 } });
    expectMatch(fresh, [{ instanceId: "fresh", crashes: 0 }], "those without");
  },

  "tell apart which activities are wanted": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    await crashWith(store, 1);
    await store.begin("b", { newActivities: [activity(1)] });
    const fresh = await store.claimActivities({ crashes: { from: 0, below: 1 } });
    expectMatch(fresh, [{ instanceId: "b", crashes: 0 }], "those without a crash");
    const twice = await store.claimActivities({ crashes: { from: 2, below: 3 } });
    expectEqual(twice, [], "those with two");
    const once = await store.claimActivities({ crashes: { from: 1, below: 2 } });
    expectMatch(once, [{ instanceId: "a", crashes: 1 }], "those with one");
  },

  "do not keep a result from counting, whoever holds the activity by now (P3)": async (store) => {
    const begun = await store.begin("a", { newActivities: [activity(1)] });
    const silent = await store.registerNode();
    const { claim } = await store.claimActivity({ node: silent });
    await store.takeOver(silent, CRASH);
    const { claim: later } = await store.claimActivity();
    expectKind(await store.complete(claim, "failed"), "claimLost", "a late failure");
    expectKind(await store.complete(claim, "late", true), "accepted", "a late result");
    expectKind(await store.complete(later, "x", true), "claimLost", "a second result");
    const messages = await store.heldMessages();
    expectEqual(
      messages.map(({ body }) => body),
      ["late"],
      "what the instance hears",
    );
    await store.land(begun, { history: [historyRow(1)], change: DONE });
  },
});
