/**
 * When work counts as poison.
 *
 * Everything that a process held when it died has one more attempt behind it, the culprit and its
 * neighbours alike. So the last few attempts are trials: one piece of such work at a time, started at
 * once. Work that ends its process in every trial is poison; a neighbour ends its first trial well.
 *
 * Attempts are counted by claims, and a turn that lands begins the count anew. So an instance that is
 * kept in memory and ends its process with a later turn has one crash more before it is given up: the
 * claim behind that crash was counted, and taken back, by the turns before it. Counting it would cost
 * a commit before every turn, for a bound that nobody can rely on to the last crash.
 */

import type { Failure } from "../history/failure.ts";
import type { ClaimedActivity, ClaimedInstance } from "../provider/provider.ts";

/** Trials before work is given up. */
const TRIALS = 3;

/** Attempts from which on work is tried alone. */
export function trialFrom(attemptsMax: number): number {
  return Math.max(1, attemptsMax - TRIALS);
}

/** How an instance ends whose every trial has ended its process. */
export function instancePoison(claimed: ClaimedInstance, attemptsMax: number): Failure {
  return {
    ...poison(
      `Cannot run instance "${claimed.instanceId}": ${claimed.attempts - 1} turns in a row ended their process ` +
        `(most ${attemptsMax}); find out why`,
    ),
    data: { messages: claimed.messages.map((message) => message.body.slice(0, 1000)) },
  };
}

/** How an activity ends whose every trial has ended its process. */
export function activityPoison(claimed: ClaimedActivity, attemptsMax: number): Failure {
  return poison(
    `Cannot run activity "${claimed.name}": it was delivered ${claimed.claim.attempt - 1} times and never ended ` +
      `(most ${attemptsMax}); find out why it ends its process`,
  );
}

function poison(message: string): Failure {
  return { category: "poison", code: "poison", name: "PoisonError", message };
}
