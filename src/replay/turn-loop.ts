/**
 * Runs orchestration code, one delivery at a time.
 *
 * Each delivery gets a *window*: a macrotask of its own in which one future is resolved, followed by
 * the microtasks that this causes. The next macrotask closes the window. So everything that runs
 * while a window is open is code of the one orchestration that the window belongs to, or code of the
 * host that one of its promises has resumed; and every promise combinator sees completions one by one,
 * in recorded order.
 *
 * Boundary: knows nothing of histories; drives {@link WindowTask}s.
 *
 * I1. At most one window is open, and only orchestration code runs in it: callbacks of finished
 *     tasks are called after the last window of a round has been closed.
 * I2. Windows of one round follow each other without a return to the event loop in between; a round
 *     ends after `ROUND_MS` or `ROUND_WINDOWS`, so that a host's own work is never kept waiting.
 * I3. Each task runs in its own context, not in that of the code that armed the round: code of the user that begins in
 *     a window is in the context of its runtime, which nothing that it enters changes, and marked as the execution's.
 * I4. All copies of the package in a thread share one loop.
 * (Semantics section 34, notes 1 to 3; design/engine.md "One turn".)
 */

import type { AsyncContext } from "../foundation/async-context.ts";
import { systemClock } from "../foundation/clock.ts";
import { host } from "../foundation/host.ts";
import {
  raiseGuards,
  unwatchGuards,
  watchGuards,
  type GuardMode,
  type GuardTrip,
} from "./guards.ts";
import { interceptRejections } from "./rejections.ts";
import { thread } from "./thread.ts";

/** Something that needs windows. */
export interface WindowTask {
  /** Id of the instance whose code runs in its windows. */
  readonly subject: string;
  readonly guards: GuardMode;
  /** The execution whose code runs. */
  readonly owner: object;
  /** Where that code and {@link onFinished} run. */
  readonly context: AsyncContext;
  /** Outside any window: does what needs no user code. True when a delivery is ready. */
  advance(): boolean;
  /** Inside a window: makes the delivery. */
  deliver(): void;
  /** Inside a window: the code used something that cannot be replayed. */
  onGuardTrip(trip: GuardTrip): void;
  /** Outside any window: no delivery is left. */
  onFinished(): void;
}

const ROUND_WINDOWS = 128;
const ROUND_MS = 4;
/** What is left per round of the windows that an earlier one has used: each costs, also unused. */
const WANTED_DECAY = 0.9;

export class TurnLoop {
  /** Used as a stack of work to be done next; windows of one task stay together. */
  #ready: WindowTask[] = [];
  #current: WindowTask | undefined;
  #lowerGuards: (() => void) | undefined;
  #finished: WindowTask[] = [];
  #isArmed = false;
  #roundEndsMs = 0;
  #windowsUsed = 0;
  /** By the rounds before. */
  #windowsWanted = 1;

  constructor() {
    interceptRejections({
      // Without guards nothing is marked: then all that happens in a window counts as the code's.
      isOurs: () => thread.code.current !== undefined || this.#current?.guards === "off",
      isWindowOpen: () => this.#current !== undefined,
    });
  }

  /** The task whose window is open. */
  get current(): WindowTask | undefined {
    return this.#current;
  }

  /** Whether any task waits for a window. */
  get isBusy(): boolean {
    return this.#isArmed;
  }

  run(task: WindowTask): void {
    this.#ready.push(task);
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    host.setImmediate(this.#startRound);
  }

  readonly #startRound = (): void => {
    const round = this.#ready;
    this.#ready = [];
    for (const task of round) {
      if (task.advance()) this.#ready.push(task);
      else this.#finished.push(task);
    }
    // Oldest first from the end: `pop` is the cheap side of an array.
    this.#ready.reverse();
    this.#roundEndsMs = systemClock.monotonicMs() + ROUND_MS;
    const windowCount = Math.min(
      Math.max(this.#ready.length, Math.round(this.#windowsWanted)),
      ROUND_WINDOWS,
    );
    this.#windowsUsed = 0;
    // This macrotask is the first window's.
    for (let i = 1; i < windowCount; i += 1) host.setImmediate(this.#nextWindow);
    host.setImmediate(this.#endRound);
    this.#nextWindow();
  };

  readonly #nextWindow = (): void => {
    this.#closeWindow();
    if (systemClock.monotonicMs() > this.#roundEndsMs) return;
    const task = this.#ready.pop();
    if (task === undefined) return;
    this.#current = task;
    this.#windowsUsed += 1;
    if (task.guards !== "off") {
      // Once per round: writing globals costs more than the rest of a window.
      this.#lowerGuards ??= raiseGuards();
      watchGuards(task.guards, task.owner, this.#onGuardTrip);
    }
    // Marking costs something on Node 20 and 22, and only guards need it.
    task.context.runUserCode(task.guards === "off" ? this.#deliver : this.#deliverMarked);
  };

  readonly #deliver = (): void => {
    this.#current?.deliver();
  };

  readonly #deliverMarked = (): void => {
    const task = this.#current;
    if (task !== undefined) thread.code.run(task.owner, this.#deliver);
  };

  #closeWindow(): void {
    const task = this.#current;
    if (task === undefined) return;
    this.#current = undefined;
    unwatchGuards();
    if (task.advance()) this.#ready.push(task);
    else this.#finished.push(task);
  }

  readonly #onGuardTrip = (trip: GuardTrip): void => {
    this.#current?.onGuardTrip(trip);
  };

  readonly #endRound = (): void => {
    this.#closeWindow();
    this.#lowerGuards?.();
    this.#lowerGuards = undefined;
    const finished = this.#finished;
    this.#finished = [];
    const isShort = this.#ready.length > 0;
    this.#windowsWanted = isShort
      ? this.#windowsUsed * 2
      : Math.max(this.#windowsUsed, this.#windowsWanted * WANTED_DECAY);
    this.#ready.reverse();
    this.#isArmed = false;
    if (isShort) this.#arm();
    for (const task of finished) task.context.run(() => task.onFinished());
  };
}

/** The one loop of this thread: windows are a property of the thread, not of a runtime. (I4) */
export const turnLoop: TurnLoop = (thread.loop ??= new TurnLoop());
