/**
 * Gives instances their turns: claims them, lines up what arrives, and lets at most
 * `orchestrationConcurrency` of them have a turn at once.
 *
 * Boundary: owns residents and their claims; a single turn is the turn runner's.
 *
 * I1. At most one turn of an instance is under way.
 * I2. No wake-up is lost: a message for an instance that is not resident triggers another fetch after
 *     the claims under way have been loaded.
 * I3. An instance that leaves memory is handed back in the store, and the store is asked again.
 * I4. Work that was under way in several crashes runs alone, so that the next crash names its cause.
 * I5. However many residents always have work, the store is queried again when each instance in line
 *     has had a turn: for timers and messages of held instances, and for other instances.
 */

import { decodeMessage } from "../history/message.ts";
import type { StoreHub } from "../provider/hub.ts";
import type {
  ClaimedActivity,
  ClaimedInstance,
  DeliveredMessage,
  InstanceKey,
  NodeId,
  QueuedMessage,
  StartRequest,
  TimerKey,
  TurnEffects,
  WriteOutcome,
} from "../provider/provider.ts";
import type { ActivityDispatcher } from "./activity-dispatcher.ts";
import { toMessage, type ActivityOutcome } from "./activity-outcome.ts";
import type { DueAlarm } from "./due-alarm.ts";
import { fromQueue, fromTimer } from "./inbox.ts";
import { LateMessages, type Reader } from "./late-messages.ts";
import type { NodeKeeper } from "./node-keeper.ts";
import type { RuntimeSettings } from "./options.ts";
import { Parking } from "./parking.ts";
import { trialFrom } from "./poison.ts";
import { Reception } from "./reception.ts";
import { ResidentCache, type Resident } from "./resident.ts";
import { StartTaker, type WantedStart } from "./start-taker.ts";
import { TurnLine } from "./turn-line.ts";
import { TurnRunner, type Concluded, type Fate } from "./turn-runner.ts";

/** Most instances claimed in one transaction. */
const CLAIM_MAX = 256;
/** Most held instances whose queues are read at once. */
const HELD_WORK_MAX = 5_000;
/** Share of all turns that is claimed in a round although there is no room. (I5) */
const CLAIMED_BEYOND = 0.125;

/** A start that waits for a turn to be free. */
interface WaitingStart {
  readonly wanted: WantedStart;
  readonly resolve: (outcome: Promise<WriteOutcome>) => void;
}

export interface OrchestrationDispatcherParts {
  readonly settings: RuntimeSettings;
  readonly hub: StoreHub;
  readonly nodes: NodeKeeper;
  readonly activities: ActivityDispatcher;
  readonly due: DueAlarm;
}

export class OrchestrationDispatcher {
  readonly #parts: OrchestrationDispatcherParts;
  readonly #runner: TurnRunner;
  readonly #starts: StartTaker;
  readonly #reception: Reception;
  readonly #parking: Parking;
  readonly #residents: ResidentCache;
  readonly #lateMessages = new LateMessages();
  readonly #line: TurnLine<Resident, WaitingStart>;
  /** The suspect that is being tried. */
  #trial: InstanceKey | undefined;
  #leavingCount = 0;
  #isFetching = false;
  #isFetchWanted = false;
  #isHeldReadWanted = false;
  /** An answer about the queues of held instances is under way. */
  #isReadingHeld = false;
  /** The store has more than fits; it is asked again when half of the turns are free. */
  #isMoreLeft = false;
  /** The store has been asked since the last wake-up. */
  #hasFetched = false;
  #isStopped = false;

  constructor(parts: OrchestrationDispatcherParts) {
    this.#parts = parts;
    this.#runner = new TurnRunner({ ...parts, isReading: () => this.#isReadingHeld });
    this.#reception = new Reception({ ...parts, runner: this.#runner });
    this.#starts = new StartTaker({
      ...parts,
      runner: this.#runner,
      onStarted: (resident, first, effects) => {
        this.#onStarted(resident, first, effects);
      },
    });
    this.#parking = new Parking(parts.settings);
    this.#line = new TurnLine({
      turnsMax: parts.settings.orchestrationConcurrency,
      beginTurn: (resident) => {
        this.#beginTurn(resident);
      },
      beginStart: ({ wanted, resolve }) => {
        resolve(this.#start(wanted));
      },
    });
    this.#residents = new ResidentCache({
      instancesMax: parts.settings.residentInstancesMax,
      bytesMax: parts.settings.residentBytesMax,
    });
  }

  /** Nothing is under way. */
  get isIdle(): boolean {
    return this.#line.isEmpty && this.#leavingCount === 0 && !this.#isFetching;
  }

  /** The store has been queried and no suspect is on trial: only an activity can cause a crash now. */
  get isCalm(): boolean {
    return this.#hasFetched && this.#trial === undefined;
  }

  /** Anything may be waiting in the store: timers are due, or another process has written. */
  wake(): void {
    this.#isHeldReadWanted = true;
    this.#hasFetched = false;
    this.#fetchSoon();
  }

  /** Instances may be waiting to be claimed. */
  #fetchSoon(): void {
    this.#isFetchWanted = true;
    if (this.#isFetching || this.#isStopped) return;
    this.#isFetching = true;
    void this.#fetch().finally(() => {
      this.#isFetching = false;
      if (this.#isFetchWanted) this.#fetchSoon();
      else this.#parts.activities.onCalm();
    });
  }

  /** Stops claiming; turns under way end, starts that wait for a turn are queued. */
  stop(): void {
    this.#isStopped = true;
    for (const { wanted, resolve } of this.#line.drainStarts()) resolve(this.#starts.queue(wanted));
  }

  /** Everything that this node held is void; what is remembered stays (see `previousEpoch`). */
  loseAll(): void {
    this.#residents.loseAll();
    this.#parts.hub.watch.notifyAll(); // They may have ended elsewhere, unheard.
  }

  /** An instance that is held and has not ended; see `LocalRuntime.isRunning`. */
  findRunning(instanceId: string, runId?: string): Resident | undefined {
    const resident = this.#residents.getById(instanceId);
    if (resident?.isHeld !== true || resident.hasEnded) return undefined;
    return runId === undefined || resident.runId === runId ? resident : undefined;
  }

  /** See `LocalRuntime.onEnded`. */
  onEnded(key: InstanceKey): void {
    this.#parts.activities.cancelAll(key);
    const resident = this.#residents.get(key);
    if (resident === undefined) return;
    this.#residents.delete(key);
    this.#parts.settings.logger.log("info", "An instance was ended from outside; its code stops", {
      instanceId: resident.instanceId,
      droppedMessageCount: resident.endFromOutside(),
    });
  }

  /** Another process has changed these: what is held here and has ended there is let go. */
  async onChanged(instanceIds: readonly string[]): Promise<void> {
    const held = instanceIds.filter((instanceId) => this.findRunning(instanceId));
    if (held.length === 0) return;
    // Where the store does not answer, the next commit of such an instance is refused.
    const rows = await this.#parts.hub.provider.readInstances(held).catch(() => []);
    for (const row of rows) if (row.status === "Canceled") this.onEnded(row.key);
  }

  onDelivered(messages: readonly DeliveredMessage[]): void {
    let isMissed = false;
    for (const { key, message } of messages) {
      const resident = this.#residents.get(key);
      if (resident?.isHeld === true) {
        this.#receive(resident, message);
        this.#makeReady(resident);
      } else {
        isMissed = true;
        this.#lateMessages.keep(key, message); // (I2)
      }
    }
    if (isMissed) this.#fetchSoon();
  }

  /** An activity of this runtime has ended. */
  onOutcome(claimed: ClaimedActivity, outcome: ActivityOutcome): void {
    const message = toMessage(claimed, outcome);
    const resident = this.#residents.get(claimed.claim.key);
    if (resident?.isHeld !== true || resident.claim.node !== claimed.claim.node) {
      void this.land(claimed, outcome);
      return;
    }
    resident.inbox.push({ message, origin: { kind: "activity", claim: claimed.claim } });
    this.#makeReady(resident);
  }

  /** Makes the outcome of an activity durable without a turn; never rejects. */
  async land(claimed: ClaimedActivity, outcome: ActivityOutcome): Promise<void> {
    this.#leavingCount += 1;
    await this.#runner.forward(claimed.claim, toMessage(claimed, outcome));
    this.#leavingCount -= 1;
  }

  /** See `LocalRuntime.tryStart`. */
  tryStart(request: StartRequest, retryMs: number): Promise<WriteOutcome> | undefined {
    const { settings, nodes } = this.#parts;
    const definition = settings.orchestrations.resolve(request.name, request.version);
    if (this.#isStopped || nodes.current === undefined || definition === undefined)
      return undefined;
    if (request.notBeforeMs !== undefined) return undefined;
    return new Promise<WriteOutcome>((resolve) => {
      this.#line.addStart({ wanted: { request, definition, retryMs }, resolve });
      this.#fill();
    });
  }

  async #start(wanted: WantedStart): Promise<WriteOutcome> {
    const reader = this.#lateMessages.begin();
    this.#parts.nodes.noteWork();
    try {
      return await this.#starts.take(wanted);
    } finally {
      this.#lateMessages.end(reader);
      this.#line.end();
      this.#fill();
    }
  }

  #onStarted(resident: Resident, first: Concluded, effects: TurnEffects): void {
    resident.isBusy = true;
    // The answer to a start may arrive after its node was lost and the instance was claimed anew.
    if (resident.claim.node === this.#parts.nodes.current) this.#residents.set(resident);
    else resident.isHeld = false;
    for (const message of this.#lateMessages.take(resident.key, 0))
      this.#receive(resident, message);
    const fate = this.#runner.onCommitted(resident, first, effects);
    void Promise.resolve(fate).then((result) => {
      this.#afterTurn(resident, result);
    });
  }

  /** What cannot be read stays in the store, and the resident does not stay here. */
  #receive(resident: Resident, queued: QueuedMessage): void {
    if (resident.inbox.hasQueued(queued.id)) return;
    try {
      resident.inbox.push(fromQueue(queued, decodeMessage(queued.body)));
    } catch {
      resident.isUnreadable = true;
    }
  }

  /** Lines the resident up for a turn, when there is reason for one. */
  #makeReady(resident: Resident): boolean {
    if (resident.isBusy || !resident.isHeld) return false;
    if (resident.isUnreadable) {
      this.#evict(resident);
      return false;
    }
    if (resident.inbox.isEmpty) return false;
    resident.isBusy = true;
    this.#line.add(resident);
    this.#fill();
    return true;
  }

  #fill(): void {
    this.#line.fill();
    if (!this.#isMoreLeft) return;
    const { orchestrationConcurrency } = this.#parts.settings;
    if (!this.#line.isRoundOver && this.#line.room < orchestrationConcurrency / 2) return;
    this.#isMoreLeft = false;
    this.#hasFetched = false;
    this.#fetchSoon();
  }

  #beginTurn(resident: Resident): void {
    this.#runner.run(resident, (fate) => {
      this.#line.end();
      this.#afterTurn(resident, fate);
      this.#fill();
    });
  }

  #afterTurn(resident: Resident, fate: Fate): void {
    resident.isBusy = false;
    this.#endTrial(resident.key);
    if (fate !== "stays") {
      if (this.#residents.get(resident.key) === resident) this.#residents.delete(resident.key);
      // (I3) What was put back, or came too late for it, is in the store: let the store say.
      if (fate === "handedBack" || !resident.inbox.isEmpty) this.#fetchSoon();
      return;
    }
    this.#residents.touch(resident);
    if (!resident.isHeld) this.#residents.remember(resident);
    if (this.#parts.settings.isCold) this.#evict(resident);
    else if (!this.#makeReady(resident)) this.#makeRoom();
  }

  #makeRoom(): void {
    for (const leaving of this.#residents.overflow()) this.#evict(leaving);
  }

  /** (I3) */
  #evict(resident: Resident): void {
    if (this.#residents.get(resident.key) !== resident) return;
    this.#residents.delete(resident.key);
    if (!resident.isHeld) return;
    this.#leavingCount += 1;
    void this.#runner.handBack(resident, []).finally(() => {
      this.#leavingCount -= 1;
      this.#fetchSoon();
    });
  }

  /** Hands everything at rest back; used by shutdown. */
  async evictAll(): Promise<void> {
    const residents = [...this.#residents.all()];
    for (const resident of residents) this.#residents.delete(resident.key);
    await Promise.all(
      residents
        .filter((resident) => resident.isHeld && !resident.inbox.isEmpty)
        .map((resident) => this.#runner.handBack(resident, [])),
    );
  }

  async #fetch(): Promise<void> {
    const { hub, nodes, settings, due } = this.#parts;
    // Read before the claims: what becomes due in between is found by one of the two.
    const askedMs = hub.provider.nowMs();
    try {
      let isMore = true;
      while ((isMore || this.#isFetchWanted) && !this.#isStopped) {
        this.#isFetchWanted = false;
        // A node that has left the list comes back only for work.
        if (nodes.current === undefined && !(await hub.hasClaimableWork())) break;
        const node = await nodes.acquire();
        isMore = await this.#ask(node);
        await this.#claimTrial(node);
      }
      const dueMs = await hub.provider.nextDueMs(askedMs);
      if (dueMs !== undefined) due.note(dueMs);
      this.#hasFetched = !this.#isHeldReadWanted && !this.#isFetchWanted;
    } catch (error) {
      if (this.#isStopped) return;
      settings.logger.log("warn", "Cannot claim work now; trying again", { error: String(error) });
      due.note(hub.provider.nowMs() + this.#parking.nextDelayMs("fetch"));
      return;
    }
    this.#parking.forget("fetch");
  }

  /** @returns Whether there is more, and room for it */
  async #ask(node: NodeId): Promise<boolean> {
    // What was read and still waits for a turn would only be read again. (I5)
    if (this.#line.room <= 0 && !this.#line.isRoundOver) {
      this.#isMoreLeft = true;
      return false;
    }
    // News for held instances first: waiters exist for them.
    if (this.#isHeldReadWanted) await this.#readHeld(node);
    const isMore = await this.#claim(node);
    this.#makeRoom();
    this.#line.beginRound();
    return isMore;
  }

  /** How many instances may be claimed now. */
  get #room(): number {
    const { orchestrationConcurrency, residentInstancesMax } = this.#parts.settings;
    if (this.#line.room > 0) return this.#line.room;
    // (I5) A few though there is no room, unless memory is full of those who never rest.
    const isFull = this.#line.activeCount >= residentInstancesMax || this.#residents.isOverBytes;
    if (isFull) return 0;
    return Math.ceil(orchestrationConcurrency * CLAIMED_BEYOND);
  }

  /** @returns Whether there is more, and room for it */
  async #claim(node: NodeId): Promise<boolean> {
    const limit = Math.min(CLAIM_MAX, this.#room);
    if (limit <= 0) {
      this.#isMoreLeft = true;
      return false;
    }
    const crashes = { from: 0, below: trialFrom(this.#parts.settings.crashesMax) };
    const reader = this.#lateMessages.begin();
    try {
      const { remembered } = this.#residents;
      const request = { node, limit, remembered, crashes };
      const claimed = await this.#parts.hub.provider.claimInstances(request);
      if (claimed.length > 0) this.#parts.nodes.noteWork();
      await Promise.all(claimed.map((instance) => this.#adopt(instance, reader)));
      return claimed.length >= limit;
    } finally {
      this.#lateMessages.end(reader);
    }
  }

  /**
   * (I4) Claims one suspect when none is being tried, so that a crash while it is tried counts against
   * it alone.
   */
  async #claimTrial(node: NodeId): Promise<void> {
    if (this.#trial !== undefined) return;
    const reader = this.#lateMessages.begin();
    try {
      const [suspect] = await this.#parts.hub.provider.claimInstances({
        node,
        limit: 1,
        remembered: new Map(),
        crashes: {
          from: trialFrom(this.#parts.settings.crashesMax),
          below: Number.MAX_SAFE_INTEGER,
        },
      });
      if (suspect === undefined) return;
      const { key } = suspect.claim;
      this.#trial = key;
      await this.#adopt(suspect, reader);
      if (this.#residents.get(key)?.isBusy !== true) this.#endTrial(key);
    } finally {
      this.#lateMessages.end(reader);
    }
  }

  #endTrial(key: InstanceKey): void {
    if (this.#trial !== key) return;
    this.#trial = undefined;
    this.#hasFetched = false;
    this.#fetchSoon();
  }

  async #readHeld(node: NodeId): Promise<void> {
    this.#isHeldReadWanted = false;
    if (this.#residents.size === 0) return;
    this.#isReadingHeld = true;
    try {
      const works = await this.#parts.hub.provider.readHeldWork(node, HELD_WORK_MAX);
      if (works.length >= HELD_WORK_MAX) {
        this.#isHeldReadWanted = true;
        this.#isMoreLeft = true;
      }
      for (const { key, messages, dueTimers } of works) {
        const resident = this.#residents.get(key);
        if (resident?.isHeld === true) this.#feed(resident, messages, dueTimers);
      }
    } catch (error) {
      this.#isHeldReadWanted = true;
      throw error;
    } finally {
      this.#isReadingHeld = false;
    }
  }

  #feed(resident: Resident, messages: readonly QueuedMessage[], timers: readonly TimerKey[]): void {
    for (const message of messages) this.#receive(resident, message);
    for (const timer of timers) resident.inbox.push(fromTimer(timer));
    this.#makeReady(resident);
  }

  async #adopt(claimed: ClaimedInstance, reader: Reader): Promise<void> {
    const { key } = claimed.claim;
    let resident = this.#residents.get(key);
    if (resident !== undefined && claimed.history === undefined) {
      this.#residents.regain(resident, claimed.claim);
    } else {
      if (resident !== undefined) this.#residents.delete(key);
      const received = await this.#reception.receive(claimed);
      if (received === "handedBack") this.#fetchSoon();
      if (typeof received === "string") return;
      resident = received;
      this.#residents.set(resident);
    }
    const messages = [...claimed.messages, ...this.#lateMessages.take(key, reader)];
    this.#feed(resident, messages, claimed.dueTimers);
  }
}
