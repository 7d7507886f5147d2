/**
 * Instances kept in memory between turns, and the bound on how many.
 *
 * I1. Residency is only a cache: dropping an instance loses nothing but time.
 * I2. Only an instance at rest (no turn under way, nothing in its inbox) is dropped to make room.
 * I3. A remembered instance is in memory, unclaimed, and at rest.
 */

import type { ParentLink, RecordedEvent } from "../history/event.ts";
import type { InstanceClaim, InstanceKey } from "../provider/provider.ts";
import type { Execution } from "../replay/execution.ts";
import { Inbox } from "./inbox.ts";

/** An instance in memory. */
export class Resident {
  readonly instanceId: string;
  claim: InstanceClaim;
  /** The suspended code. */
  execution: Execution;
  /** Recorded events that the execution has not seen yet: all of them after a claim, then none. */
  unreadHistory: readonly RecordedEvent[] = [];
  readonly inbox: Inbox = new Inbox();
  /** A turn is running or being committed. */
  isBusy = false;
  /** Its end is durable. */
  hasEnded = false;
  /** False when the node's claim has ended; what is remembered may still be current. */
  isHeld = true;
  /** Something in its queue cannot be read: it has to be claimed anew, which parks it (weakness R22). */
  isUnreadable = false;
  /** History bytes behind the execution. */
  bytes = 0;
  /** How many of them the cache has counted. */
  countedBytes = 0;
  /** The current execution, also before its first turn. */
  executionId = 1;
  /** When the current execution began, in milliseconds since the Unix epoch. */
  startedMs = 0;
  parent: ParentLink | undefined;
  /** The run of the instance; see `StartRequest.runId`. */
  runId = "";

  constructor(instanceId: string, claim: InstanceClaim, execution: Execution) {
    this.instanceId = instanceId;
    this.claim = claim;
    this.execution = execution;
  }

  get key(): InstanceKey {
    return this.claim.key;
  }

  /**
   * Its end became durable without its code: no window of it opens any more.
   *
   * @returns How many messages are dropped with it
   */
  endFromOutside(): number {
    this.hasEnded = true;
    this.isHeld = false;
    this.execution.isAbandoned = true;
    return this.inbox.take().length;
  }

  get isAtRest(): boolean {
    return !this.isBusy && this.inbox.isEmpty;
  }
}

export interface ResidencyLimits {
  readonly instancesMax: number;
  readonly bytesMax: number;
}

/** Residents by key, least recently used first. */
export class ResidentCache {
  readonly #limits: ResidencyLimits;
  readonly #byKey = new Map<InstanceKey, Resident>();
  readonly #byId = new Map<string, Resident>();
  /** Epochs that a new claim may go on from. (I3) */
  readonly #remembered = new Map<InstanceKey, number>();
  #bytes = 0;

  constructor(limits: ResidencyLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: InstanceKey): Resident | undefined {
    return this.#byKey.get(key);
  }

  getById(instanceId: string): Resident | undefined {
    return this.#byId.get(instanceId);
  }

  all(): IterableIterator<Resident> {
    return this.#byKey.values();
  }

  /** The epochs up to which residents without a holder are known. */
  get remembered(): ReadonlyMap<InstanceKey, number> {
    return this.#remembered;
  }

  /** All claims are void. */
  loseAll(): void {
    for (const resident of this.#byKey.values()) {
      resident.isHeld = false;
      this.remember(resident);
    }
  }

  /** A resident without a holder has come to rest, maybe: a new claim may go on with it. (I3) */
  remember(resident: Resident): void {
    if (this.#byKey.get(resident.key) !== resident || !resident.isAtRest) return;
    this.#remembered.set(resident.key, resident.claim.epoch);
  }

  /** A new claim goes on where the old one has ended. */
  regain(resident: Resident, claim: InstanceClaim): void {
    this.#remembered.delete(resident.key);
    resident.claim = claim;
    resident.isHeld = true;
  }

  set(resident: Resident): void {
    this.delete(resident.key);
    this.#byKey.set(resident.key, resident);
    this.#byId.set(resident.instanceId, resident);
    this.#count(resident);
  }

  delete(key: InstanceKey): void {
    const resident = this.#byKey.get(key);
    if (resident === undefined) return;
    this.#byKey.delete(key);
    this.#remembered.delete(key);
    if (this.#byId.get(resident.instanceId) === resident) this.#byId.delete(resident.instanceId);
    this.#bytes -= resident.countedBytes;
    resident.countedBytes = 0;
  }

  /** Marks as just used, and takes note of how much it has grown or shrunk. */
  touch(resident: Resident): void {
    if (this.#byKey.get(resident.key) !== resident) return;
    this.#byKey.delete(resident.key);
    this.#byKey.set(resident.key, resident);
    this.#count(resident);
  }

  #count(resident: Resident): void {
    this.#bytes += resident.bytes - resident.countedBytes;
    resident.countedBytes = resident.bytes;
  }

  /** What is left after {@link overflow} has gone is more than fits. */
  get isOverBytes(): boolean {
    return this.#bytes > this.#limits.bytesMax;
  }

  /** Those that have to go, least recently used first (I2). */
  overflow(): Resident[] {
    const leaving: Resident[] = [];
    let instanceCount = this.#byKey.size;
    let bytes = this.#bytes;
    for (const resident of this.#byKey.values()) {
      if (instanceCount <= this.#limits.instancesMax && bytes <= this.#limits.bytesMax) break;
      if (!resident.isAtRest) continue;
      leaving.push(resident);
      instanceCount -= 1;
      bytes -= resident.countedBytes;
    }
    return leaving;
  }
}
