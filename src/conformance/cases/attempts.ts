/** The number of a delivery: what an activity sees of it, and what its claim is checked by. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity } from "../effects.ts";
import { expectEqual } from "../expectation.ts";

export const attempts: readonly ConformanceCase[] = concern("attempts", {
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
});
