/** The live runtimes, as far as the store knows. */

import type { NodeDescription, NodeRow } from "../../provider/provider.ts";
import type { Connection, SqliteStatement, SqlValue } from "./driver.ts";
import { isProcessGone, type ProcessIdentity } from "./process-identity.ts";

const INSERT = `
insert into nodes (label, lease_ms, renewals, host, pid, process_start)
values (?, ?, 0, ?, ?, ?)`;

const EXISTS = `
select 1
from nodes
where id = ?`;

const RENEW = `
update nodes
set renewals = renewals + 1
where id = ?`;

const READ_ALL = `
select id, label, lease_ms, renewals, host, pid, process_start
from nodes
order by id`;

const REMOVE = `
delete from nodes
where id = ?
  and renewals = coalesce(?, renewals)`;

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
  readonly #exists: SqliteStatement;
  readonly #renew: SqliteStatement;
  readonly #readAll: SqliteStatement;
  readonly #remove: SqliteStatement;

  constructor(connection: Connection) {
    this.#insert = connection.prepare(INSERT);
    this.#exists = connection.prepare(EXISTS);
    this.#renew = connection.prepare(RENEW);
    this.#readAll = connection.prepare(READ_ALL);
    this.#remove = connection.prepare(REMOVE);
  }

  insert(description: NodeDescription, self: ProcessIdentity): number {
    const { lastInsertRowid } = this.#insert.run(
      description.label,
      Math.ceil(description.leaseMs),
      self.host,
      self.pid,
      self.start,
    );
    return Number(lastInsertRowid);
  }

  has(node: SqlValue): boolean {
    return this.#exists.get(node) !== undefined;
  }

  /** @returns False when the node is not registered */
  renew(node: SqlValue): boolean {
    return Number(this.#renew.run(node).changes) > 0;
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
        isProvablyDead: isProcessGone({ host, pid, start }, self),
      };
    });
  }

  /** @returns Whether there was such a node, with these renewals where they are given */
  remove(node: SqlValue, ifRenewals: number | undefined): boolean {
    return Number(this.#remove.run(node, ifRenewals ?? null).changes) > 0;
  }
}
