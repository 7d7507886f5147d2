/// <reference lib="esnext.disposable" preserve="true" />
/** The composition root: starts the parts of a runtime on a store, and stops them in order. */

import { createDeferred } from "../foundation/deferred.ts";
import { parseDurationMs, type DurationInput } from "../foundation/duration.ts";
import { systemClock } from "../foundation/clock.ts";
import { assertMaker, guardMethods, MAKER } from "../foundation/own-object.ts";
import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";
import { systemRandom } from "../foundation/random.ts";
import { toTimerMs } from "../foundation/timer.ts";
import { host } from "../foundation/host.ts";
import { StoreHub, type LocalRuntime } from "../provider/hub.ts";
import type {
  ActivityKey,
  BlockedReason,
  DeliveredMessage,
  InstanceKey,
  StartRequest,
  StoreChange,
  WriteOutcome,
} from "../provider/provider.ts";
import { waitForStore } from "../provider/wait-for-store.ts";
import { turnLoop } from "../replay/turn-loop.ts";
import { ActivityDispatcher } from "./activity-dispatcher.ts";
import { BlockedLog } from "./blocked-log.ts";
import { logActivityFailure } from "./failure-log.ts";
import { guardNodeCrypto } from "./crypto-guards.ts";
import { DueAlarm } from "./due-alarm.ts";
import { toNodeCode } from "./node-code.ts";
import { NodeKeeper } from "./node-keeper.ts";
import { OrchestrationDispatcher } from "./orchestration-dispatcher.ts";
import { toStallRelease } from "./stall-note.ts";
import { stallWatch } from "./stall-watch.ts";
import { toSettings, type RuntimeOptions, type RuntimeSettings } from "./options.ts";

export interface ShutdownOptions {
  /**
   * How long running activities and turns may take to end.
   *
   * @default "10s"
   */
  readonly timeout?: DurationInput;
}

const SHUTDOWN_OPTIONS: OptionNames<ShutdownOptions> = { timeout: true };

const SHUTDOWN_DEFAULT = "10s";
/** Longest time for handing work back to a store that does not answer, in milliseconds. */
const HAND_BACK_MS_MAX = 2_000;

/** Executes orchestrations and activities against a store. */
export class Runtime implements AsyncDisposable {
  readonly #settings: RuntimeSettings;
  readonly #hub: StoreHub;
  readonly #nodes: NodeKeeper;
  readonly #activities: ActivityDispatcher;
  readonly #orchestrations: OrchestrationDispatcher;
  readonly #due: DueAlarm;
  #leaveHub: (() => void) | undefined;
  #endWatch: (() => void) | undefined;
  #endStallWatch: (() => void) | undefined;
  #shutdown: Promise<void> | undefined;

  static {
    guardMethods(this, "runtime", (it) => #settings in it);
  }

  private constructor(maker: typeof MAKER, settings: RuntimeSettings) {
    assertMaker(maker, "runtime", "await Runtime.start({ store, ... })");
    const { store: provider, leaseMs, logger, workerId } = settings;
    this.#settings = settings;
    this.#hub = StoreHub.of(provider);
    this.#due = new DueAlarm(
      () => provider.nowMs(),
      settings.context.bind(() => {
        this.#wake();
      }),
    );
    this.#nodes = new NodeKeeper(
      { provider, label: workerId, leaseMs, code: toNodeCode(settings), logger },
      {
        isBusy: () => !this.#isIdle,
        onLost: () => {
          this.#orchestrations.loseAll();
          this.#activities.loseAll();
        },
        onWorkFreed: () => {
          this.#wake(); // Before it has joined the hub, too.
          this.#hub.wakeAll(); // Another runtime may have the code, and has no other notification.
        },
      },
    );
    this.#activities = new ActivityDispatcher({
      settings,
      hub: this.#hub,
      nodes: this.#nodes,
      noteDue: (dueMs) => {
        this.#due.note(dueMs);
      },
      onOutcome: (claimed, outcome) => {
        logActivityFailure(logger, claimed, outcome);
        this.#orchestrations.onOutcome(claimed, outcome);
      },
      land: (claimed, outcome) => {
        logActivityFailure(logger, claimed, outcome);
        return this.#orchestrations.land(claimed, outcome);
      },
      isCalm: () => this.#orchestrations.isCalm,
    });
    this.#orchestrations = new OrchestrationDispatcher({
      settings,
      hub: this.#hub,
      nodes: this.#nodes,
      activities: this.#activities,
      due: this.#due,
    });
  }

  /**
   * Starts a runtime.
   *
   * @returns A runtime that works until {@link shutdown}
   * @throws UsageError `invalid_argument`, `duplicate_definition` for options that cannot be used
   * @throws ProviderError when the store is closed, or cannot be reached for longer than `waitForStore`
   */
  static async start(options: RuntimeOptions): Promise<Runtime> {
    const settings = toSettings(options, `runtime-${systemRandom.uuid().slice(0, 8)}`);
    if (settings.guards !== "off") guardNodeCrypto();
    const runtime = new Runtime(MAKER, settings);
    try {
      await runtime.#start();
    } catch (error) {
      await runtime.#stop(0);
      throw error;
    }
    return runtime;
  }

  async #start(): Promise<void> {
    const { store, context, stallAfterMs, onStall, leaseMs } = this.#settings;
    this.#endStallWatch = stallWatch.join({
      stallAfterMs,
      leaseMs,
      onStall,
      noteOf: ({ subject, owner }, source) => {
        const resident = this.#orchestrations.findRunning(subject);
        if (resident?.execution !== owner) return undefined;
        const turn = { instanceId: subject, claim: resident.claim, source };
        return store.stallNote?.(toStallRelease(turn, store.nowMs()));
      },
      activities: () => this.#activities.runningNames,
    });
    await this.#register();
    const blockedLog = new BlockedLog(this.#settings.logger);
    // Others call these from contexts of their own.
    const local: LocalRuntime = {
      get isGathering() {
        return turnLoop.isBusy;
      },
      code: toNodeCode(this.#settings),
      tryStart: context.bind(
        (request: StartRequest, retryMs: number): Promise<WriteOutcome> | undefined =>
          this.#orchestrations.tryStart(request, retryMs),
      ),
      isRunning: (instanceId: string, runId?: string) =>
        this.#orchestrations.findRunning(instanceId, runId) !== undefined,
      onCanceled: context.bind((key: InstanceKey, activities: readonly ActivityKey[]) => {
        this.#activities.cancel(key, activities);
      }),
      onEnded: context.bind((key: InstanceKey) => {
        this.#orchestrations.onEnded(key);
      }),
      onDelivered: context.bind((messages: readonly DeliveredMessage[]) => {
        this.#orchestrations.onDelivered(messages);
      }),
      onActivitiesReady: context.bind(() => {
        this.#activities.claimMore();
      }),
      onDue: (dueMs: number) => {
        this.#due.note(dueMs);
      },
      onBlocked: context.bind((instanceId: string, reason: BlockedReason) => {
        blockedLog.note(instanceId, reason);
      }),
      onUncertain: context.bind(() => {
        this.#wake();
      }),
    };
    this.#leaveHub = this.#hub.join(local);
    this.#endWatch = store.watch(
      context.bind(({ hasWork, instanceIds }: StoreChange) => {
        if (instanceIds !== undefined) void this.#orchestrations.onChanged(instanceIds);
        this.#activities.onChanged(instanceIds);
        if (hasWork) this.#wake();
      }),
    );
    this.#nodes.start();
    this.#activities.start();
    // Dead nodes are removed before the first claim; a store that does not answer is queried again.
    await this.#nodes.check();
    this.#wake();
  }

  async #register(): Promise<void> {
    const { waitForStoreMs, logger } = this.#settings;
    await waitForStore(
      waitForStoreMs,
      async () => {
        await this.#nodes.acquire();
        await this.#nodes.announce();
      },
      (error) => {
        logger.log("warn", "Cannot reach the store; trying again", { error: String(error) });
      },
    );
  }

  #wake(): void {
    this.#orchestrations.wake();
    if (this.#nodes.current === undefined) {
      this.#activities.claimMore(); // Both query for work: one query serves both.
      return;
    }
    // Instances first: what is new for those that are held is waited for, activities are mostly taken.
    host.setImmediate(() => {
      this.#activities.claimMore();
    });
  }

  get #isIdle(): boolean {
    return this.#orchestrations.isIdle && this.#activities.isIdle;
  }

  /** Names this runtime in logs. */
  get workerId(): string {
    return this.#settings.workerId;
  }

  /**
   * Stops taking work, lets what is under way end, and hands the rest back without counting it as an
   * attempt. Returns as soon as all is quiet. Idempotent.
   *
   * Never rejects because of the store: what cannot be handed back now, the lease hands back.
   *
   * @throws UsageError `invalid_duration`
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    assertKnownOptions(options, SHUTDOWN_OPTIONS, "shutdown");
    const timeoutMs = parseDurationMs(options.timeout ?? SHUTDOWN_DEFAULT, "`timeout`");
    this.#shutdown ??= this.#stop(timeoutMs);
    await this.#shutdown;
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#leaveHub?.();
    this.#endWatch?.();
    this.#endStallWatch?.();
    this.#due.stop();
    this.#orchestrations.stop();
    void this.#activities.stopClaiming();
    await this.#untilIdle(timeoutMs);
    await within(HAND_BACK_MS_MAX, this.#handBack());
    await within(HAND_BACK_MS_MAX, this.#nodes.stop());
    // Other runtimes of this process on the same store have no other notification.
    this.#hub.wakeAll();
  }

  async #handBack(): Promise<void> {
    await Promise.all([this.#activities.abandonAll(), this.#orchestrations.evictAll()]);
  }

  /** Checks again after each commit and each activity; a short sleep keeps it simple. */
  async #untilIdle(timeoutMs: number): Promise<void> {
    const endMs = systemClock.monotonicMs() + timeoutMs;
    while (!this.#isIdle && systemClock.monotonicMs() < endMs) await host.sleep(2);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

/** Waits for the end of `work`, but not longer than `limitMs`; then it goes on by itself. */
async function within(limitMs: number, work: Promise<void>): Promise<void> {
  const late = createDeferred<undefined>();
  const timer = host.setTimeout(() => {
    late.resolve(undefined);
  }, toTimerMs(limitMs));
  await Promise.race([work, late.promise]);
  host.clearTimeout(timer);
}
