/**
 * Hands work to nodes.
 *
 * I1. Work is handed out oldest first, and an instance that cannot be claimed never keeps others
 *     from being found: it is stepped over inside the query. (R1)
 * I2. A node that is not registered gets nothing.
 * I3. A node gets what it has code for, and what no live node has code for.
 */

import type {
  ClaimActivitiesRequest,
  ClaimedActivity,
  ClaimedInstance,
  ClaimInstancesRequest,
  CrashRange,
  HeldInstanceWork,
} from "../../provider/provider.ts";
import type { Candidate, WorkFilter } from "./messages.ts";
import { ANY_CODE } from "./nodes.ts";
import { type InstanceRecord, toInstanceRow } from "./rows.ts";
import type { Tables } from "./tables.ts";

/** Rows read at once while looking for instances; one instance may have many of them. */
const ROWS_PER_INSTANCE = 2;
const ROWS_MIN = 64;
/** Every work, whatever is behind it. */
const ANY_CRASHES: CrashRange = { from: 0, below: Number.MAX_SAFE_INTEGER };

/** Whatever it needs and whatever is behind it. */
export const ANY_WORK: WorkFilter = { crashes: ANY_CRASHES, scope: ANY_CODE };

/** What a node may be handed; undefined when it is not registered. (I2, I3) */
export function toFilter(
  tables: Tables,
  request: Pick<ClaimInstancesRequest, "node" | "crashes">,
): WorkFilter | undefined {
  const scope = tables.nodes.readScope(request.node as number);
  return scope && { scope, crashes: request.crashes ?? ANY_CRASHES };
}

/** Whether {@link claimInstances} would find anything; needs no write lock. */
export function hasClaimableInstance(tables: Tables, nowMs: number, filter: WorkFilter): boolean {
  // Suspects are few and mostly there are none: all other work must not be scanned to say so.
  const { from } = filter.crashes;
  if (from > 0 && !tables.instances.hasCrashed(from)) return false;
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
    claimed.push(...claimAll(tables, nowMs, request, found));
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

/** One statement for each kind of row, however many instances there are. */
function claimAll(
  tables: Tables,
  nowMs: number,
  request: ClaimInstancesRequest,
  found: readonly number[],
): ClaimedInstance[] {
  const { node, remembered } = request;
  const records = new Map(tables.instances.claim(found, node as number).map((it) => [it.seq, it]));
  const isRemembered = ({ seq, epoch }: InstanceRecord): boolean =>
    remembered.get(seq) === epoch - 1;
  const messages = tables.messages.read(found);
  const dueTimers = tables.timers.readDue(found, nowMs);
  const keyValues = tables.keyValues.readSnapshots(found);
  const unknown = [...records.values()].filter((it) => !isRemembered(it)).map(({ seq }) => seq);
  const history = tables.history.readCurrent(unknown);
  return found.map((seq) => {
    const record = records.get(seq);
    if (record === undefined) throw new Error("A claimed instance is gone");
    const { epoch, crashes } = record;
    const row = toInstanceRow(record);
    return {
      claim: { key: seq, node, epoch },
      instanceId: row.instanceId,
      previousEpoch: epoch - 1,
      crashes,
      row,
      messages: messages.get(seq) ?? [],
      dueTimers: dueTimers.get(seq) ?? [],
      ...(!isRemembered(record) && { history: history.get(seq) ?? [] }),
      keyValues: keyValues.get(seq) ?? new Map(),
    };
  });
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
  const messages = tables.messages.read(held);
  const dueTimers = tables.timers.readDue(held, nowMs);
  return held.map((key) => ({
    key,
    messages: messages.get(key) ?? [],
    dueTimers: dueTimers.get(key) ?? [],
  }));
}
