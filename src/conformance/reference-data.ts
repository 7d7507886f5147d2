/**
 * What the reference store keeps, and drafts of changes to it.
 *
 * I1. Everything that belongs to an instance is inside its record, so that one record is what a
 *     transaction copies, changes and puts back.
 * I2. A draft is invisible until it lands, and it lands in one go.
 */

import type { Clock } from "../foundation/clock.ts";
import type { EncodedValue } from "../history/event.ts";
import type {
  ExecutionRow,
  HistoryRow,
  InstanceRow,
  InstanceStatus,
  NewActivity,
  NodeDescription,
  NodeId,
  QueuedMessage,
  StoreChange,
  TimerKey,
} from "../provider/provider.ts";

/** A value with the time of its last change. */
export interface StoredValue {
  readonly value: EncodedValue;
  readonly updatedMs: number;
}

/** A message in the queue of its instance. */
export interface StoredMessage extends QueuedMessage {
  readonly id: number;
  readonly writtenMs: number;
}

/** An outstanding activity. */
export interface StoredActivity extends Omit<NewActivity, "isClaimed"> {
  readonly executionId: number;
  owner: NodeId | undefined;
  attempt: number;
  crashes: number;
  /** The nodes whose crashes may still be taken back. (P8) */
  crashedNodes: NodeId[];
  /** Those that have waited longest are handed out first. */
  waitingSinceMs: number;
  /** It was handed back for later; 0 when it may run at once, whatever the clock does. */
  notBeforeMs: number;
  heartbeat: EncodedValue;
}

/** An instance with all that belongs to it. (I1) */
export interface StoredInstance {
  readonly key: number;
  row: InstanceRow;
  /** Counts only while that node is on the list. */
  owner: NodeId | undefined;
  epoch: number;
  crashes: number;
  /** The nodes whose crashes may still be taken back. (P8) */
  crashedNodes: NodeId[];
  /** It is parked, or its start is delayed; 0 when it may go on at once, whatever the clock does. */
  notBeforeMs: number;
  /** Its start was asked for this time; `unblockWork` does not touch it before. */
  readonly startMs: number;
  history: HistoryRow[];
  /** Executions that continued as new. */
  archived: ExecutionRow[];
  /** In the order in which they were written. */
  messages: StoredMessage[];
  timers: TimerKey[];
  activities: StoredActivity[];
  /** Key-values as the current execution found them, and what it has changed; absent hides a key. */
  snapshot: Map<string, StoredValue>;
  changes: Map<string, StoredValue | undefined>;
}

/** A live runtime. */
export interface StoredNode extends NodeDescription {
  renewals: number;
}

/** A listener for changes, and its connection. */
export interface Watcher {
  readonly connection: object;
  readonly listener: (change: StoreChange) => void;
}

/** The store behind all of its connections. */
export class ReferenceData {
  readonly clock: Clock;
  readonly nodes: Map<NodeId, StoredNode> = new Map<NodeId, StoredNode>();
  /** Oldest first. */
  readonly instances: Map<number, StoredInstance> = new Map<number, StoredInstance>();
  readonly keysById: Map<string, number> = new Map<string, number>();
  readonly watchers: Set<Watcher> = new Set<Watcher>();
  #lastNumber = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A number that was never given out before. */
  nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  byId(instanceId: string): StoredInstance | undefined {
    const key = this.keysById.get(instanceId);
    return key === undefined ? undefined : this.instances.get(key);
  }

  /** Whether it has no holder, or its holder has left the list. */
  isFree(work: { readonly owner: NodeId | undefined }): boolean {
    return work.owner === undefined || !this.nodes.has(work.owner);
  }
}

/** One transaction: copies of what it touches. (I2) */
export class Draft {
  readonly data: ReferenceData;
  readonly nowMs: number;
  /** Absent values are removals. */
  readonly #touched = new Map<number, StoredInstance | undefined>();
  readonly #keysById = new Map<string, number>();

  constructor(data: ReferenceData) {
    this.data = data;
    this.nowMs = data.clock.nowMs();
  }

  instance(key: unknown): StoredInstance | undefined {
    if (typeof key !== "number") return undefined;
    if (this.#touched.has(key)) return this.#touched.get(key);
    const stored = this.data.instances.get(key);
    if (stored === undefined) return undefined;
    const copy = copyOf(stored);
    this.#touched.set(key, copy);
    return copy;
  }

  byId(instanceId: string): StoredInstance | undefined {
    return this.instance(this.#keysById.get(instanceId) ?? this.data.keysById.get(instanceId));
  }

  childrenOf(instanceId: string): StoredInstance[] {
    const keys = new Set([...this.data.instances.keys(), ...this.#touched.keys()]);
    return [...keys].flatMap((key) => {
      const record = this.#touched.has(key) ? this.#touched.get(key) : this.data.instances.get(key);
      return record?.row.parent?.instanceId === instanceId ? record : [];
    });
  }

  insert(instance: StoredInstance): void {
    this.#touched.set(instance.key, instance);
    this.#keysById.set(instance.row.instanceId, instance.key);
  }

  remove(instance: StoredInstance): void {
    this.#touched.set(instance.key, undefined);
  }

  land(): void {
    for (const [key, copy] of this.#touched) {
      const id = (copy ?? this.data.instances.get(key))?.row.instanceId;
      if (copy === undefined) {
        this.data.instances.delete(key);
        if (id !== undefined && this.data.keysById.get(id) === key) this.data.keysById.delete(id);
      } else {
        this.data.instances.set(key, copy);
        this.data.keysById.set(copy.row.instanceId, key);
      }
    }
  }
}

export function isFinished(status: InstanceStatus): boolean {
  return status === "Completed" || status === "Failed" || status === "Canceled";
}

/** The state now: what the execution found, under what it has changed. */
export function mergedValues(instance: StoredInstance): Map<string, StoredValue> {
  const merged = new Map(instance.snapshot);
  for (const [key, value] of instance.changes) {
    if (value === undefined) merged.delete(key);
    else merged.set(key, value);
  }
  return merged;
}

function copyOf(instance: StoredInstance): StoredInstance {
  return {
    ...instance,
    history: [...instance.history],
    archived: [...instance.archived],
    messages: [...instance.messages],
    timers: [...instance.timers],
    activities: instance.activities.map((activity) => ({ ...activity })),
    snapshot: new Map(instance.snapshot),
    changes: new Map(instance.changes),
  };
}
