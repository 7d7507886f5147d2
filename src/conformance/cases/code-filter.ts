/** A node is handed the work that it has code for, and work that no live node has code for. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, continued, idsOf, timer } from "../effects.ts";
import { expectEqual, expectMatch } from "../expectation.ts";
import type { StoreUnderTest } from "../store-under-test.ts";
import type { NodeCode, NodeId } from "../../provider/provider.ts";

function code(
  orchestrations: Readonly<Record<string, readonly string[]>>,
  activities: readonly string[] = [],
): NodeCode {
  return {
    orchestrations: Object.entries(orchestrations).map(([name, versions]) => ({ name, versions })),
    activities,
  };
}

const APPLES = code({ apples: ["1.0.0", "2.0.0"] }, ["peel"]);
const PEARS = code({ pears: ["1.0.0"] }, ["core"]);

/** A node with the code for apples and one with that for pears; the one with all code leaves. */
async function twoNodes(store: StoreUnderTest): Promise<readonly [apples: NodeId, pears: NodeId]> {
  const apples = await store.registerNode("apples", APPLES);
  const pears = await store.registerNode("pears", PEARS);
  await store.provider.removeNode(store.node);
  return [apples, pears];
}

export const codeFilter: readonly ConformanceCase[] = concern("code filter", {
  "hands everything to a node that does not say what it has": async (store) => {
    await store.start("a", { name: "apples" });
    await store.start("b", { name: "unheard of", version: "7.0.0" });
    await store.registerNode("pears", PEARS);
    expectEqual(idsOf(await store.claim()), ["a", "b"], "the claimed instances");
  },

  "hands an instance to the node that has its name": async (store) => {
    const [apples, pears] = await twoNodes(store);
    await store.start("a", { name: "apples" });
    await store.start("p", { name: "pears" });
    expectEqual(idsOf(await store.claim({ node: pears })), ["p"], "what the one for pears gets");
    expectEqual(idsOf(await store.claim({ node: apples })), ["a"], "what the one for apples gets");
  },

  "steps over what does not fit, and leaves it as it was": async (store) => {
    const [apples, pears] = await twoNodes(store);
    for (let i = 0; i < 150; i += 1) await store.start(`a${i}`, { name: "apples" });
    await store.start("p", { name: "pears" });
    const claimed = await store.claim({ node: pears, limit: 1 });
    expectEqual(idsOf(claimed), ["p"], "what the one for pears gets");
    expectEqual(await store.claim({ node: pears }), [], "what it gets after that");
    const untouched = await store.claim({ node: apples, limit: 200 });
    expectEqual(untouched.length, 150, "the number of the others");
    expectMatch(untouched[0], { crashes: 0, previousEpoch: 0 }, "the first of the others");
  },

  "hands out what no live node has code for": async (store) => {
    const [apples, pears] = await twoNodes(store);
    await store.start("b", { name: "bananas" });
    const [claimed] = await store.claim({ node: pears });
    expectEqual(claimed?.instanceId, "b", "what the one for pears gets");
    if (claimed !== undefined) await store.release(claimed.claim);
    await store.registerNode("bananas", code({ bananas: ["1.0.0"] }));
    expectEqual(await store.claim({ node: apples }), [], "what is foreign once a node has it");
  },

  "hands out what is left when the last node that has its code leaves": async (store) => {
    const [apples, pears] = await twoNodes(store);
    await store.start("a", { name: "apples" });
    expectEqual(await store.claim({ node: pears }), [], "what is foreign before");
    await store.provider.removeNode(apples);
    expectEqual(idsOf(await store.claim({ node: pears })), ["a"], "what it gets after that");
  },

  "counts a node that does not say what it has as one that has all": async (store) => {
    const pears = await store.registerNode("pears", PEARS);
    await store.start("b", { name: "bananas" });
    expectEqual(await store.claim({ node: pears }), [], "what the one for pears gets");
    expectEqual(idsOf(await store.claim()), ["b"], "what the other one gets");
  },

  "goes by the version that a start asks for": async (store) => {
    const old = await store.registerNode("old", code({ apples: ["1.0.0"] }));
    const recent = await store.registerNode("recent", code({ apples: ["1.0.0", "2.0.0"] }));
    await store.provider.removeNode(store.node);
    await store.start("two", { name: "apples", version: "2.0.0" });
    await store.start("any", { name: "apples" });
    expectEqual(idsOf(await store.claim({ node: old })), ["any"], "what the old one gets");
    expectEqual(idsOf(await store.claim({ node: recent })), ["two"], "what the recent one gets");
  },

  "goes by the version that a turn has chosen, until another one changes it": async (store) => {
    const old = await store.registerNode("old", code({ apples: ["1.0.0"] }));
    const recent = await store.registerNode("recent", code({ apples: ["2.0.0"] }));
    const claim = await store.begin("a", { change: { version: "2.0.0" } }, { name: "apples" });
    await store.land(claim);
    await store.send("a", "x");
    await store.provider.removeNode(store.node);
    expectEqual(await store.claim({ node: old }), [], "what the old one gets");
    const held = await store.claimOne({ node: recent });
    await store.land(held.claim, { change: { version: "1.0.0" }, continued: continued() });
    await store.release(held.claim);
    expectEqual(await store.claim({ node: recent }), [], "what the recent one gets");
    expectEqual(idsOf(await store.claim({ node: old })), ["a"], "what the old one gets then");
  },

  "holds for due timers, too": async (store) => {
    const [apples, pears] = await twoNodes(store);
    const dueMs = store.nowMs + 50;
    await store.start("a", { name: "apples" });
    const { claim, messages } = await store.claimOne({ node: apples });
    const consumed = { messages: messages.map(({ id }) => id) };
    await store.land(claim, { newTimers: [timer(1, dueMs)] }, consumed);
    await store.release(claim);
    await store.reach(dueMs);
    expectEqual(await store.claim({ node: pears }), [], "what the one for pears gets");
    expectEqual(idsOf(await store.claim({ node: apples })), ["a"], "what the one for apples gets");
  },

  "hands an activity to the node that has its name": async (store) => {
    await store.begin("a", {
      newActivities: [activity(1, { name: "peel" }), activity(2, { name: "core" })],
    });
    const [apples, pears] = await twoNodes(store);
    const cored = await store.claimActivities({ node: pears });
    expectMatch(cored, [{ name: "core", claim: { attempt: 1 } }], "what the one for pears gets");
    expectEqual(await store.claimActivities({ node: pears }), [], "what it gets after that");
    const peeled = await store.claimActivities({ node: apples });
    expectMatch(peeled, [{ name: "peel", claim: { attempt: 1 } }], "what the other one gets");
  },

  "hands out an activity that no live node has code for": async (store) => {
    await store.begin("a", { newActivities: [activity(1, { name: "mash" })] });
    const [apples] = await twoNodes(store);
    const claimed = await store.claimActivities({ node: apples });
    expectMatch(claimed, [{ name: "mash" }], "what the one for apples gets");
  },

  "finds a fitting activity behind many that do not fit": async (store) => {
    const many = Array.from({ length: 150 }, (_, i) => activity(i + 1, { name: "peel" }));
    await store.begin("a", { newActivities: [...many, activity(200, { name: "core" })] });
    const [, pears] = await twoNodes(store);
    const claimed = await store.claimActivities({ node: pears, limit: 1 });
    expectMatch(claimed, [{ name: "core" }], "what the one for pears gets");
  },

  "hands nothing that another has code for to a node without any": async (store) => {
    const [apples] = await twoNodes(store);
    const none = await store.registerNode("none", code({}));
    await store.start("a", { name: "apples" });
    expectEqual(await store.claim({ node: none }), [], "what the node without code gets");
    expectEqual(idsOf(await store.claim({ node: apples })), ["a"], "what the other one gets");
  },

  "claims nothing twice when many nodes ask at once": async (store) => {
    const [apples, pears] = await twoNodes(store);
    for (let i = 0; i < 10; i += 1) {
      await store.start(`i${i}`, { name: i % 2 === 0 ? "apples" : "pears" });
    }
    const askers = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? apples : pears));
    const claimed = await Promise.all(askers.map((node) => store.claim({ node, limit: 1 })));
    expectEqual(new Set(idsOf(claimed.flat())).size, 10, "the number of different instances");
    expectEqual(claimed.flat().length, 10, "the number of claims");
  },
});
