/**
 * The key-values of each instance, in two layers.
 *
 * I1. `key_values` is the state at the start of the current execution: what a replay begins with.
 * I2. `key_value_changes` is what the current execution changed since; a null value hides the key.
 *     It is merged when the execution continues as new, and stays where it is when the instance
 *     ends, because nothing replays after that.
 * (Semantics section 20.)
 */

import type { EncodedValue } from "../../history/event.ts";
import type { KeyValueChanges } from "../../provider/provider.ts";
import type { Connection, SqliteStatement } from "./driver.ts";
import { byInstance, KEYS, toKeys } from "./rows.ts";

const READ_SNAPSHOTS = `
select v.instance, v.key, v.value, v.updated_ms
from ${KEYS}
cross join key_values v on v.instance = k.value
order by v.instance, v.key`;

const READ_MERGED = `
select key, value, updated_ms
from key_value_changes
where instance = ?
  and value is not null
union all
select v.key, v.value, v.updated_ms
from key_values v
where v.instance = ?
  and not exists (
    select 1
    from key_value_changes c
    where c.instance = v.instance
      and c.key = v.key
  )
order by key`;

const CHANGE = `
insert into key_value_changes (instance, key, value, updated_ms)
values (?, ?, ?, ?)
on conflict (instance, key) do update
set value = excluded.value, updated_ms = excluded.updated_ms`;

const HAS_CHANGES = `
select 1
from key_value_changes
where instance = ?
limit 1`;

const REMOVE_CHANGES = `
delete from key_value_changes
where instance = ?`;

const REMOVE_SNAPSHOT = `
delete from key_values
where instance = ?`;

const HIDE_SNAPSHOT = `
insert into key_value_changes (instance, key, value, updated_ms)
select instance, key, null, ?
from key_values
where instance = ?`;

const REMOVE_CHANGED = `
delete from key_values
where instance = ?
  and key in (select c.key from key_value_changes c where c.instance = ?)`;

const KEEP_CHANGED = `
insert into key_values (instance, key, value, updated_ms)
select instance, key, value, updated_ms
from key_value_changes
where instance = ?
  and value is not null`;

interface KeyValueRecord {
  readonly key: string;
  readonly value: string;
  readonly updated_ms: number;
}

/** Keys with their values and the time of their last change. */
export type KeyValueMap = ReadonlyMap<
  string,
  { readonly value: EncodedValue; readonly updatedMs: number }
>;

export class KeyValues {
  readonly #readSnapshots: SqliteStatement;
  readonly #readMerged: SqliteStatement;
  readonly #change: SqliteStatement;
  readonly #hasChanges: SqliteStatement;
  readonly #removeChanges: SqliteStatement;
  readonly #removeSnapshot: SqliteStatement;
  readonly #hideSnapshot: SqliteStatement;
  readonly #removeChanged: SqliteStatement;
  readonly #keepChanged: SqliteStatement;

  constructor(connection: Connection) {
    this.#readSnapshots = connection.prepare(READ_SNAPSHOTS);
    this.#readMerged = connection.prepare(READ_MERGED);
    this.#change = connection.prepare(CHANGE);
    this.#hasChanges = connection.prepare(HAS_CHANGES);
    this.#removeChanges = connection.prepare(REMOVE_CHANGES);
    this.#removeSnapshot = connection.prepare(REMOVE_SNAPSHOT);
    this.#hideSnapshot = connection.prepare(HIDE_SNAPSHOT);
    this.#removeChanged = connection.prepare(REMOVE_CHANGED);
    this.#keepChanged = connection.prepare(KEEP_CHANGED);
  }

  /** The state at the start of the current execution of some instances, by instance. (I1) */
  readSnapshots(instances: readonly number[]): Map<number, KeyValueMap> {
    const rows = this.#readSnapshots.all(toKeys(instances));
    const groups = byInstance(
      rows,
      (record: KeyValueRecord & { readonly instance: number }) => record,
    );
    return new Map([...groups].map(([instance, records]) => [instance, toMap(records)]));
  }

  /** The state now. */
  readMerged(instance: number): KeyValueMap {
    return toMap(this.#readMerged.all(instance, instance));
  }

  /** Applies what a turn changed. (I2) */
  apply(instance: number, changes: KeyValueChanges, nowMs: number): void {
    if (changes.isCleared) {
      this.#removeChanges.run(instance);
      this.#hideSnapshot.run(nowMs, instance);
    }
    for (const change of changes.changes) {
      this.#change.run(instance, change.key, change.value ?? null, change.updatedMs);
    }
  }

  /** Makes the current state the snapshot of the next execution. */
  merge(instance: number): void {
    if (this.#hasChanges.get(instance) === undefined) return;
    this.#removeChanged.run(instance, instance);
    this.#keepChanged.run(instance);
    this.#removeChanges.run(instance);
  }

  removeAll(instance: number): void {
    this.#removeSnapshot.run(instance);
    this.#removeChanges.run(instance);
  }
}

function toMap(rows: readonly unknown[]): KeyValueMap {
  return new Map(
    rows.map((row) => {
      const { key, value, updated_ms } = row as KeyValueRecord;
      return [key, { value, updatedMs: updated_ms }];
    }),
  );
}
