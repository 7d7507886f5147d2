/** A SQLite store on a virtual clock, with the operations that tests write most. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { onTestFinished } from "vitest";

import type { Clock } from "../../src/foundation/clock.ts";
import type {
  ActivityClaim,
  ClaimedActivity,
  ClaimedInstance,
  ConsumedWork,
  HistoryRow,
  InstanceChange,
  InstanceClaim,
  InstanceKey,
  InstanceRow,
  NewActivity,
  NodeId,
  QueuedMessage,
  StartRequest,
  TimerKey,
  TurnEffects,
  WriteOperation,
  WriteOutcome,
} from "../../src/provider/provider.ts";
import { SqliteProvider, type SqliteOptions } from "../../src/providers/sqlite/index.ts";

export class VirtualClock implements Clock {
  ms = 1_000_000;

  nowMs(): number {
    return this.ms;
  }

  monotonicMs(): number {
    return this.ms;
  }
}

/** A folder that goes with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "duroxide-sqlite-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export type Backing = "file" | "memory";
export const BACKINGS: readonly Backing[] = ["file", "memory"];

/** What no test here is about. */
const NO_EFFECTS: TurnEffects = {
  executionId: 1,
  history: [],
  newActivities: [],
  cancelledActivities: [],
  newTimers: [],
  cancelledTimers: [],
  starts: [],
  messages: [],
};
const NOTHING_CONSUMED: ConsumedWork = { messages: [], timers: [], activities: [] };

export function effects(some: Partial<TurnEffects> = {}): TurnEffects {
  return { ...NO_EFFECTS, ...some };
}

export function request(instanceId: string, some: Partial<StartRequest> = {}): StartRequest {
  return {
    instanceId,
    name: "order",
    runId: `run-of-${instanceId}`,
    body: `start ${instanceId}`,
    idReuse: "reject",
    ...some,
  };
}

export function historyRow(firstEventId: number, some: Partial<HistoryRow> = {}): HistoryRow {
  return {
    executionId: 1,
    firstEventId,
    lastEventId: firstEventId,
    eventCount: 1,
    timestampMs: 1_000_000,
    format: 1,
    data: `events from ${firstEventId}`,
    ...some,
  };
}

export function activity(activityId: number, some: Partial<NewActivity> = {}): NewActivity {
  return { activityId, name: "charge", body: `activity ${activityId}`, isClaimed: false, ...some };
}

export function timer(eventId: number, fireAtMs: number, executionId = 1): TimerKey {
  return { executionId, eventId, fireAtMs };
}

export const DONE: InstanceChange = { status: "Completed", output: '"done"' };

/** The ids of messages as the contract's `consumed` wants them. */
export function idsOf(messages: readonly QueuedMessage[]): QueuedMessage["id"][] {
  return messages.map((message) => message.id);
}

export function bodiesOf(messages: readonly QueuedMessage[]): string[] {
  return messages.map((message) => message.body);
}

export class StoreUnderTest {
  readonly provider: SqliteProvider;
  readonly clock: VirtualClock;
  readonly file: string | undefined;
  /** A registered node. */
  readonly node: NodeId;

  private constructor(opened: Pick<StoreUnderTest, "provider" | "clock" | "file">, node: NodeId) {
    this.provider = opened.provider;
    this.clock = opened.clock;
    this.file = opened.file;
    this.node = node;
  }

  /** @param path - Of the file, instead of one in a folder of its own */
  static async open(
    backing: Backing,
    options: SqliteOptions = {},
    path?: string,
  ): Promise<StoreUnderTest> {
    const clock = new VirtualClock();
    const file = backing === "file" ? (path ?? join(temporaryFolder(), "store.db")) : undefined;
    const settings = { clock, durability: "process", ...options } as const;
    const provider = await SqliteProvider.open(file ?? ":memory:", settings);
    onTestFinished(() => provider.close());
    const node = await provider.registerNode({ label: "first", leaseMs: 10_000 });
    return new StoreUnderTest({ provider, clock, file }, node);
  }

  registerNode(label = "other"): Promise<NodeId> {
    return this.provider.registerNode({ label, leaseMs: 10_000 });
  }

  async write(operation: WriteOperation): Promise<WriteOutcome> {
    const outcomes = await this.provider.write([operation]);
    return outcomes[0]!;
  }

  start(instanceId: string, some: Partial<StartRequest> = {}): Promise<WriteOutcome> {
    return this.write({ kind: "startInstance", request: request(instanceId, some) });
  }

  /** Starts an instance whose first turn lands at once, held by `node`. */
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
    if (outcome.kind !== "started") throw new Error(`not started: ${JSON.stringify(outcome)}`);
    return { key: outcome.key, node: this.node, epoch: 1 };
  }

  commit(
    claim: InstanceClaim,
    turn: Partial<TurnEffects> = {},
    consumed: Partial<ConsumedWork> = {},
  ): Promise<WriteOutcome> {
    return this.write({
      kind: "commitTurn",
      claim,
      consumed: { ...NOTHING_CONSUMED, ...consumed },
      effects: effects(turn),
    });
  }

  send(instanceId: string, body: string, runId?: string): Promise<WriteOutcome> {
    return this.write({ kind: "sendMessage", message: { instanceId, body, runId } });
  }

  complete(claim: ActivityClaim, body = "completed"): Promise<WriteOutcome> {
    return this.write({ kind: "completeActivity", claim, body });
  }

  /** Hands an instance back. */
  release(claim: InstanceClaim, some: { visibleAtMs?: number } = {}): Promise<WriteOutcome> {
    return this.write({
      kind: "releaseInstance",
      claim,
      visibleAtMs: some.visibleAtMs ?? this.clock.ms,
    });
  }

  claim(
    some: { node?: NodeId; limit?: number; remembered?: ReadonlyMap<InstanceKey, number> } = {},
  ): Promise<readonly ClaimedInstance[]> {
    return this.provider.claimInstances({
      node: some.node ?? this.node,
      limit: some.limit ?? 100,
      remembered: some.remembered ?? new Map(),
    });
  }

  claimActivities(
    some: { node?: NodeId; limit?: number } = {},
  ): Promise<readonly ClaimedActivity[]> {
    return this.provider.claimActivities({
      node: some.node ?? this.node,
      limit: some.limit ?? 100,
    });
  }

  async row(instanceId: string): Promise<InstanceRow> {
    const rows = await this.provider.readInstances([instanceId]);
    return rows[0]!;
  }
}
