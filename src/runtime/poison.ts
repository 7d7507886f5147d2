/**
 * When work counts as poison.
 *
 * Only crashes count: the store counts one against all work that a node had under way when its process
 * died, the cause and its neighbours alike. Where the store cannot check the process, a silent node
 * counts until its next sign of life takes the count back (contract, P8): partitions,
 * pauses and threads that are blocked for long are no crashes, and neither is work that was handed back.
 *
 * So the last few crashes are trials: one piece of such work at a time, started at once. Work that ends
 * its process in every trial is poison; a neighbour ends its first trial well.
 */

import type { Failure } from "../history/failure.ts";
import type { ClaimedActivity, ClaimedInstance } from "../provider/provider.ts";

/** Trials before work is given up. */
const TRIALS = 3;

/** Crashes from which on work is tried alone. */
export function trialFrom(crashesMax: number): number {
  return Math.max(1, crashesMax - TRIALS);
}

/** How an instance ends whose every trial has ended its process. */
export function instancePoison(claimed: ClaimedInstance, crashesMax: number): Failure {
  return {
    ...poison(
      `Cannot run instance "${claimed.instanceId}": ${claimed.crashes} turns in a row ended their process or ` +
        `thread (most ${crashesMax}); find out why`,
    ),
    data: { messages: claimed.messages.map((message) => message.body.slice(0, 1000)) },
  };
}

/** How an activity ends whose every trial has ended its process. */
export function activityPoison(claimed: ClaimedActivity, crashesMax: number): Failure {
  return poison(
    `Cannot run activity "${claimed.name}": it ended its process or thread ${claimed.crashes} times ` +
      `(most ${crashesMax}); find out why`,
  );
}

function poison(message: string): Failure {
  return { category: "poison", code: "poison", name: "PoisonError", message };
}
