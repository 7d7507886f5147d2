/** Compares what was recorded with what happened outside, and both with what had to happen. */

import type { HistoryEvent } from "duroxide-ts";

import type { Evidence } from "./evidence.ts";
import { scheduleName, type LedgerEntry } from "./ledger.ts";
import {
  createOrder,
  expectedOutcome,
  ORDER_COUNT,
  orderIdOf,
  OUTCOMES,
  type Outcome,
} from "./orders.ts";

export interface Check {
  readonly claim: string;
  /** What speaks against it; empty when it holds. */
  readonly problems: readonly string[];
}

const ORDER_NUMBERS = Array.from({ length: ORDER_COUNT }, (_, i) => i + 1);

const OUTCOME_TEXTS: Readonly<Record<Outcome, string>> = {
  shipped: "shipped",
  declined: "declined by the bank",
  unapproved: "not approved in time",
  outOfStock: "out of stock",
  invalid: "invalid",
};

export function proveAll(evidence: Evidence, monitorId: string): Check[] {
  return [
    proveNothingLost(evidence),
    proveNothingTwice(evidence),
    proveLedgerAgrees(evidence),
    proveMoney(evidence),
    proveCompensations(evidence),
    proveMonitor(evidence, monitorId),
  ];
}

function proveNothingLost({ instances }: Evidence): Check {
  const problems: string[] = [];
  const counts = new Map<Outcome, number>();
  for (const number of ORDER_NUMBERS) {
    const id = orderIdOf(number);
    const expected = expectedOutcome(number);
    const status = instances.get(id);
    const actual = status?.status === "Completed" ? status.output : (status?.status ?? "missing");
    if (actual === expected) counts.set(expected, (counts.get(expected) ?? 0) + 1);
    else problems.push(`${id} is ${String(actual)}, not ${expected}`);
  }
  for (const status of instances.values()) {
    if (status.status === "Pending" || status.status === "Running" || status.status === "Failed") {
      problems.push(`${status.instanceId} is ${status.status}`);
    }
  }
  const ended = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const texts = OUTCOMES.map((outcome) => `${counts.get(outcome) ?? 0} ${OUTCOME_TEXTS[outcome]}`);
  return {
    claim: `no order lost: ${ended} of ${ORDER_COUNT} ended as they must (${texts.join(", ")})`,
    problems,
  };
}

/** The schedule that an event settles. */
function settledBy(event: HistoryEvent): number | undefined {
  switch (event.kind) {
    case "ActivityCompleted":
    case "ActivityFailed":
    case "TimerFired":
    case "SubOrchestrationCompleted":
    case "SubOrchestrationFailed":
      return event.sourceEventId;
    default:
      return undefined;
  }
}

function proveNothingTwice({ executions, instances }: Evidence): Check {
  const problems: string[] = [];
  for (const { instanceId, executionId, events } of executions) {
    const settled = new Map<number, number>();
    for (const event of events) {
      const source = settledBy(event);
      if (source !== undefined) settled.set(source, (settled.get(source) ?? 0) + 1);
    }
    const isComplete = instances.get(instanceId)?.status === "Completed";
    for (const event of events) {
      const count = settled.get(event.eventId) ?? 0;
      const name = `${event.kind} ${scheduleName(instanceId, executionId, event.eventId)}`;
      if (count > 1) problems.push(`${name} has ${count} results`);
      if (event.kind === "ActivityScheduled" && isComplete && count === 0) {
        problems.push(`${name} has no result`);
      }
    }
  }
  return {
    claim: "no result recorded twice: each schedule has exactly one in its history",
    problems,
  };
}

function proveLedgerAgrees({ executions, entries }: Evidence): Check {
  const problems: string[] = [];
  const keys = new Map<string, string>();
  for (const entry of entries) {
    const name = nameOf(entry);
    const known = keys.get(name) ?? entry.idempotencyKey;
    if (known !== entry.idempotencyKey) problems.push(`${name} ran under two idempotency keys`);
    keys.set(name, known);
  }
  if (new Set(keys.values()).size !== keys.size) problems.push("two activities share a key");

  const scheduled = new Set<string>();
  for (const { instanceId, executionId, events } of executions) {
    for (const event of events) {
      if (event.kind === "ActivityScheduled") {
        scheduled.add(scheduleName(instanceId, executionId, event.eventId));
      }
      if (event.kind === "ActivityCompleted" || event.kind === "ActivityFailed") {
        const name = scheduleName(instanceId, executionId, event.sourceEventId);
        if (!keys.has(name)) problems.push(`${name} has a result but never ran`);
      }
    }
  }
  for (const name of keys.keys()) {
    if (!scheduled.has(name)) problems.push(`${name} ran but was never scheduled`);
  }
  return {
    claim: "history and ledger agree: what ran was scheduled before, what is recorded ran",
    problems,
  };
}

function proveMoney({ entries }: Evidence): Check {
  const problems: string[] = [];
  let shippedCount = 0;
  for (const number of ORDER_NUMBERS) {
    const id = orderIdOf(number);
    const wanted = expectedOutcome(number) === "shipped" ? 1 : 0;
    shippedCount += wanted;
    const charges = effectsOf(entries, "ChargeCard", id).length;
    if (charges !== wanted) problems.push(`${id} was charged ${charges} times, not ${wanted}`);
  }
  const parcels = new Set(effectsOf(entries, "HandToCarrier").map((entry) => entry.item));
  if (parcels.size !== shippedCount) {
    problems.push(`${parcels.size} orders left the house, not ${shippedCount}`);
  }
  return {
    claim: `no customer charged twice or for nothing: ${shippedCount} charges, ${parcels.size} parcels`,
    problems,
  };
}

function proveCompensations({ entries }: Evidence): Check {
  const problems: string[] = [];
  let reservedCount = 0;
  let releasedCount = 0;
  for (const number of ORDER_NUMBERS) {
    const id = orderIdOf(number);
    const reserved = effectsOf(entries, "ReserveStock", id).map((entry) => entry.idempotencyKey);
    const released = effectsOf(entries, "ReleaseStock", id).map((entry) => entry.item);
    const outcome = expectedOutcome(number);
    if (outcome === "shipped") {
      const lineCount = createOrder(number).lines.length;
      if (reserved.length !== lineCount) {
        problems.push(`${id} shipped with ${reserved.length} of ${lineCount} reservations`);
      }
      if (released.length > 0) problems.push(`${id} shipped, and its stock was released`);
      continue;
    }
    reservedCount += reserved.length;
    releasedCount += released.length;
    for (const reservation of reserved) {
      const times = released.filter((it) => it === reservation).length;
      if (times !== 1) problems.push(`reservation ${reservation} of ${id} released ${times} times`);
    }
  }
  return {
    claim:
      `each compensation done: ${releasedCount} of ${reservedCount} reservations of orders ` +
      "that did not ship are released, and no other",
    problems,
  };
}

function proveMonitor({ instances, executions }: Evidence, monitorId: string): Check {
  const problems: string[] = [];
  const status = instances.get(monitorId);
  if (status?.status !== "Canceled") problems.push(`it is ${status?.status ?? "missing"}`);
  const rounds = executions.filter((execution) => execution.instanceId === monitorId);
  if (rounds.length < 2) problems.push(`it has ${rounds.length} executions`);
  rounds
    .sort((a, b) => a.executionId - b.executionId)
    .forEach(({ executionId, events }, i) => {
      const [first] = events;
      const input = first?.kind === "OrchestrationStarted" ? first.input : undefined;
      if (executionId !== i + 1 || input !== i + 1) {
        problems.push(`execution ${executionId} is round ${String(input)}, not ${i + 1}`);
      }
    });
  return {
    claim: "the eternal stock monitor: no round missing or repeated, canceled at the end",
    problems,
  };
}

/** What an activity did to the world: one entry a key, however often it was delivered. */
function effectsOf(
  entries: readonly LedgerEntry[],
  activity: string,
  instanceId?: string,
): LedgerEntry[] {
  const effects = new Map<string, LedgerEntry>();
  for (const entry of entries) {
    if (entry.activity !== activity || !entry.isDone) continue;
    if (instanceId !== undefined && entry.instanceId !== instanceId) continue;
    effects.set(entry.idempotencyKey, entry);
  }
  return [...effects.values()];
}

function nameOf({ instanceId, executionId, activityId }: LedgerEntry): string {
  return scheduleName(instanceId, executionId, activityId);
}
