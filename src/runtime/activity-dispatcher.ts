/**
 * Runs activities: those that this runtime's own turns scheduled, straight from the commit, and those
 * that it claims from the store.
 *
 * Boundary: owns activity claims and slots. What an outcome means to its instance is decided
 * elsewhere: outcomes go to `onOutcome`.
 *
 * I1. At most `activityConcurrency` activities run at once; a slot is free again when its activity
 *     has ended, or its grace after a cancellation has passed. What waits for a slot for long is
 *     handed back: another runtime may have one. And however many of our own turns' activities always
 *     wait, the store is asked once all that waited when it was last asked have had a slot.
 * I2. An activity that is not run to its end here is handed back or known to be lost; it is never
 *     kept by a live node that does not run it.
 * I3. An outcome is reported once. That of a canceled activity is not reported, and of one whose claim
 *     has ended only the result of a function that never looked at its signal: it has not stopped halfway,
 *     and counts if it is still wanted (G5).
 * I4. What has outlived many processes is tried alone: only then does a crash tell something. However
 *     busy the slots are, one is kept for it now and then.
 */

import { nearestOf } from "../foundation/nearest.ts";
import { systemClock } from "../foundation/clock.ts";
import { Fifo } from "../foundation/fifo.ts";
import { Timer, toTimerMs } from "../foundation/timer.ts";
import { host, type TimerHandle } from "../foundation/host.ts";
import type { StoreHub } from "../provider/hub.ts";
import type {
  ActivityClaim,
  ActivityKey,
  ClaimedActivity,
  InstanceClaim,
  InstanceKey,
  NewActivity,
  NodeId,
  TurnEffects,
} from "../provider/provider.ts";
import type { ActivityOutcome, RunEnd } from "./activity-outcome.ts";
import { ActivityRun } from "./activity-run.ts";
import { ClaimCheck } from "./claim-check.ts";
import type { NodeKeeper } from "./node-keeper.ts";
import type { RuntimeSettings } from "./options.ts";
import { nameOf, toClaimed } from "./own-claims.ts";
import { Parking } from "./parking.ts";
import { trialFrom } from "./poison.ts";

/** Work that may wait in memory for a slot, in milliseconds of that slot: more is left to others. */
const PREFETCH_MS = 20;
/** Most activities that may wait in memory, per slot. */
const PREFETCH_PER_SLOT_MAX = 20;
/** Most activities claimed in one transaction. */
const CLAIM_MAX = 2_000;
/** Weight of the latest activity in the average duration. */
const AVERAGE_WEIGHT = 0.05;

export interface ActivityDispatcherParts {
  readonly settings: RuntimeSettings;
  readonly hub: StoreHub;
  readonly nodes: NodeKeeper;
  /** Called with the time at which to query again. */
  readonly noteDue: (dueMs: number) => void;
  readonly onOutcome: (claimed: ClaimedActivity, outcome: ActivityOutcome) => void;
  /** The same; resolves when the outcome is durable, or will never be. */
  readonly land: (claimed: ClaimedActivity, outcome: ActivityOutcome) => Promise<void>;
  /** Whether nothing else is under way that may end the process (I4). */
  readonly isCalm: () => boolean;
}

interface Waiting {
  readonly claimed: ClaimedActivity;
  readonly sinceMs: number;
}

export class ActivityDispatcher {
  readonly #parts: ActivityDispatcherParts;
  readonly #backoff: Parking;
  readonly #check: ClaimCheck;
  readonly #running = new Map<string, ActivityRun>();
  /** Aborted, and not ended yet. */
  readonly #stopping = new Set<ActivityRun>();
  readonly #waiting = new Fifo<Waiting>();
  #reserved = 0;
  #begunCount = 0;
  /** How many will have begun when all that waited at the last claim have. (I1) */
  #roundEnd = 0;
  /** How long activities take lately; before any has ended they are taken for short. */
  #averageMs = 1;
  #mayBeMore = true;
  #isClaiming = false;
  /** What is on its way back to the store: until it lands, this node must not leave. */
  readonly #leaving = new Set<Promise<void>>();
  /** The suspect that is being tried. */
  #trial: ActivityRun | undefined;
  /** A trial has to wait until all is calm. */
  #isTrialWanted = false;
  /** All slots were in use when a trial might have begun. */
  #isTrialSkipped = false;
  /** The next slot that is free is for a trial, if there is a suspect. */
  #isSlotKept = false;
  #isStopped = false;
  #watch: TimerHandle | undefined;

  constructor(parts: ActivityDispatcherParts) {
    this.#parts = parts;
    this.#backoff = new Parking(parts.settings);
    this.#check = new ClaimCheck({
      ...parts,
      claimed: () => [
        ...[...this.#running.values()].map((run) => run.claimed),
        ...this.#waiting.toArray().map(({ claimed }) => claimed),
      ],
      // The claim has ended, which does not say why: a result may be wanted still.
      onLost: (claims, reason) => {
        this.#drop(new Set(claims.map(nameOf)), reason, true);
      },
    });
  }

  get isIdle(): boolean {
    const isUsed = this.#usedSlots > 0 || this.#waiting.size > 0;
    return !isUsed && !this.#isClaiming && this.#leaving.size === 0;
  }

  /** What runs now, for people. */
  get runningNames(): readonly string[] {
    return [...this.#running.values()].map(
      ({ claimed: { name, instanceId } }) => `"${name}" of instance "${instanceId}"`,
    );
  }

  get #usedSlots(): number {
    return this.#running.size + this.#stopping.size;
  }

  /** How often what is held is compared with the store, in milliseconds. */
  get #watchMs(): number {
    return Math.floor(this.#parts.settings.leaseMs / 3);
  }

  start(): void {
    this.claimMore();
    this.#watch = host.setInterval(() => {
      this.#shareWaiting();
      void this.#check.check();
      this.#isSlotKept ||= this.#isTrialSkipped;
      this.#isTrialSkipped = false;
      this.#useKeptSlot();
    }, toTimerMs(this.#watchMs));
  }

  /**
   * Sets room aside for activities that are about to be committed.
   *
   * @returns For each whether there is room, and code for it
   */
  reserve(wanted: readonly { readonly name: string }[]): boolean[] {
    if (wanted.length === 0) return [];
    let room = this.#room();
    const claims = wanted.map(({ name }) => {
      const isClaimed = room > 0 && this.#parts.settings.activities.has(name);
      if (isClaimed) room -= 1;
      return isClaimed;
    });
    this.#reserved += count(claims);
    if (claims.includes(false)) this.#mayBeMore = true;
    return claims;
  }

  /** Gives up the room for activities that were not committed. */
  unreserve(activities: readonly NewActivity[]): void {
    this.#reserved -= count(activities.map((activity) => activity.isClaimed));
  }

  /** Takes over the activities that a commit has claimed for this node. */
  accept(claim: InstanceClaim, instanceId: string, effects: TurnEffects): void {
    if (effects.newActivities.length === 0) return;
    this.unreserve(effects.newActivities);
    for (const claimed of toClaimed(claim, instanceId, effects)) this.#take(claimed);
  }

  /** Hands back what a commit would have claimed, should it have landed although its answer was lost. */
  release(claim: InstanceClaim, effects: TurnEffects): void {
    for (const claimed of toClaimed(claim, "", effects)) void this.#release(claimed.claim, 0);
  }

  /** The orchestration has canceled these: waiting ones are dropped, running ones are aborted. */
  cancel(key: InstanceKey, activities: readonly ActivityKey[]): void {
    if (activities.length === 0) return;
    const names = new Set(activities.map((activity) => nameOf({ key, ...activity })));
    this.#drop(names, "canceled", false);
  }

  /** Another process has changed these instances, or any: it may have canceled what runs here. */
  onChanged(instanceIds: readonly string[] | undefined): void {
    this.#check.onChanged(instanceIds);
  }

  /** The instance has ended: none of its activities is wanted any more. */
  cancelAll(key: InstanceKey): void {
    const running = [...this.#running.values()].map((run) => run.claimed.claim);
    const waiting = this.#waiting.toArray().map(({ claimed }) => claimed.claim);
    const names = [...running, ...waiting].filter((claim) => claim.key === key).map(nameOf);
    this.#drop(new Set(names), "canceled", false);
  }

  /** Activities may be claimable in the store. */
  claimMore(): void {
    this.#mayBeMore = true;
    this.#fill();
  }

  /** All is calm now: what waited for it may be tried. */
  onCalm(): void {
    if (!this.#isTrialWanted || this.#isClaiming || this.#isStopped) return;
    this.#isTrialWanted = false;
    this.#claimSoon((node) => this.#claimTrial(node));
  }

  /** Everything that this node held is void. */
  loseAll(): void {
    this.#waiting.drain();
    for (const name of [...this.#running.keys()]) this.#abort(name, "lost", true);
  }

  /** Stops claiming; what only waits for a slot is handed back. */
  async stopClaiming(): Promise<void> {
    this.#isStopped = true;
    void this.#check.check(); // Shutdown does not wait for canceled activities.
    const waiting = this.#waiting.drain();
    await Promise.all(waiting.map(({ claimed }) => this.#release(claimed.claim, 0)));
  }

  /** Tells what still runs to stop, and hands it back. */
  async abandonAll(): Promise<void> {
    host.clearInterval(this.#watch);
    const runs = [...this.#running.values()];
    for (const run of runs) run.abort("shutdown", false);
    // Those that react to their signal end with an outcome of their own that counts for nothing.
    for (const run of runs) void this.#release(run.claimed.claim, 0);
    await Promise.all(this.#leaving);
  }

  #room(): number {
    if (this.#isStopped) return 0;
    const { activityConcurrency } = this.#parts.settings;
    const perSlot =
      1 + Math.min(PREFETCH_PER_SLOT_MAX, PREFETCH_MS / Math.max(this.#averageMs, 0.001));
    const used = this.#usedSlots + this.#waiting.size + this.#reserved;
    return Math.floor(activityConcurrency * perSlot) - used;
  }

  #take(claimed: ClaimedActivity): void {
    // (I2) What was claimed for a node that has been taken for dead since is no longer ours.
    if (claimed.claim.node !== this.#parts.nodes.current) return;
    if (this.#isStopped) {
      void this.#release(claimed.claim, 0);
      return;
    }
    this.#waiting.push({ claimed, sinceMs: systemClock.monotonicMs() });
    this.#runWaiting();
  }

  #runWaiting(): void {
    const { activityConcurrency } = this.#parts.settings;
    const slots = activityConcurrency - (this.#isSlotKept ? 1 : 0);
    while (this.#usedSlots < slots) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#begunCount += 1;
      this.#run(next.claimed);
    }
  }

  #run(claimed: ClaimedActivity): ActivityRun | undefined {
    const { settings, hub, nodes } = this.#parts;
    const definition = settings.activities.get(claimed.name);
    if (definition === undefined) {
      const near = nearestOf(claimed.name, settings.activities.names());
      const hint = near === undefined ? "" : `, did you mean "${near}"?`;
      void this.#bounce(
        claimed,
        `this runtime does not know it${hint}; register it, or start a runtime that does`,
      );
      return undefined;
    }
    nodes.noteWork();
    const run = new ActivityRun(claimed, definition, { settings, hub });
    this.#running.set(nameOf(claimed.claim), run);
    run.start().then(
      (end) => {
        this.#averageMs += (run.elapsedMs - this.#averageMs) * AVERAGE_WEIGHT;
        this.#onEnd(run, end);
      },
      (error: unknown) => {
        // A run reports every failure as an outcome; this is a bug of ours, and must not end the host.
        this.#onEnd(run, { kind: "unreadable", reason: String(error) });
      },
    );
    return run;
  }

  #onEnd(run: ActivityRun, end: RunEnd): void {
    const { settings, onOutcome, land } = this.#parts;
    const isOutcome = end.kind === "completed" || end.kind === "failed";
    if (run === this.#trial && isOutcome && !run.isAborted) {
      // What is not durable yet would be tried again after a crash, and its neighbour's be blamed on it.
      void land(run.claimed, end).then(() => {
        this.#free(run);
        this.#runWaiting();
        this.#fill();
      });
      return;
    }
    this.#free(run);
    if (run.isAborted) {
      const { instanceId, name, claim } = run.claimed;
      const { activityId } = claim;
      const fields = { instanceId, activityName: name, activityId, outcome: end.kind };
      settings.logger.log("debug", "An activity ended after its signal was aborted", fields);
      if (run.isResultWanted && end.kind === "completed") void land(run.claimed, end); // (I3)
    } else if (isOutcome) onOutcome(run.claimed, end);
    else if (end.kind === "unreadable")
      void this.#bounce(run.claimed, `${end.reason}; trying again later`);
    else if (end.kind === "refused") void this.#retry(run.claimed, end.reason);
    this.#useKeptSlot();
    this.#runWaiting();
    this.#fill();
  }

  /** (I4) */
  #useKeptSlot(): void {
    const isFull = this.#usedSlots >= this.#parts.settings.activityConcurrency;
    if (!this.#isSlotKept || isFull || this.#isClaiming || this.#isStopped) return;
    this.#claimSoon(
      (node) => this.#claimTrial(node),
      () => {
        this.#isSlotKept = false;
        this.#runWaiting();
      },
    );
  }

  #free(run: ActivityRun): void {
    const name = nameOf(run.claimed.claim);
    if (this.#running.get(name) === run) this.#running.delete(name);
    this.#stopping.delete(run);
    if (this.#trial !== run) return;
    this.#trial = undefined;
    this.#mayBeMore = true;
  }

  #drop(names: ReadonlySet<string>, reason: "canceled" | "lost", isResultWanted: boolean): void {
    if (names.size === 0) return;
    this.#waiting.keep(({ claimed }) => !names.has(nameOf(claimed.claim)));
    for (const name of names) this.#abort(name, reason, isResultWanted);
  }

  /** The slot is free at the latest when the grace has passed, whatever the activity does. */
  #abort(name: string, reason: "canceled" | "lost", isResultWanted: boolean): void {
    const run = this.#running.get(name);
    if (run === undefined) return;
    this.#running.delete(name);
    this.#stopping.add(run);
    run.abort(reason, isResultWanted);
    new Timer(this.#parts.settings.cancellationGraceMs, () => {
      this.#free(run);
      this.#runWaiting();
      this.#fill();
    }).unref();
  }

  /** (Design: a missing handler is the deployment's fault; the activity waits for a fitting runtime.) */
  async #bounce(claimed: ClaimedActivity, reason: string): Promise<void> {
    const delayMs = this.#backoff.nextDelayMs(claimed.name);
    this.#parts.settings.logger.log("warn", `Cannot run activity "${claimed.name}": ${reason}`, {
      instanceId: claimed.instanceId,
      activityId: claimed.claim.activityId,
      delayMs,
    });
    await this.#release(claimed.claim, delayMs);
  }

  /** A transaction that no store takes is poison in the end. */
  async #retry({ claim, instanceId, name }: ClaimedActivity, reason: string): Promise<void> {
    this.#parts.settings.logger.log("error", "Cannot commit a transaction; running it again", {
      instanceId,
      activityName: name,
      activityId: claim.activityId,
      error: reason,
    });
    await this.#release(claim, this.#parts.settings.parkedRetryMinMs, { isCrash: true });
  }

  async #release(
    claim: ActivityClaim,
    delayMs: number,
    { isCrash }: { readonly isCrash: boolean } = { isCrash: false },
  ): Promise<void> {
    const { hub } = this.#parts;
    const visibleAtMs = hub.provider.nowMs() + delayMs;
    const leaving = hub
      .insist({ kind: "releaseActivity", claim, visibleAtMs, isAttemptCounted: isCrash, isCrash }) // (I2)
      .then(() => {
        this.#leaving.delete(leaving);
      });
    this.#leaving.add(leaving);
    await leaving;
  }

  /** Claims from the store when there is room worth a transaction. */
  #fill(): void {
    const { activityConcurrency } = this.#parts.settings;
    const isWorthwhile =
      this.#waiting.size < Math.max(1, activityConcurrency / 2) ||
      this.#begunCount >= this.#roundEnd;
    const isBarred = this.#isClaiming || this.#isStopped || !isWorthwhile;
    if (!this.#mayBeMore || isBarred || this.#room() <= 0) return;
    this.#mayBeMore = false;
    this.#claimSoon(async (node) => {
      await this.#claimUsual(node);
      await this.#claimTrial(node);
    });
  }

  #claimSoon(
    claim: (node: NodeId) => Promise<void>,
    onEnd = () => {
      this.#useKeptSlot();
    },
  ): void {
    this.#isClaiming = true;
    void this.#claim(claim).finally(() => {
      this.#isClaiming = false;
      onEnd();
      this.#fill();
    });
  }

  /** Never rejects. */
  async #claim(claim: (node: NodeId) => Promise<void>): Promise<void> {
    const { hub, nodes, settings, noteDue } = this.#parts;
    try {
      // A node that has left the list comes back only for work.
      if (nodes.current === undefined && !(await hub.hasClaimableWork())) return;
      await claim(await nodes.acquire());
      this.#backoff.forget(CLAIM);
    } catch (error) {
      if (this.#isStopped) return;
      settings.logger.log("warn", "Cannot claim activities now; trying again", {
        error: String(error),
      });
      noteDue(hub.provider.nowMs() + this.#backoff.nextDelayMs(CLAIM));
    }
  }

  async #claimUsual(node: NodeId): Promise<void> {
    const { hub, settings } = this.#parts;
    const limit = Math.min(this.#room(), CLAIM_MAX);
    if (limit <= 0) {
      this.#mayBeMore = true;
      return;
    }
    this.#reserved += limit;
    try {
      const crashes = { from: 0, below: trialFrom(settings.crashesMax) };
      const claimed = await hub.provider.claimActivities({ node, limit, crashes });
      if (claimed.length >= limit) this.#mayBeMore = true;
      for (const activity of claimed) this.#take(activity);
    } finally {
      this.#reserved -= limit;
      this.#roundEnd = this.#begunCount + this.#waiting.size + 1;
    }
  }

  /** (I4) Claims one suspect when none is being tried, all is calm and a slot is free. */
  async #claimTrial(node: NodeId): Promise<void> {
    const { hub, settings, isCalm } = this.#parts;
    const isFull = this.#usedSlots >= settings.activityConcurrency;
    if (this.#trial !== undefined || this.#isStopped) return;
    if (isFull) {
      this.#isTrialSkipped = true;
      return;
    }
    if (!isCalm()) {
      this.#isTrialWanted = true;
      return;
    }
    const crashes = { from: trialFrom(settings.crashesMax), below: Number.MAX_SAFE_INTEGER };
    const [suspect] = await hub.provider.claimActivities({ node, limit: 1, crashes });
    if (suspect !== undefined) this.#trial = this.#run(suspect);
  }

  /** (I1) */
  #shareWaiting(): void {
    const nowMs = systemClock.monotonicMs();
    const isStale = ({ sinceMs }: Waiting): boolean => nowMs - sinceMs >= this.#watchMs;
    const stale = this.#waiting.toArray().filter(isStale);
    if (stale.length === 0) return;
    // Those that run may never have been counted: none has ended yet.
    for (const { elapsedMs } of this.#running.values())
      this.#averageMs = Math.max(this.#averageMs, elapsedMs);
    this.#waiting.keep((waiting) => !isStale(waiting));
    for (const { claimed } of stale) void this.#release(claimed.claim, 0);
  }
}

/** Names the back-off of claims; no activity has an empty name. */
const CLAIM = "";

function count(claims: readonly boolean[]): number {
  return claims.filter(Boolean).length;
}
