/** The outstanding activities and who works on them. */

import type {
  ActivityClaim,
  ActivityKey,
  ClaimedActivity,
  NewActivity,
} from "../../provider/provider.ts";
import { COUNT, IS_COUNTED, UNCOUNT } from "./crash-count.ts";
import { type Connection, pack, type SqliteStatement, type SqlValue } from "./driver.ts";
import { LongTexts, textOf } from "./long-texts.ts";
import type { WorkFilter } from "./messages.ts";
import { FITS_ACTIVITY, scopeParameters } from "./nodes.ts";
import { toAlwaysVisible, toSinceMs, visibleRanges } from "./visibility.ts";

const INSERT = `
insert into activities (
  instance, execution, activity_id, name, body, tag, session, visible_ms, owner, attempt
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const REMOVE = `
delete from activities
where instance = ?
  and execution = ?
  and activity_id = ?`;

const REMOVE_ALL = `
delete from activities
where instance = ?`;

const REMOVE_CLAIMED = `
delete from activities
where instance = ?
  and execution = ?
  and activity_id = ?
  and owner = ?
  and attempt = ?`;

const IS_CLAIMED = `
select 1
from activities
where instance = ?
  and execution = ?
  and activity_id = ?
  and owner = ?
  and attempt = ?`;

const HEARTBEAT = `
update activities
set heartbeat = ?
where instance = ?
  and execution = ?
  and activity_id = ?
  and owner = ?
  and attempt = ?`;

const RELEASE = `
update activities
set owner = null, visible_ms = ?, attempt = max(0, attempt - ?), crashes = crashes + ?
where instance = ?
  and execution = ?
  and activity_id = ?
  and owner = ?
  and attempt = ?`;

const RELEASE_NODE = `
update activities
set owner = null
where owner = ?`;

const COUNT_CRASH = `
update activities
set ${COUNT}
where owner = ?`;

const TAKE_BACK = `
update activities
set ${UNCOUNT}
where ${IS_COUNTED}`;

const UNBLOCK = `
update activities
set visible_ms = ?
where owner is null
  and visible_ms > ?`;

const FIND_WAITING = `
select
  ${pack({
    instance: "a.instance",
    execution: "a.execution",
    activity_id: "a.activity_id",
    id: "i.id",
    name: "a.name",
    tag: "a.tag",
    session: "a.session",
    attempt: "a.attempt",
    crashes: "a.crashes",
    visible_ms: "a.visible_ms",
  })}
from activities a indexed by activities_waiting
cross join instances i on i.seq = a.instance
where a.owner is null
  and a.visible_ms between ? and ?
  and a.crashes >= ?
  and a.crashes < ?
  and ${FITS_ACTIVITY}
order by a.visible_ms, a.instance, a.execution, a.activity_id
limit ?`;

const HAS_CRASHED = `
select 1
from activities
where crashes > 0
  and crashes >= ?
limit 1`;

// What is found is not yet handed out: texts are read with the claim.
const CLAIM = `
update activities
set owner = ?, attempt = attempt + 1
where instance = ?
  and execution = ?
  and activity_id = ?
returning ${textOf("body")} as body, ${textOf("heartbeat")} as heartbeat`;

const NEXT_DUE = `
select min(visible_ms) as due_ms
from activities
where owner is null
  and visible_ms > ?`;

interface ActivityRecord {
  readonly instance: number;
  readonly execution: number;
  readonly activity_id: number;
  readonly id: string;
  readonly name: string;
  readonly tag: string | null;
  readonly session: string | null;
  readonly attempt: number;
  readonly crashes: number;
  readonly visible_ms: number;
}

interface ActivityTexts {
  readonly body: string;
  readonly heartbeat: string | null;
}

/** Where and for whom an activity is inserted. */
export interface ActivityPlace {
  readonly instance: number;
  readonly execution: number;
  /** The committing node. */
  readonly node: number | undefined;
  readonly nowMs: number;
}

export class Activities {
  readonly #texts: LongTexts;
  readonly #insert: SqliteStatement;
  readonly #remove: SqliteStatement;
  readonly #removeAll: SqliteStatement;
  readonly #removeClaimed: SqliteStatement;
  readonly #isClaimed: SqliteStatement;
  readonly #heartbeat: SqliteStatement;
  readonly #release: SqliteStatement;
  readonly #releaseNode: SqliteStatement;
  readonly #unblock: SqliteStatement;
  readonly #findWaiting: SqliteStatement;
  readonly #claim: SqliteStatement;
  readonly #hasCrashed: SqliteStatement;
  readonly #countCrash: SqliteStatement;
  readonly #takeBack: SqliteStatement;
  readonly #nextDue: SqliteStatement;

  constructor(connection: Connection) {
    this.#texts = new LongTexts(connection);
    this.#insert = connection.prepare(INSERT);
    this.#remove = connection.prepare(REMOVE);
    this.#removeAll = connection.prepare(REMOVE_ALL);
    this.#removeClaimed = connection.prepare(REMOVE_CLAIMED);
    this.#isClaimed = connection.prepare(IS_CLAIMED);
    this.#heartbeat = connection.prepare(HEARTBEAT);
    this.#release = connection.prepare(RELEASE);
    this.#releaseNode = connection.prepare(RELEASE_NODE);
    this.#unblock = connection.prepare(UNBLOCK);
    this.#findWaiting = connection.preparePacked(FIND_WAITING);
    this.#claim = connection.prepare(CLAIM);
    this.#hasCrashed = connection.prepare(HAS_CRASHED);
    this.#countCrash = connection.prepare(COUNT_CRASH);
    this.#takeBack = connection.prepare(TAKE_BACK);
    this.#nextDue = connection.prepare(NEXT_DUE);
  }

  insert(place: ActivityPlace, activity: NewActivity): void {
    this.#insert.run(
      place.instance,
      place.execution,
      activity.activityId,
      activity.name,
      this.#texts.place(activity.body),
      activity.tag ?? null,
      activity.sessionId ?? null,
      toAlwaysVisible(place.nowMs),
      activity.isClaimed ? (place.node ?? null) : null,
      activity.isClaimed ? 1 : 0,
    );
  }

  /**
   * Removes it, also when a node works on it.
   *
   * @returns Whether it was outstanding
   */
  remove(instance: SqlValue, activity: ActivityKey): boolean {
    const { executionId, activityId } = activity;
    return Number(this.#remove.run(instance, executionId, activityId).changes) > 0;
  }

  removeAll(instance: number): void {
    this.#removeAll.run(instance);
  }

  /** @returns Whether the claim was current */
  removeClaimed(claim: ActivityClaim): boolean {
    return Number(this.#removeClaimed.run(...keyOf(claim)).changes) > 0;
  }

  isClaimed(claim: ActivityClaim): boolean {
    return this.#isClaimed.get(...keyOf(claim)) !== undefined;
  }

  /** @returns Whether the claim was current */
  heartbeat(claim: ActivityClaim, details: string | undefined): boolean {
    if (!this.isClaimed(claim)) return false;
    this.#heartbeat.run(details === undefined ? null : this.#texts.place(details), ...keyOf(claim));
    return true;
  }

  /** @returns Whether the claim was current */
  release(
    claim: ActivityClaim,
    visibleMs: number,
    counts: { readonly isAttemptCounted: boolean; readonly isCrash?: boolean | undefined },
  ): boolean {
    const attemptBack = counts.isAttemptCounted ? 0 : 1;
    const crashes = counts.isCrash === true ? 1 : 0;
    return Number(this.#release.run(visibleMs, attemptBack, crashes, ...keyOf(claim)).changes) > 0;
  }

  /** Frees what a node worked on; attempts and crashes stay counted. */
  releaseNode(node: SqlValue): void {
    this.#releaseNode.run(node);
  }

  /** The node's process has crashed while it worked on these; {@link releaseNode} follows. */
  countCrash(node: SqlValue): void {
    this.#countCrash.run(node, node);
  }

  /** The node's process lives: it has not crashed. */
  takeBackCrash(node: SqlValue): void {
    this.#takeBack.run(node, node);
  }

  /** Shows what was handed back for later. */
  unblock(nowMs: number): void {
    this.#unblock.run(toAlwaysVisible(nowMs), nowMs);
  }

  /** Hands out what waits to the node of the scope, oldest first. */
  claim(nowMs: number, filter: WorkFilter, limit: number): ClaimedActivity[] {
    const { node } = filter.scope;
    const found = this.#findVisible(nowMs, filter, limit);
    found.sort((a, b) => toSinceMs(a.visible_ms) - toSinceMs(b.visible_ms));
    return found.slice(0, limit).map((record) => {
      const key = [record.instance, record.execution, record.activity_id];
      const texts = this.#claim.get(node, ...key) as ActivityTexts;
      return toClaimedActivity(record, texts, node);
    });
  }

  hasWaiting(nowMs: number, filter: WorkFilter): boolean {
    const { from } = filter.crashes;
    if (from > 0 && this.#hasCrashed.get(from) === undefined) return false; // As in `claims.ts`.
    return this.#findVisible(nowMs, filter, 1).length > 0;
  }

  #findVisible(nowMs: number, { crashes, scope }: WorkFilter, limit: number): ActivityRecord[] {
    const rest = [crashes.from, crashes.below, ...scopeParameters(scope), limit];
    const [always, since] = visibleRanges(nowMs);
    return [
      ...this.#findWaiting.all(...always, ...rest),
      ...this.#findWaiting.all(...since, ...rest),
    ] as ActivityRecord[];
  }

  nextDueMs(afterMs: number): number | undefined {
    return (this.#nextDue.get(afterMs) as { due_ms: number | null }).due_ms ?? undefined;
  }
}

function keyOf(claim: ActivityClaim): [SqlValue, SqlValue, SqlValue, SqlValue, SqlValue] {
  return [claim.key, claim.executionId, claim.activityId, claim.node, claim.attempt];
}

function toClaimedActivity(
  record: ActivityRecord,
  { body, heartbeat }: ActivityTexts,
  node: number,
): ClaimedActivity {
  return {
    claim: {
      key: record.instance,
      executionId: record.execution,
      activityId: record.activity_id,
      node,
      attempt: record.attempt + 1,
    },
    instanceId: record.id,
    crashes: record.crashes,
    name: record.name,
    body,
    heartbeat: heartbeat ?? undefined,
    ...(record.tag !== null && { tag: record.tag }),
    ...(record.session !== null && { sessionId: record.session }),
  };
}
