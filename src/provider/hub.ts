/**
 * Everything in this process that shares one store: the commit pipeline, the runtimes that run on
 * it, and the waiters for its instances.
 *
 * A client and a runtime never know each other; both know the hub. So a start can be taken by a runtime
 * of the same process without a detour through the store's queues, and a waiter learns of an end
 * without polling.
 *
 * I1. One hub per provider object.
 * I2. Nothing leaves the hub before its commit: deliveries and notifications follow it.
 */

import { isDuroxideError, UsageError } from "../foundation/errors.ts";
import { shared } from "../foundation/shared.ts";
import { toTimerMs } from "../foundation/timer.ts";
import { host } from "../foundation/host.ts";
import { CommitPipeline } from "./commit-pipeline.ts";
import { InstanceWatch } from "./instance-watch.ts";
import type {
  ActivityKey,
  BlockedReason,
  DeliveredMessage,
  InstanceKey,
  NodeCode,
  Provider,
  StartRequest,
  TimerKey,
  WriteOperation,
  WriteOutcome,
} from "./provider.ts";

/** A runtime of this process, as the hub sees it. */
export interface LocalRuntime {
  /** Whether turns are under way that will soon add operations. */
  readonly isGathering: boolean;
  /** The code that it has; absent: code for everything. */
  readonly code?: NodeCode | undefined;
  /**
   * Starts an instance with its first turn in one commit.
   *
   * @param retryMs - How long retryable errors of the store are retried, in milliseconds
   * @returns Undefined when this runtime cannot take it now
   */
  tryStart(request: StartRequest, retryMs: number): Promise<WriteOutcome> | undefined;
  /**
   * Whether it holds the instance and has not seen its end, of which it will tell `StoreHub.watch`.
   *
   * @param runId - Only this run of it
   */
  isRunning(instanceId: string, runId?: string): boolean;
  /** The instance was ended from outside: its code and its activities stop. */
  onEnded(key: InstanceKey): void;
  /** A turn of this process no longer wants these activities; this runtime may run them. */
  onCanceled(key: InstanceKey, activities: readonly ActivityKey[]): void;
  /** Messages that this process has just made durable. */
  onDelivered(messages: readonly DeliveredMessage[]): void;
  /** Activities without a holder have just become durable, or may have. */
  onActivitiesReady(): void;
  /** Something that is due then has been put into the store, in milliseconds since the Unix epoch. */
  onDue(dueMs: number): void;
  /** A runtime of this process could not go on with an instance, and parked it. */
  onBlocked(instanceId: string, reason: BlockedReason): void;
  /** News may have been missed: look into the store. */
  onUncertain(): void;
}

/** Delays between tries of what must not be given up, in milliseconds. */
const INSIST_MS_MIN = 100;
const INSIST_MS_MAX = 60_000;

/** Raised with every change of what copies of this package ask of each other's hubs. */
const HUB_VERSION = 1;

interface Registered {
  readonly version: number;
  readonly hub: StoreHub;
}

/** Shared by all copies of this package in a thread. */
const hubs = shared("hubs", () => new WeakMap<Provider, Registered>());

export class StoreHub {
  readonly provider: Provider;
  readonly watch: InstanceWatch;
  readonly pipeline: CommitPipeline;
  readonly #runtimes = new Set<LocalRuntime>();
  /** A query for work that has not begun yet. */
  #look: Promise<boolean> | undefined;

  private constructor(provider: Provider) {
    this.provider = provider;
    this.watch = new InstanceWatch(provider);
    this.pipeline = new CommitPipeline(provider, {
      isGathering: () => {
        for (const runtime of this.#runtimes) if (runtime.isGathering) return true;
        return false;
      },
      onUncertain: () => {
        this.wakeAll();
        this.watch.notifyAll(); // What has landed unheard has ended unheard, too.
      },
      onCommitted: (operations, outcomes) => {
        this.#onCommitted(operations, outcomes);
      },
    });
  }

  static of(provider: Provider): StoreHub {
    const known = hubs.get(provider);
    if (known?.version === HUB_VERSION) return known.hub;
    if (known !== undefined) {
      throw new UsageError(
        "invalid_argument",
        `Cannot use the store "${provider.name}" here: another copy of duroxide-ts with another version uses this very object, and they would not notice each other; open a store of its own for each, or install one version`,
      );
    }
    const hub = new StoreHub(provider);
    hubs.set(provider, { version: HUB_VERSION, hub });
    return hub;
  }

  /** @returns A function that takes the runtime out again */
  join(runtime: LocalRuntime): () => void {
    this.#runtimes.add(runtime);
    return () => {
      this.#runtimes.delete(runtime);
    };
  }

  /** The code of each runtime of this process. */
  localCode(): readonly (NodeCode | undefined)[] {
    return [...this.#runtimes].map(({ code }) => code);
  }

  /** Makes every runtime of this process query for work: stores do not notify of own commits. */
  wakeAll(): void {
    for (const runtime of this.#runtimes) runtime.onUncertain();
  }

  /** Each runtime of this process may have a log of its own, and another user that reads it. */
  announceBlocked(instanceId: string, reason: BlockedReason): void {
    for (const runtime of this.#runtimes) runtime.onBlocked(instanceId, reason);
  }

  /** Whether a runtime of this process holds the instance and will tell {@link watch} of its end. */
  isRunning(instanceId: string, runId?: string): boolean {
    for (const runtime of this.#runtimes) if (runtime.isRunning(instanceId, runId)) return true;
    return false;
  }

  /** See `Provider.hasClaimableWork`; those who ask at the same moment share one look. */
  hasClaimableWork(): Promise<boolean> {
    this.#look ??= Promise.resolve().then(() => {
      this.#look = undefined; // Later callers need a fresh read.
      return this.provider.hasClaimableWork();
    });
    return this.#look;
  }

  /** See {@link CommitPipeline.submit}. */
  write(operation: WriteOperation, retryMs?: number): Promise<WriteOutcome> {
    return this.pipeline.submit(operation, retryMs);
  }

  /**
   * Makes an operation durable that must not be given up, such as handing work back: also what the
   * store refuses for good is tried again, slowly, until it lands or the store is closed.
   *
   * @returns Undefined when the store is closed
   */
  async insist(operation: WriteOperation): Promise<WriteOutcome | undefined> {
    for (let delayMs = INSIST_MS_MIN; ; delayMs = Math.min(delayMs * 2, INSIST_MS_MAX)) {
      try {
        return await this.write(operation);
      } catch (error) {
        if (isDuroxideError(error) && error.code === "closed") return undefined;
      }
      await new Promise((resolve) => {
        host.setTimeout(resolve, toTimerMs(delayMs)).unref(); // Only the waiters keep the process alive.
      });
    }
  }

  /** Starts an instance, in a runtime of this process where one can take it. */
  start(request: StartRequest, retryMs: number): Promise<WriteOutcome> {
    for (const runtime of this.#runtimes) {
      const started = runtime.tryStart(request, retryMs);
      if (started !== undefined) return started;
    }
    return this.write({ kind: "startInstance", request }, retryMs);
  }

  /**
   * Hands on what a transaction of the user has put into queues. To be called after its commit (I2);
   * what else it holds is found by those who watch the store.
   */
  deliver(outcomes: readonly WriteOutcome[]): void {
    const delivered = outcomes.flatMap((outcome) =>
      "delivered" in outcome ? outcome.delivered : [],
    );
    if (delivered.length === 0) return;
    for (const runtime of this.#runtimes) runtime.onDelivered(delivered);
  }

  /** (I2) */
  #onCommitted(operations: readonly WriteOperation[], outcomes: readonly WriteOutcome[]): void {
    for (const [i, operation] of operations.entries()) {
      if (outcomes[i]?.kind !== "committed") continue;
      if (operation.kind === "endInstance") {
        for (const runtime of this.#runtimes) runtime.onEnded(operation.key);
      } else if (operation.kind === "commitTurn") {
        const { cancelledActivities } = operation.effects;
        if (cancelledActivities.length === 0) continue;
        for (const runtime of this.#runtimes)
          runtime.onCanceled(operation.claim.key, cancelledActivities);
      }
    }
    this.deliver(outcomes);
    if (operations.some(makesActivitiesReady)) {
      for (const runtime of this.#runtimes) runtime.onActivitiesReady();
    }
    const nowMs = this.provider.nowMs();
    const dueTimes = operations.flatMap((operation) => dueTimesOf(operation, nowMs));
    if (dueTimes.length === 0) return;
    const dueMs = Math.min(...dueTimes);
    for (const runtime of this.#runtimes) runtime.onDue(dueMs);
  }
}

/** What an operation puts off; a short timer may be due before its commit is. */
function dueTimesOf(operation: WriteOperation, nowMs: number): readonly number[] {
  switch (operation.kind) {
    case "startInstance": {
      const { request, firstTurn } = operation;
      if (request.notBeforeMs !== undefined) return [request.notBeforeMs];
      return firstTurn === undefined ? [] : earliestOf(firstTurn.effects.newTimers);
    }
    case "commitTurn":
      return earliestOf(operation.effects.newTimers);
    case "releaseInstance":
    case "releaseActivity":
      return operation.visibleAtMs > nowMs ? [operation.visibleAtMs] : [];
    default:
      return [];
  }
}

function earliestOf(timers: readonly TimerKey[]): readonly number[] {
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const timer of timers) earliestMs = Math.min(earliestMs, timer.fireAtMs);
  return timers.length === 0 ? [] : [earliestMs];
}

function makesActivitiesReady(operation: WriteOperation): boolean {
  switch (operation.kind) {
    case "commitTurn":
      return operation.effects.newActivities.some((activity) => !activity.isClaimed);
    case "startInstance":
      return (
        operation.firstTurn?.effects.newActivities.some((activity) => !activity.isClaimed) ?? false
      );
    default:
      return operation.kind === "releaseActivity";
  }
}
