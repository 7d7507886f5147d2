/** How often work was tried: what tells a poison message from bad luck. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, bodiesOf } from "../effects.ts";
import { expectEqual, expectMatch } from "../expectation.ts";

export const attempts: readonly ConformanceCase[] = concern("attempts", {
  "of an instance begin at 1, grow, and begin again when a turn lands": async (store) => {
    await store.start("a");
    const seen: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      const claimed = await store.claimOne();
      seen.push(claimed.attempts);
      await store.release(claimed.claim);
    }
    const fourth = await store.claimOne();
    await store.land(fourth.claim);
    await store.release(fourth.claim);
    const fifth = await store.claimOne();
    expectEqual([...seen, fourth.attempts, fifth.attempts], [1, 2, 3, 4, 1], "the attempts");
  },

  "of an instance do not count a release that says so": async (store) => {
    await store.start("a");
    const seen: number[] = [];
    for (const isAttemptCounted of [true, false, false, true, true]) {
      const claimed = await store.claimOne();
      seen.push(claimed.attempts);
      await store.release(claimed.claim, { isAttemptCounted });
    }
    expectEqual(seen, [1, 2, 2, 2, 3], "the attempts");
  },

  "of an instance are never below 0": async (store) => {
    const claim = await store.begin("a");
    await store.send("a", "x");
    await store.release(claim, { isAttemptCounted: false });
    expectMatch(await store.claimOne(), { attempts: 1 }, "the next claim");
  },

  "of an instance leave its messages alone (R21)": async (store) => {
    await store.start("a");
    const first = await store.claimOne();
    await store.send("a", "arrived meanwhile");
    await store.release(first.claim, { isAttemptCounted: false });
    const second = await store.claimOne();
    expectEqual(second.attempts, 1, "the attempts");
    expectEqual(bodiesOf(second.messages), ["start a", "arrived meanwhile"], "the messages");
  },

  "of an instance count the death of its node": async (store) => {
    await store.start("a");
    const seen: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      const node = await store.registerNode();
      seen.push((await store.claimOne({ node })).attempts);
      await store.provider.removeNode(node);
    }
    expectEqual(seen, [1, 2, 3], "the attempts");
  },

  "of one instance are none of another's": async (store) => {
    await store.start("a");
    for (let i = 0; i < 3; i += 1) await store.release((await store.claimOne()).claim);
    await store.start("b");
    const counts = (await store.claim()).map((it) => `${it.instanceId} ${it.attempts}`).sort();
    expectEqual(counts, ["a 4", "b 1"], "the attempts");
  },

  "of an activity grow with each claim, and are taken back on request": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    const seen: number[] = [];
    for (const isAttemptCounted of [true, false, false, true, true]) {
      const { claim } = await store.claimActivity();
      seen.push(claim.attempt);
      await store.handBack(claim, { isAttemptCounted });
    }
    expectEqual(seen, [1, 2, 2, 2, 3], "the attempts");
  },

  "of an activity are never below 0": async (store) => {
    const { key } = await store.begin("a", { newActivities: [activity(1, { isClaimed: true })] });
    const claim = { key, executionId: 1, activityId: 1, node: store.node, attempt: 1 };
    await store.handBack(claim, { isAttemptCounted: false });
    const next = await store.claimActivity();
    expectEqual(next.claim.attempt, 1, "the attempt");
  },

  "tell apart which instances are wanted": async (store) => {
    await store.start("tried");
    await store.release((await store.claimOne()).claim);
    await store.start("fresh");
    const tried = await store.claim({ attempts: { from: 1, below: 9 } });
    expectMatch(tried, [{ instanceId: "tried", attempts: 2 }], "those that were tried");
    const none = await store.claim({ attempts: { from: 1, below: 9 } });
    expectEqual(none, [], "those that were tried, once more");
    const fresh = await store.claim({ attempts: { from: 0, below: 1 } });
    expectMatch(fresh, [{ instanceId: "fresh", attempts: 1 }], "those that were not");
  },

  "tell apart which activities are wanted": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    await store.handBack((await store.claimActivity()).claim);
    await store.begin("b", { newActivities: [activity(1)] });
    const fresh = await store.claimActivities({ attempts: { from: 0, below: 1 } });
    expectMatch(fresh, [{ instanceId: "b", claim: { attempt: 1 } }], "those that are fresh");
    const stale = await store.claimActivities({ attempts: { from: 2, below: 3 } });
    expectEqual(stale, [], "those that were tried twice");
    const tried = await store.claimActivities({ attempts: { from: 1, below: 2 } });
    expectMatch(tried, [{ instanceId: "a", claim: { attempt: 2 } }], "those that were tried once");
  },
});
