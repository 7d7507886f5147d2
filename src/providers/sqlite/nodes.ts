/**
 * The live runtimes, as far as the store knows, and the code that they have.
 *
 * I1. The rows of a node's code come and go with the node, in the same transaction: what is in
 *     `node_code` belongs to live nodes.
 * I2. A claim that need not ask about code does not: where all live nodes have the same code, or the
 *     claiming one has code for everything, work fits it, or no node has it and any node may claim it.
 */

import { createHash } from "node:crypto";

import type { NodeCode, NodeDescription, NodeRow } from "../../provider/provider.ts";
import type { Connection, SqliteStatement, SqlValue } from "./driver.ts";
import { judgeProcess, type ProcessIdentity } from "./process-identity.ts";

const INSERT = `
insert into nodes (label, lease_ms, renewals, code, host, pid, process_start)
values (?, ?, 0, ?, ?, ?, ?)`;

const INSERT_CODE = `
insert into node_code (node, kind, name, version)
values (?, ?, ?, ?)
on conflict do nothing`;

const REMOVE_CODE = `
delete from node_code
where node = ?`;

const READ_SCOPE = `
select
  n.code = '' or not exists (select 1 from nodes o where o.code <> n.code) as is_any,
  not exists (select 1 from nodes o where o.code = '') as takes_orphans
from nodes n
where n.id = ?`;

const EXISTS = `
select 1
from nodes
where id = ?`;

const RENEW = `
update nodes
set renewals = renewals + 1, stall = null
where id = ?`;

const READ_STALL = `
select stall
from nodes
where id = ?
  and renewals = ?`;

const READ_ALL = `
select id, label, lease_ms, renewals, host, pid, process_start
from nodes
order by id`;

const REMOVE = `
delete from nodes
where id = ?
  and renewals = coalesce(?, renewals)`;

/** Which work a node may be handed, by the code that it needs. */
export interface CodeScope {
  readonly node: number;
  /** Everything; the rest does not matter then. */
  readonly isAny: boolean;
  /** Also what no live node has code for. */
  readonly takesOrphans: boolean;
}

/** For queries of no particular node. */
export const ANY_CODE: CodeScope = { node: 0, isAny: true, takesOrphans: true };

/** For {@link FITS_INSTANCE} and {@link FITS_ACTIVITY}. */
export function scopeParameters(scope: CodeScope): [number, number, number] {
  return [scope.isAny ? 1 : 0, scope.node, scope.takesOrphans ? 1 : 0];
}

/** A condition on an instance `i`; without a version it fits every node that knows its name. */
export const FITS_INSTANCE: string = toCondition(
  `c.kind = 'orchestration'
      and c.name = i.name
      and (i.version = '' or c.version = i.version)`,
);

/** A condition on an activity `a`. */
export const FITS_ACTIVITY: string = toCondition(`c.kind = 'activity'
      and c.name = a.name`);

function toCondition(isCodeFor: string): string {
  return `(
    ?
    or exists (
      select 1
      from node_code c
      where c.node = ?
      and ${isCodeFor}
    )
    or (? and not exists (
      select 1
      from node_code c
      where ${isCodeFor}
    ))
  )`;
}

interface NodeRecord {
  readonly id: number;
  readonly label: string;
  readonly lease_ms: number;
  readonly renewals: number;
  readonly host: string;
  readonly pid: number;
  readonly process_start: string;
}

export class Nodes {
  readonly #insert: SqliteStatement;
  readonly #insertCode: SqliteStatement;
  readonly #removeCode: SqliteStatement;
  readonly #readScope: SqliteStatement;
  readonly #exists: SqliteStatement;
  readonly #renew: SqliteStatement;
  readonly #readStall: SqliteStatement;
  readonly #readAll: SqliteStatement;
  readonly #remove: SqliteStatement;

  constructor(connection: Connection) {
    this.#insert = connection.prepare(INSERT);
    this.#insertCode = connection.prepare(INSERT_CODE);
    this.#removeCode = connection.prepare(REMOVE_CODE);
    this.#readScope = connection.prepare(READ_SCOPE);
    this.#exists = connection.prepare(EXISTS);
    this.#renew = connection.prepare(RENEW);
    this.#readStall = connection.prepare(READ_STALL);
    this.#readAll = connection.prepare(READ_ALL);
    this.#remove = connection.prepare(REMOVE);
  }

  /** Runs inside a transaction. (I1) */
  insert(description: NodeDescription, self: ProcessIdentity): number {
    const { label, leaseMs, code } = description;
    const entries = code === undefined ? [] : toEntries(code);
    const { lastInsertRowid } = this.#insert.run(
      label,
      Math.ceil(leaseMs),
      code === undefined ? "" : digest(entries),
      self.host,
      self.pid,
      self.start,
    );
    const node = Number(lastInsertRowid);
    for (const entry of entries) this.#insertCode.run(node, ...entry);
    return node;
  }

  /** What the node may be handed; undefined when it is not registered. */
  readScope(node: number): CodeScope | undefined {
    const row = this.#readScope.get(node) as
      { readonly is_any: number; readonly takes_orphans: number } | undefined;
    return row && { node, isAny: row.is_any !== 0, takesOrphans: row.takes_orphans !== 0 };
  }

  has(node: SqlValue): boolean {
    return this.#exists.get(node) !== undefined;
  }

  /** @returns False when the node is not registered */
  renew(node: SqlValue): boolean {
    return Number(this.#renew.run(node).changes) > 0;
  }

  /** The note that may stand with the node (P9 of the contract); undefined without such a node. */
  readStall(node: SqlValue, renewals: number): { readonly stall: string | null } | undefined {
    return this.#readStall.get(node, renewals) as { readonly stall: string | null } | undefined;
  }

  readAll(self: ProcessIdentity): NodeRow[] {
    return this.#readAll.all().map((row) => {
      const record = row as NodeRecord;
      const { host, pid, process_start: start } = record;
      return {
        id: record.id,
        label: record.label,
        leaseMs: record.lease_ms,
        renewals: record.renewals,
        ...judgeProcess({ host, pid, start }, self),
      };
    });
  }

  /**
   * Runs inside a transaction. (I1)
   *
   * @returns Whether there was such a node, with these renewals where they are given
   */
  remove(node: SqlValue, ifRenewals: number | undefined): boolean {
    const isRemoved = Number(this.#remove.run(node, ifRenewals ?? null).changes) > 0;
    if (isRemoved) this.#removeCode.run(node);
    return isRemoved;
  }
}

/** Kind, name and version. */
type CodeEntry = readonly [string, string, string];

function toEntries({ orchestrations, activities }: NodeCode): CodeEntry[] {
  return [
    ...orchestrations.flatMap(({ name, versions }) =>
      versions.map((version): CodeEntry => ["orchestration", name, version]),
    ),
    ...activities.map((name): CodeEntry => ["activity", name, ""]),
  ];
}

/** Equal for nodes with the same code, in whatever order it is given; never empty. */
function digest(entries: readonly CodeEntry[]): string {
  const lines = entries.map((entry) => JSON.stringify(entry)).sort();
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}
