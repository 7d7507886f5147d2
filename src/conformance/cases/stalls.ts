/** P9: notes that another thread writes about a turn that does not come back. */

import type { BlockedReason, InstanceClaim } from "../../provider/provider.ts";
import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { expectEqual, expectMatch } from "../expectation.ts";
import { skip, type StoreUnderTest } from "../store-under-test.ts";

const BLOCKED: BlockedReason = {
  code: "turn_stalled",
  message: 'It does "not" come back',
  sinceMs: 1_000_000,
  source: "order.ts:12",
};
const DELAY_MS = 86_400_000;
const CRASH = { isCrash: true } as const;

const THREAD = `
const { source, data } = require("node:worker_threads").workerData;
new Function("require", "data", source)(require, data);
`;

/** Writes a note as the thread does that watches the event loop; skips the case where there is none. */
async function note(store: StoreUnderTest, claim: InstanceClaim): Promise<void> {
  const visibleAtMs = store.nowMs + DELAY_MS;
  const release = { kind: "releaseInstance", claim, visibleAtMs, blocked: BLOCKED } as const;
  // The first connection of a harness may be one that breaks on demand, which no other thread has.
  const stallNote =
    store.provider.stallNote?.(release) ?? (await store.connect()).stallNote?.(release);
  if (stallNote === undefined) skip("no other thread can reach this store");
  const workerData: unknown = JSON.parse(JSON.stringify(stallNote));
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const thread = new Worker(THREAD, { eval: true, workerData, execArgv: [] });
  const status = await new Promise((resolve, reject) => {
    thread.once("exit", resolve).once("error", reject);
  });
  expectEqual(status, 0, "the status of the thread");
}

/** A node that has a turn of two instances to do. */
async function stalledNode(store: StoreUnderTest): Promise<InstanceClaim> {
  const node = await store.registerNode();
  await store.start("stalled");
  const { claim } = await store.claimOne({ node });
  await store.start("neighbour");
  await store.claimOne({ node });
  return claim;
}

export const stalls: readonly ConformanceCase[] = concern("notes of stalls", {
  "park the instance, and no other, when another takes the node over": async (store) => {
    const claim = await stalledNode(store);
    await note(store, claim);
    expectEqual((await store.row("stalled")).blocked, undefined, "the reason before");
    await store.takeOver(claim.node, CRASH);
    expectMatch(await store.claimOne(), { instanceId: "neighbour", crashes: 1 }, "what is free");
    expectEqual((await store.row("stalled")).blocked, BLOCKED, "the reason");
    await store.provider.unblockWork();
    const again = { instanceId: "stalled", crashes: 1, previousEpoch: claim.epoch };
    expectMatch(await store.claimOne(), again, "it, for other code");
  },

  "park without a crash that counts": async (store) => {
    const claim = await stalledNode(store);
    await note(store, claim);
    await store.takeOver(claim.node, { isCrash: false });
    expectMatch(await store.claimOne(), { instanceId: "neighbour", crashes: 0 }, "what is free");
  },

  "end with a renewal": async (store) => {
    const claim = await stalledNode(store);
    await note(store, claim);
    await store.provider.renewNode(claim.node);
    await store.takeOver(claim.node, CRASH);
    const free = (await store.claim()).map((it) => it.instanceId).sort();
    expectEqual(free, ["neighbour", "stalled"], "what is free");
  },

  "end when the node itself leaves": async (store) => {
    const claim = await stalledNode(store);
    await note(store, claim);
    await store.provider.removeNode(claim.node);
    expectEqual((await store.claim()).length, 2, "what is free");
  },

  "say nothing about another claim": async (store) => {
    const claim = await stalledNode(store);
    await store.release(claim);
    const { claim: later } = await store.claimOne({ node: claim.node });
    await note(store, claim);
    await store.takeOver(later.node, CRASH);
    expectEqual((await store.claim()).length, 2, "what is free");
  },

  "say nothing while a takeover comes too late": async (store) => {
    const claim = await stalledNode(store);
    await note(store, claim);
    const late = await store.provider.removeNode(claim.node, { ifRenewals: 9, isCrash: true });
    expectEqual(late, false, "a takeover of another count");
    expectEqual((await store.row("stalled")).blocked, undefined, "the reason");
  },
});
