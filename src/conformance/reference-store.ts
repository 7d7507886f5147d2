/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The reference store: the contract in plain maps and arrays, to be read beside
 * `docs/guide/writing-a-provider.md`.
 *
 * Boundary: correct and clear, and neither durable nor quick: it reads all rows each time.
 *
 * I1. A method runs to its end in one go, so that no caller sees half of it. (P1, P4)
 * I2. A write works on a draft that lands as a whole. (P1)
 */

import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";
import { type Clock, systemClock } from "../foundation/clock.ts";
import { host } from "../foundation/host.ts";
import { UsageError } from "../foundation/errors.ts";
import { ProviderError } from "../provider/errors.ts";
import {
  type ActivityClaim,
  type ClaimActivitiesRequest,
  type ClaimedActivity,
  type ClaimedInstance,
  type ClaimInstancesRequest,
  type CrashRange,
  type ExecutionRow,
  type HeldInstanceWork,
  type HistoryRow,
  type InstanceRow,
  type ListPage,
  type ListQuery,
  type NodeCode,
  type NodeDescription,
  type NodeId,
  type NodeRow,
  type NodeTakeover,
  PROVIDER_CONTRACT_VERSION,
  type Provider,
  type QueuedMessage,
  type StoreChange,
  type WriteOperation,
  type WriteOutcome,
} from "../provider/provider.ts";
import {
  Draft,
  isFinished,
  mergedValues,
  ReferenceData,
  type StoredActivity,
  type StoredInstance,
  type StoredValue,
  type Watcher,
} from "./reference-data.ts";
import { isClaimedBy } from "./reference-claims.ts";
import { applyOperation } from "./reference-write.ts";

const ANY_CRASHES: CrashRange = { from: 0, below: Number.POSITIVE_INFINITY };

/** Options of {@link ReferenceStore}. */
export interface ReferenceStoreOptions {
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
  /**
   * Asked after each write that has landed: true loses the answer on its way, as a network may. The
   * caller gets a retryable error and writes again.
   *
   * @default never
   */
  readonly isAnswerLost?: (() => boolean) | undefined;
}

const REFERENCE_STORE_OPTIONS: OptionNames<ReferenceStoreOptions> = {
  clock: true,
  isAnswerLost: true,
};

/** A store in this process's memory that holds to the contract as literally as possible. */
export class ReferenceStore implements Provider {
  readonly name: string = "reference";
  readonly contractVersion: number = PROVIDER_CONTRACT_VERSION;

  readonly #data: ReferenceData;
  readonly #options: ReferenceStoreOptions;
  /** Operations that have landed and whose caller does not know. (P7) */
  readonly #unheard = new WeakMap<WriteOperation, WriteOutcome>();
  #isClosed = false;

  /** @param data - That of another connection; see {@link connect} */
  constructor(options: ReferenceStoreOptions = {}, data?: ReferenceData) {
    assertKnownOptions(options, REFERENCE_STORE_OPTIONS, "ReferenceStore");
    this.#options = options;
    this.#data = data ?? new ReferenceData(options.clock ?? systemClock);
  }

  /** A second connection to the same data, as another process would have to a database. */
  connect(): ReferenceStore {
    return new ReferenceStore(this.#options, this.#data);
  }

  nowMs(): number {
    return this.#data.clock.nowMs();
  }

  async write(operations: readonly WriteOperation[]): Promise<readonly WriteOutcome[]> {
    this.#assertOpen();
    const draft = new Draft(this.#data);
    const outcomes = operations.map((it) => this.#unheard.get(it) ?? applyOperation(draft, it));
    draft.land(); // (I2)
    this.#tellOthers();
    if (this.#options.isAnswerLost?.() === true) {
      for (const [i, outcome] of outcomes.entries()) {
        this.#unheard.set(operations[i] as WriteOperation, outcome);
      }
      throw new ProviderError("store_failed", "Cannot say how the write ended; write it again", {
        retryable: true,
      });
    }
    return outcomes;
  }

  async claimInstances(request: ClaimInstancesRequest): Promise<readonly ClaimedInstance[]> {
    this.#assertOpen();
    const { node, limit, remembered, crashes = ANY_CRASHES } = request;
    return this.#findClaimableInstances(crashes)
      .filter(({ row }) => this.#mayTake(node, (code) => hasOrchestration(code, row)))
      .slice(0, limit)
      .map((instance) => {
        const previousEpoch = instance.epoch;
        instance.owner = node;
        instance.epoch += 1;
        instance.notBeforeMs = 0;
        const { key, row, epoch } = instance;
        const isRemembered = remembered.get(key) === previousEpoch;
        return {
          claim: { key, node, epoch },
          instanceId: row.instanceId,
          previousEpoch,
          crashes: instance.crashes,
          row,
          ...this.#readWork(instance),
          ...(!isRemembered && { history: readHistory(instance, row.executionId) }),
          keyValues: new Map(instance.snapshot),
        };
      });
  }

  async claimActivities(request: ClaimActivitiesRequest): Promise<readonly ClaimedActivity[]> {
    this.#assertOpen();
    const { node, limit, crashes = ANY_CRASHES } = request;
    return this.#findClaimableActivities(crashes)
      .filter(([, { name }]) => this.#mayTake(node, (code) => code.activities.includes(name)))
      .slice(0, limit)
      .map(([instance, activity]) => {
        activity.owner = node;
        activity.attempt += 1;
        const {
          executionId,
          activityId,
          attempt,
          owner: _,
          crashedNodes: ____,
          ...rest
        } = activity;
        const { waitingSinceMs: __, notBeforeMs: ___, ...facts } = rest;
        return {
          claim: { key: instance.key, executionId, activityId, node, attempt },
          instanceId: instance.row.instanceId,
          ...facts,
        };
      });
  }

  async hasClaimableWork(): Promise<boolean> {
    this.#assertOpen();
    return (
      this.#findClaimableInstances(ANY_CRASHES).length > 0 ||
      this.#findClaimableActivities(ANY_CRASHES).length > 0
    );
  }

  async readHeldWork(node: NodeId, limit: number): Promise<readonly HeldInstanceWork[]> {
    this.#assertOpen();
    if (!this.#data.nodes.has(node)) return [];
    return this.#findWithWork((instance) => instance.owner === node)
      .slice(0, limit)
      .map((instance) => ({ key: instance.key, ...this.#readWork(instance) }));
  }

  async nextDueMs(afterMs: number): Promise<number | undefined> {
    this.#assertOpen();
    const due = [...this.#data.instances.values()].flatMap((instance) => [
      instance.notBeforeMs,
      ...instance.timers.map((timer) => timer.fireAtMs),
      ...instance.activities.filter((it) => this.#data.isFree(it)).map((it) => it.notBeforeMs),
    ]);
    const later = due.filter((ms) => ms > afterMs);
    return later.length === 0 ? undefined : later.reduce((a, b) => Math.min(a, b));
  }

  async findLostActivities(claims: readonly ActivityClaim[]): Promise<readonly ActivityClaim[]> {
    this.#assertOpen();
    const isCurrent = (claim: ActivityClaim): boolean => {
      const instance = this.#data.instances.get(claim.key as number);
      return (
        this.#data.nodes.has(claim.node) && instance?.activities.some(isClaimedBy(claim)) === true
      );
    };
    return claims.filter((claim) => !isCurrent(claim));
  }

  async unblockWork(): Promise<void> {
    this.#assertOpen();
    const nowMs = this.nowMs();
    for (const instance of this.#data.instances.values()) {
      if (instance.startMs <= nowMs) instance.notBeforeMs = 0;
      for (const activity of instance.activities) activity.notBeforeMs = 0;
    }
    this.#tellOthers();
  }

  async registerNode(description: NodeDescription): Promise<NodeId> {
    this.#assertOpen();
    const id = this.#data.nextNumber();
    this.#data.nodes.set(id, { ...description, renewals: 0 });
    return id;
  }

  async renewNode(node: NodeId): Promise<boolean> {
    this.#assertOpen();
    const stored = this.#data.nodes.get(node);
    if (stored === undefined) this.#takeBackCrash(node);
    else stored.renewals += 1;
    return stored !== undefined;
  }

  async listNodes(): Promise<readonly NodeRow[]> {
    this.#assertOpen();
    return [...this.#data.nodes].map(([id, node]) => ({
      id,
      ...node,
      ...{ isProvablyDead: false, isProvablyAlive: false },
    }));
  }

  async removeNode(node: NodeId, takeover?: NodeTakeover): Promise<boolean> {
    this.#assertOpen();
    const stored = this.#data.nodes.get(node);
    if (stored === undefined && takeover === undefined) this.#takeBackCrash(node);
    const isMeant = takeover === undefined || stored?.renewals === takeover.ifRenewals;
    if (stored === undefined || !isMeant) return false;
    if (takeover?.isCrash === true) this.#countCrash(node);
    // Whatever names it as its owner is free from now on: see `isFree`.
    this.#data.nodes.delete(node);
    this.#tellOthers();
    return true;
  }

  /** (P8) What it was busy with: activities, and instances that have a turn to do. */
  #countCrash(node: NodeId): void {
    const busy = this.#findWithWork((instance) => instance.owner === node);
    for (const work of [...busy, ...this.#activities().filter((it) => it.owner === node)]) {
      work.crashes += 1;
      work.crashedNodes.push(node);
    }
  }

  /** (P8) */
  #takeBackCrash(node: NodeId): void {
    for (const work of [...this.#data.instances.values(), ...this.#activities()]) {
      if (!work.crashedNodes.includes(node)) continue;
      work.crashes -= 1;
      work.crashedNodes = work.crashedNodes.filter((it) => it !== node);
    }
  }

  #activities(): StoredActivity[] {
    return [...this.#data.instances.values()].flatMap((instance) => instance.activities);
  }

  async readInstances(instanceIds: readonly string[]): Promise<readonly InstanceRow[]> {
    this.#assertOpen();
    return instanceIds.flatMap((id) => this.#data.byId(id)?.row ?? []);
  }

  async readHistory(
    instanceId: string,
    executionId: number,
  ): Promise<readonly HistoryRow[] | undefined> {
    this.#assertOpen();
    const instance = this.#data.byId(instanceId);
    if (instance === undefined) return undefined;
    if (executionId < 1 || executionId > instance.row.executionId) return undefined;
    return readHistory(instance, executionId);
  }

  async readMessages(instanceId: string): Promise<readonly QueuedMessage[]> {
    this.#assertOpen();
    const { messages } = this.#data.byId(instanceId) ?? { messages: [] };
    return messages.map(({ id, body }) => ({ id, body }));
  }

  async listExecutions(instanceId: string): Promise<readonly ExecutionRow[]> {
    this.#assertOpen();
    const instance = this.#data.byId(instanceId);
    if (instance === undefined) return [];
    const { row, archived } = instance;
    const { executionId, name, version, status, output, failure } = row;
    const rows = readHistory(instance, executionId);
    const current: ExecutionRow = {
      ...{ executionId, name, version, status, output, failure },
      startedMs: rows[0]?.timestampMs ?? archived.at(-1)?.completedMs ?? row.createdMs,
      completedMs: isFinished(status) ? row.updatedMs : undefined,
      eventCount: rows.reduce((count, it) => count + it.eventCount, 0),
    };
    return [...archived, current];
  }

  async listInstances(query: ListQuery): Promise<ListPage> {
    this.#assertOpen();
    const before = query.cursor === undefined ? Number.POSITIVE_INFINITY : toKey(query.cursor);
    const found = [...this.#data.instances.values()]
      .map((instance) => instance.row)
      .filter((row) => (row.key as number) < before && matches(row, query))
      .reverse();
    const rows = found.slice(0, query.limit);
    const last = rows.at(-1);
    if (found.length <= query.limit || last === undefined) return { rows };
    return { rows, cursor: String(last.key) };
  }

  async listChildren(instanceId: string): Promise<readonly InstanceRow[]> {
    this.#assertOpen();
    return [...this.#data.instances.values()]
      .map((instance) => instance.row)
      .filter((row) => row.parent?.instanceId === instanceId);
  }

  async readKeyValues(instanceId: string): Promise<ReadonlyMap<string, StoredValue> | undefined> {
    this.#assertOpen();
    const instance = this.#data.byId(instanceId);
    return instance && mergedValues(instance);
  }

  watch(listener: (change: StoreChange) => void): () => void {
    const watcher: Watcher = { connection: this, listener };
    if (!this.#isClosed) this.#data.watchers.add(watcher);
    return () => void this.#data.watchers.delete(watcher);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const watcher of [...this.#data.watchers]) {
      if (watcher.connection !== this || !this.#data.watchers.delete(watcher)) continue;
      watcher.listener({ hasWork: true }); // Those who wait find it closed.
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assertOpen(): void {
    if (!this.#isClosed) return;
    throw new ProviderError("closed", "Cannot use the store: it is closed; open it again", {
      retryable: false,
    });
  }

  #tellOthers(): void {
    for (const { connection, listener } of this.#data.watchers) {
      if (connection !== this) host.queueMicrotask(() => listener({ hasWork: true }));
    }
  }

  #findClaimableInstances({ from, below }: CrashRange): StoredInstance[] {
    const nowMs = this.nowMs();
    return this.#findWithWork(
      (instance) =>
        this.#data.isFree(instance) &&
        instance.notBeforeMs <= nowMs &&
        instance.crashes >= from &&
        instance.crashes < below,
    );
  }

  /** Instances with a message or a due timer, those that have waited longest first. */
  #findWithWork(isWanted: (instance: StoredInstance) => boolean): StoredInstance[] {
    const nowMs = this.nowMs();
    const found: { readonly sinceMs: number; readonly order: number; instance: StoredInstance }[] =
      [];
    for (const instance of this.#data.instances.values()) {
      if (!isWanted(instance)) continue;
      const [message] = instance.messages;
      const fireMs = instance.timers.map((it) => it.fireAtMs).filter((ms) => ms <= nowMs);
      if (message === undefined && fireMs.length === 0) continue;
      const sinceMs = Math.min(message?.writtenMs ?? nowMs, ...fireMs);
      found.push({ sinceMs, order: message?.id ?? 0, instance });
    }
    found.sort((a, b) => a.sinceMs - b.sinceMs || a.order - b.order);
    return found.map(({ instance }) => instance);
  }

  #findClaimableActivities(range: CrashRange): [StoredInstance, StoredActivity][] {
    const nowMs = this.nowMs();
    return [...this.#data.instances.values()]
      .flatMap((instance) =>
        instance.activities.map((it): [StoredInstance, StoredActivity] => [instance, it]),
      )
      .filter(
        ([, it]) =>
          this.#data.isFree(it) &&
          it.notBeforeMs <= nowMs &&
          it.crashes >= range.from &&
          it.crashes < range.below,
      )
      .sort(([, a], [, b]) => a.waitingSinceMs - b.waitingSinceMs);
  }

  /** Whether a node is handed work: it has the code, or no live node has. */
  #mayTake(node: NodeId, isFor: (code: NodeCode) => boolean): boolean {
    const mine = this.#data.nodes.get(node);
    if (mine === undefined) return false;
    const hasCode = ({ code }: NodeDescription): boolean => code === undefined || isFor(code);
    return hasCode(mine) || ![...this.#data.nodes.values()].some(hasCode);
  }

  #readWork(instance: StoredInstance): Pick<HeldInstanceWork, "messages" | "dueTimers"> {
    const nowMs = this.nowMs();
    return {
      messages: instance.messages.map(({ id, body }) => ({ id, body })),
      dueTimers: instance.timers
        .filter((timer) => timer.fireAtMs <= nowMs)
        .sort((a, b) => a.fireAtMs - b.fireAtMs || a.eventId - b.eventId),
    };
  }
}

function readHistory(instance: StoredInstance, executionId: number): HistoryRow[] {
  return instance.history.filter((row) => row.executionId === executionId);
}

function hasOrchestration(code: NodeCode, { name, version }: InstanceRow): boolean {
  const known = code.orchestrations.find((it) => it.name === name);
  // The version of an instance that has had no turn is chosen by the node that takes it.
  return known !== undefined && (version === "" || known.versions.includes(version));
}

function matches(row: InstanceRow, query: ListQuery): boolean {
  return (
    (query.statuses?.includes(row.status) ?? true) &&
    row.name === (query.name ?? row.name) &&
    row.instanceId.startsWith(query.idPrefix ?? "") &&
    row.createdMs > (query.createdAfterMs ?? Number.NEGATIVE_INFINITY) &&
    row.createdMs < (query.createdBeforeMs ?? Number.POSITIVE_INFINITY)
  );
}

function toKey(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new UsageError(
    "invalid_argument",
    "Cannot list instances: the cursor is none of this store's; pass that of a page, unchanged",
  );
}
