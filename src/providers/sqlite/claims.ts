/**
 * Hands work to nodes.
 *
 * I1. Work is handed out oldest first, and an instance that cannot be claimed never keeps others
 *     from being found: it is stepped over inside the query. (R1)
 * I2. A node that is not registered gets nothing.
 * I3. A node gets what it has code for, and what no live node has code for.
 */

import type {
  AttemptRange,
  ClaimActivitiesRequest,
  ClaimedActivity,
  ClaimedInstance,
  ClaimInstancesRequest,
  HeldInstanceWork,
} from "../../provider/provider.ts";
import type { Candidate, WorkFilter } from "./messages.ts";
import { ANY_CODE } from "./nodes.ts";
import type { Tables } from "./tables.ts";

/** Rows read at once while looking for instances; one instance may have many of them. */
const ROWS_PER_INSTANCE = 2;
const ROWS_MIN = 64;
/** Every work, whatever is behind it. */
const ANY_ATTEMPTS: AttemptRange = { from: 0, below: Number.MAX_SAFE_INTEGER };

/** Whatever it needs and whatever is behind it. */
export const ANY_WORK: WorkFilter = { attempts: ANY_ATTEMPTS, scope: ANY_CODE };

/** What a node may be handed; undefined when it is not registered. (I2, I3) */
export function toFilter(
  tables: Tables,
  request: Pick<ClaimInstancesRequest, "node" | "attempts">,
): WorkFilter | undefined {
  const scope = tables.nodes.readScope(request.node as number);
  return scope && { scope, attempts: request.attempts ?? ANY_ATTEMPTS };
}

/** Whether {@link claimInstances} would find anything; needs no write lock. */
export function hasClaimableInstance(tables: Tables, nowMs: number, filter: WorkFilter): boolean {
  // Suspects are few and mostly there are none: all other work must not be walked over to say so.
  const { from } = filter.attempts;
  if (from > 1 && !tables.instances.hasTried(from)) return false;
  return (
    tables.messages.findClaimable(nowMs, filter, 1).length > 0 ||
    tables.timers.findClaimable(nowMs, filter, 1).length > 0
  );
}

/** Claims instances. Runs inside a transaction. */
export function claimInstances(
  tables: Tables,
  nowMs: number,
  request: ClaimInstancesRequest,
): ClaimedInstance[] {
  const filter = toFilter(tables, request);
  if (filter === undefined) return [];
  const claimed: ClaimedInstance[] = [];
  while (claimed.length < request.limit) {
    const found = findClaimable(tables, nowMs, filter, request.limit - claimed.length);
    if (found.length === 0) break;
    for (const seq of found) claimed.push(claimInstance(tables, nowMs, request, seq));
  }
  return claimed;
}

function findClaimable(
  tables: Tables,
  nowMs: number,
  filter: WorkFilter,
  wanted: number,
): number[] {
  const rowsMax = Math.max(ROWS_MIN, wanted * ROWS_PER_INSTANCE);
  return oldestFirst(
    tables.messages.findClaimable(nowMs, filter, rowsMax),
    tables.timers.findClaimable(nowMs, filter, rowsMax),
    wanted,
  );
}

/** Merges two lists that are sorted by time, and names each instance once. */
function oldestFirst(
  messages: readonly Candidate[],
  timers: readonly Candidate[],
  limit: number,
): number[] {
  const found = new Set<number>();
  let m = 0;
  let t = 0;
  while (found.size < limit) {
    const message = messages[m];
    const timer = timers[t];
    if (message !== undefined && (timer === undefined || message.due_ms <= timer.due_ms)) {
      found.add(message.instance);
      m += 1;
    } else if (timer !== undefined) {
      found.add(timer.instance);
      t += 1;
    } else {
      break;
    }
  }
  return [...found];
}

function claimInstance(
  tables: Tables,
  nowMs: number,
  request: ClaimInstancesRequest,
  seq: number,
): ClaimedInstance {
  const { epoch, attempts } = tables.instances.claim(seq, request.node as number);
  const row = tables.instances.readBySeq(seq);
  if (row === undefined) throw new Error("A claimed instance is gone");
  const previousEpoch = epoch - 1;
  const isRemembered = request.remembered.get(seq) === previousEpoch;
  return {
    claim: { key: seq, node: request.node, epoch },
    instanceId: row.instanceId,
    previousEpoch,
    attempts,
    row,
    messages: tables.messages.read(seq),
    dueTimers: tables.timers.readDue(seq, nowMs),
    ...(!isRemembered && { history: tables.history.read(seq, row.executionId) }),
    keyValues: tables.keyValues.readSnapshot(seq),
  };
}

/** Claims activities. Runs inside a transaction. */
export function claimActivities(
  tables: Tables,
  nowMs: number,
  request: ClaimActivitiesRequest,
): ClaimedActivity[] {
  const filter = toFilter(tables, request);
  return filter === undefined ? [] : tables.activities.claim(nowMs, filter, request.limit);
}

/** What is queued for the instances that a node holds. */
export function readHeldWork(
  tables: Tables,
  nowMs: number,
  node: number,
  limit: number,
): HeldInstanceWork[] {
  if (!tables.nodes.has(node)) return []; // (I2)
  const held = oldestFirst(
    tables.messages.findHeld(node, nowMs),
    tables.timers.findHeld(node, nowMs),
    limit,
  );
  return held.map((key) => ({
    key,
    messages: tables.messages.read(key),
    dueTimers: tables.timers.readDue(key, nowMs),
  }));
}
