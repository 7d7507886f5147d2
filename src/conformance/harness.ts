/** What the author of a store hands to the kit. */

import type { Provider } from "../provider/provider.ts";

/** A store on which one case runs. */
export interface ConformanceStore {
  readonly provider: Provider;
  /**
   * Opens another connection to the same store, as another process would have it. The kit closes it.
   * Absent for a store that no other connection can reach.
   */
  readonly connect?: (() => Promise<Provider>) | undefined;
  /**
   * Moves the store's clock, which must stand still otherwise; a negative number moves it back.
   * Absent where time is not the harness's to move (a server's clock): cases then wait, and those
   * that need a jump are skipped.
   */
  readonly advanceClock?: ((ms: number) => void) | undefined;
  readonly crashes?: CrashPoints | undefined;
  /**
   * Lets the next `write` land and loses its answer: it rejects with a retryable error. Absent where
   * an answer cannot be lost.
   */
  readonly loseNextAnswer?: (() => void) | undefined;
  /** Called when the case is over and every provider is closed. */
  readonly dispose?: (() => Promise<void> | void) | undefined;
}

/** Lets a store die between two statements, as with its process. */
export interface CrashPoints {
  /**
   * The store dies right before its `statement`-th statement from now on (the first is 1): that one
   * and all that follow fail, and what was not committed is gone.
   */
  readonly arm: (statement: number) => void;
  /** Whether it has died. */
  readonly hasCrashed: () => boolean;
  /** Opens what is left, as the next process would. The kit closes it. */
  readonly reopen: () => Promise<Provider>;
}

/** How the kit gets its stores. */
export interface ConformanceHarness {
  /** Opens a new and empty store; each case has its own. */
  readonly open: () => Promise<ConformanceStore>;
  /**
   * How often the cases about contention repeat.
   *
   * @default 100
   */
  readonly contentionRounds?: number | undefined;
  /**
   * How long to wait for what the contract promises for soon, in milliseconds.
   *
   * @default 20 seconds
   */
  readonly patienceMs?: number | undefined;
}
