/** A store with a registered node, and the operations that cases write most. */

import { systemClock } from "../foundation/clock.ts";
import { toTimerMs } from "../foundation/timer.ts";
import { host } from "../foundation/host.ts";
import type {
  ActivityClaim,
  ClaimActivitiesRequest,
  ClaimedActivity,
  ClaimedInstance,
  ClaimInstancesRequest,
  ConsumedWork,
  InstanceClaim,
  InstanceRow,
  NodeCode,
  NodeId,
  Provider,
  QueuedMessage,
  StartRequest,
  TurnEffects,
  WriteOperation,
  WriteOutcome,
} from "../provider/provider.ts";
import { effects, NOTHING_CONSUMED, request } from "./effects.ts";
import {
  ConformanceError,
  expectEqual,
  expectKind,
  expectOne,
  SkippedCase,
} from "./expectation.ts";
import type { ConformanceHarness, ConformanceStore, CrashPoints } from "./harness.ts";

const CONTENTION_ROUNDS = 100;
/** How much a server's clock and ours may differ when a case has to wait, in milliseconds. */
const CLOCK_SLACK_MS = 100;
const PATIENCE_MS = 20_000;
const LOOK_AGAIN_MS = 10;

/** What a case works with. */
export class StoreUnderTest {
  readonly provider: Provider;
  /** A registered node that has all code. */
  readonly node: NodeId;
  readonly contentionRounds: number;
  readonly #patienceMs: number;
  readonly #store: ConformanceStore;
  readonly #others: Provider[] = [];

  private constructor(store: ConformanceStore, node: NodeId, harness: ConformanceHarness) {
    this.#store = store;
    this.provider = store.provider;
    this.node = node;
    this.contentionRounds = harness.contentionRounds ?? CONTENTION_ROUNDS;
    this.#patienceMs = harness.patienceMs ?? PATIENCE_MS;
  }

  static async open(store: ConformanceStore, harness: ConformanceHarness): Promise<StoreUnderTest> {
    const node = await store.provider.registerNode({ label: "first", leaseMs: 10_000 });
    return new StoreUnderTest(store, node, harness);
  }

  /** A second connection; skips the case where there is none. */
  async connect(): Promise<Provider> {
    const { connect } = this.#store;
    if (connect === undefined) skip("nobody else can reach this store");
    const other = await connect();
    this.#others.push(other);
    return other;
  }

  async closeOthers(): Promise<void> {
    await Promise.all(this.#others.map((provider) => provider.close().catch(() => undefined)));
  }

  /** Skips the case where the harness cannot make the store crash. */
  crashes(): CrashPoints {
    const { crashes } = this.#store;
    if (crashes === undefined) skip("the harness has no points at which this store crashes");
    return {
      ...crashes,
      reopen: async () => {
        const provider = await crashes.reopen();
        this.#others.push(provider);
        return provider;
      },
    };
  }

  /** Skips the case where answers cannot be lost. */
  loseNextAnswer(): void {
    const { loseNextAnswer } = this.#store;
    if (loseNextAnswer === undefined) skip("the harness cannot lose the answers of this store");
    loseNextAnswer();
  }

  get nowMs(): number {
    return this.provider.nowMs();
  }

  /** Moves the clock; skips the case where it cannot be moved. */
  jumpClock(ms: number): void {
    const { advanceClock } = this.#store;
    if (advanceClock === undefined) skip("the clock of this store is not the harness's to move");
    advanceClock(ms);
  }

  /** Lets the store's time come, exactly where the clock can be moved, by waiting elsewhere. */
  async reach(ms: number): Promise<void> {
    const { advanceClock } = this.#store;
    if (advanceClock !== undefined) {
      advanceClock(Math.max(0, ms - this.nowMs));
      return;
    }
    while (this.nowMs < ms + CLOCK_SLACK_MS) await pause(ms + CLOCK_SLACK_MS - this.nowMs);
  }

  /** Waits until something is true that the contract promises for soon. */
  async eventually(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const untilMs = systemClock.monotonicMs() + this.#patienceMs;
    while (!(await isTrue())) {
      if (systemClock.monotonicMs() > untilMs) {
        throw new ConformanceError(`Expected ${what} within ${this.#patienceMs} ms`);
      }
      await pause(LOOK_AGAIN_MS);
    }
  }

  /** @param code - Absent for a node that has everything */
  registerNode(label = "other", code?: NodeCode): Promise<NodeId> {
    return this.provider.registerNode({ label, leaseMs: 10_000, ...(code && { code }) });
  }

  async write(operation: WriteOperation): Promise<WriteOutcome> {
    return expectOne(await this.provider.write([operation]), "outcome");
  }

  start(instanceId: string, some: Partial<StartRequest> = {}): Promise<WriteOutcome> {
    return this.write({ kind: "startInstance", request: request(instanceId, some) });
  }

  /** Starts an instance whose first turn lands at once, held by {@link node}. */
  async begin(
    instanceId: string,
    turn: Partial<TurnEffects> = {},
    some: Partial<StartRequest> = {},
  ): Promise<InstanceClaim> {
    const outcome = await this.write({
      kind: "startInstance",
      request: request(instanceId, some),
      firstTurn: { node: this.node, effects: effects(turn) },
    });
    const { key } = expectKind(outcome, "started", `the start of "${instanceId}"`);
    return { key, node: this.node, epoch: 1 };
  }

  commit(
    claim: InstanceClaim,
    turn: Partial<TurnEffects> = {},
    consumed: Partial<ConsumedWork> = {},
  ): Promise<WriteOutcome> {
    return this.write(commitOf(claim, turn, consumed));
  }

  /** A commit that has to land. */
  async land(
    claim: InstanceClaim,
    turn: Partial<TurnEffects> = {},
    consumed: Partial<ConsumedWork> = {},
  ): Promise<Extract<WriteOutcome, { readonly kind: "committed" }>> {
    return expectKind(await this.commit(claim, turn, consumed), "committed", "a current turn");
  }

  send(instanceId: string, body: string, runId?: string): Promise<WriteOutcome> {
    return this.write({ kind: "sendMessage", message: { instanceId, body, runId } });
  }

  /** Delivers the outcome of an activity, by default one that counts from its holder only. */
  complete(claim: ActivityClaim, body = "completed", isResult = false): Promise<WriteOutcome> {
    return this.write({ kind: "completeActivity", claim, body, isResult });
  }

  heartbeat(claim: ActivityClaim, details: string): Promise<WriteOutcome> {
    return this.write({ kind: "heartbeatActivity", claim, details });
  }

  /** Hands an instance back. */
  release(
    claim: InstanceClaim,
    some: { readonly visibleAtMs?: number } = {},
  ): Promise<WriteOutcome> {
    const { visibleAtMs = this.nowMs } = some;
    return this.write({ kind: "releaseInstance", claim, visibleAtMs });
  }

  /** Hands an activity back. */
  handBack(
    claim: ActivityClaim,
    some: {
      readonly visibleAtMs?: number;
      readonly isAttemptCounted?: boolean;
      readonly isCrash?: boolean;
    } = {},
  ): Promise<WriteOutcome> {
    const { visibleAtMs = this.nowMs, isAttemptCounted = true, isCrash = false } = some;
    const counts = { isAttemptCounted, isCrash };
    return this.write({ kind: "releaseActivity", claim, visibleAtMs, ...counts });
  }

  /** Takes a node off the list as another node does that believes it dead. */
  async takeOver(node: NodeId, { isCrash }: { readonly isCrash: boolean }): Promise<void> {
    const listed = (await this.provider.listNodes()).find(({ id }) => id === node);
    const { renewals: ifRenewals } = listed ?? { renewals: -1 };
    const isRemoved = await this.provider.removeNode(node, { ifRenewals, isCrash });
    expectEqual(isRemoved, true, "the removal of a node");
  }

  claim(some: Partial<ClaimInstancesRequest> = {}): Promise<readonly ClaimedInstance[]> {
    return this.provider.claimInstances({
      node: this.node,
      limit: 100,
      remembered: new Map(),
      ...some,
    });
  }

  async claimOne(some: Partial<ClaimInstancesRequest> = {}): Promise<ClaimedInstance> {
    return expectOne(await this.claim(some), "claimable instance");
  }

  claimActivities(some: Partial<ClaimActivitiesRequest> = {}): Promise<readonly ClaimedActivity[]> {
    return this.provider.claimActivities({ node: this.node, limit: 100, ...some });
  }

  async claimActivity(some: Partial<ClaimActivitiesRequest> = {}): Promise<ClaimedActivity> {
    return expectOne(await this.claimActivities(some), "claimable activity");
  }

  async row(instanceId: string): Promise<InstanceRow> {
    return expectOne(await this.provider.readInstances([instanceId]), `row of "${instanceId}"`);
  }

  /** What is queued for the instances that a node holds. */
  async heldMessages(node: NodeId = this.node): Promise<readonly QueuedMessage[]> {
    const work = await this.provider.readHeldWork(node, 100);
    return work.flatMap((held) => held.messages);
  }
}

/** @throws SkippedCase */
export function skip(reason: string): never {
  throw new SkippedCase(reason);
}

/** The operation that lands a turn. */
export function commitOf(
  claim: InstanceClaim,
  turn: Partial<TurnEffects> = {},
  consumed: Partial<ConsumedWork> = {},
): Extract<WriteOperation, { readonly kind: "commitTurn" }> {
  return {
    kind: "commitTurn",
    claim,
    consumed: { ...NOTHING_CONSUMED, ...consumed },
    effects: effects(turn),
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    host.setTimeout(resolve, toTimerMs(ms));
  });
}
