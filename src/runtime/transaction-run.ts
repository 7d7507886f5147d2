/**
 * One delivery of a transactional activity: the user's statements and the completion in one database
 * transaction.
 *
 * Boundary: opens transactions and tries again; what runs inside of one is handed in.
 *
 * I1. Either the user's rows and the completion are durable, or neither is (G1); so it happens once,
 *     however often it runs.
 * I2. A claim that is not current any more rolls the transaction back: another node has the claim, or the
 *     transaction has landed although the answer was lost.
 * I3. A fault of the store is never a failure of the activity (G7): it is tried again, for as long as
 *     the claim lasts.
 */

import { isDuroxideError } from "../foundation/errors.ts";
import { isError } from "../foundation/is-error.ts";
import { toTimerMs } from "../foundation/timer.ts";
import type { Transaction } from "../foundation/transaction.ts";
import { onAbort } from "../foundation/on-abort.ts";
import { host } from "../foundation/host.ts";
import type { EncodedValue } from "../history/event.ts";
import { toFailure } from "../history/failure.ts";
import { encodeMessage } from "../history/message.ts";
import { ProviderError } from "../provider/errors.ts";
import type { StoreHub } from "../provider/hub.ts";
import type { ClaimedActivity, ProviderTransactions, WriteOutcome } from "../provider/provider.ts";
import { toMessage, type RunEnd } from "./activity-outcome.ts";
import type { RuntimeSettings } from "./options.ts";

const RETRY_DELAY_MS_MIN = 5;
const RETRY_DELAY_MS_MAX = 2_000;
/** How deep a fault of the store may be wrapped in errors of the user. */
const CAUSES_MAX = 8;

const SETTLED: RunEnd = { kind: "settled" };

/** Thrown inside of a transaction to roll it back; never leaves this file. */
class RollBack extends Error {
  readonly end: RunEnd;

  constructor(end: RunEnd) {
    super("Roll back");
    this.end = end;
  }
}

export interface TransactionRunParts {
  readonly claimed: ClaimedActivity;
  readonly settings: RuntimeSettings;
  readonly hub: StoreHub;
  readonly transactions: ProviderTransactions;
  readonly signal: AbortSignal;
  /** Runs the user's function. */
  readonly work: (transaction: Transaction) => Promise<EncodedValue>;
}

export class TransactionRun {
  readonly #parts: TransactionRunParts;

  constructor(parts: TransactionRunParts) {
    this.#parts = parts;
  }

  /** Never rejects because of the user's function or the store. */
  async start(): Promise<RunEnd> {
    const { hub, transactions } = this.#parts;
    for (let delayMs = RETRY_DELAY_MS_MIN; ; delayMs = Math.min(delayMs * 2, RETRY_DELAY_MS_MAX)) {
      try {
        hub.deliver(await transactions.run((transaction) => this.#attempt(transaction)));
        return SETTLED;
      } catch (error) {
        const end = this.#toEnd(error);
        if (end !== undefined) return end;
      }
      if (!(await this.#isStillOurs(delayMs))) return SETTLED;
    }
  }

  async #attempt(transaction: Transaction): Promise<readonly WriteOutcome[]> {
    const { claimed, transactions, signal } = this.#parts;
    const result = await this.#work(transaction);
    if (signal.aborted) throw new RollBack(SETTLED);
    const { claim } = claimed;
    const body = encodeMessage(toMessage(claimed, { kind: "completed", result }));
    const outcomes = await transactions.write(transaction, [
      { kind: "completeActivity", claim, body }, // (I2) Without a current claim all of it is rolled back.
    ]);
    if (outcomes[0]?.kind !== "claimLost") return outcomes;
    this.#onLost(outcomes[0].reason);
    throw new RollBack(SETTLED); // (I2)
  }

  async #work(transaction: Transaction): Promise<EncodedValue> {
    const { signal, work } = this.#parts;
    if (signal.aborted) throw new RollBack(SETTLED); // It may have waited for long.
    try {
      return await work(transaction);
    } catch (error) {
      if (isPassing(error)) throw error; // (I3)
      throw new RollBack({ kind: "failed", failure: toFailure(error, "activity_failed") });
    }
  }

  /** @returns Undefined when it is to be tried again */
  #toEnd(error: unknown): RunEnd | undefined {
    const { settings, claimed } = this.#parts;
    if (error instanceof RollBack) return error.end;
    if (isPassing(error)) {
      settings.logger.log("warn", "Cannot commit a transaction now; trying again", {
        instanceId: claimed.instanceId,
        activityName: claimed.name,
        activityId: claimed.claim.activityId,
        error: String(error),
      });
      return undefined;
    }
    if (error instanceof ProviderError) return { kind: "refused", reason: String(error) };
    // Such as a transaction that the user's function has ended, or has left unusable.
    return { kind: "failed", failure: toFailure(error, "activity_failed") };
  }

  /** Waits until the store answers; what has landed meanwhile must not run again (I2). */
  async #isStillOurs(delayMs: number): Promise<boolean> {
    const { claimed, hub, signal } = this.#parts;
    for (;;) {
      await pause(delayMs, signal);
      if (signal.aborted) return false;
      try {
        const lost = await hub.provider.findLostActivities([claimed.claim]);
        if (lost.length === 0) return true;
        this.#onLost("a commit whose answer was lost has landed, or another node has taken over");
        return false;
      } catch (error) {
        if (isDuroxideError(error) && error.code === "closed") return false;
      }
    }
  }

  /** If it has landed, its completion is queued, and no notification was sent. */
  #onLost(reason: string): void {
    const { claimed, hub, settings } = this.#parts;
    settings.logger.log(
      "info",
      "A transaction was rolled back: its activity is not ours any more",
      {
        instanceId: claimed.instanceId,
        activityName: claimed.name,
        activityId: claimed.claim.activityId,
        reason,
      },
    );
    hub.wakeAll();
  }
}

/** Whether it is, or comes from, a fault of the store that passes. */
function isPassing(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < CAUSES_MAX && isError(cause); depth += 1) {
    if (cause instanceof ProviderError) return cause.retryable;
    cause = cause.cause;
  }
  return false;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      host.clearTimeout(timer);
      stopListening();
      resolve();
    };
    const timer = host.setTimeout(done, toTimerMs(ms));
    const stopListening = onAbort(signal, done);
  });
}
