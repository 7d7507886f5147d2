/**
 * The floor: what SQLite does on this disk with this binding when nothing but the rows is written.
 *
 * Question: how many durable commits, and how many orchestrations' worth of rows, fit into a second?
 * No engine can be faster than the second; one that waits for each commit cannot beat the first.
 */

import { rmSync } from "node:fs";

import { findBinding } from "#internal/providers/sqlite/binding";
import { openDatabase, type SqliteDatabase } from "#internal/providers/sqlite/driver";
import { initial } from "#internal/providers/sqlite/schema/0001-initial";
import { ascending, median, percentile } from "./measure.ts";
import type { Durability } from "./options.ts";
import { FEW, type Floor, MANY } from "./workload.ts";

const RUN_ID = "00000000-0000-4000-8000-000000000000";
const INSERT_HISTORY = `insert into history (
  instance, execution, first_event_id, last_event_id, event_count, at_ms, format, data
)
values (?, 1, ?, ?, ?, ?, 1, ?)`;
const INSERT_ACTIVITY = `insert into activities (
  instance, execution, activity_id, name, body, visible_ms, owner, attempt
)
values (?, 1, ?, 'Echo', ?, ?, 1, 1)`;
const REMOVE_ACTIVITY =
  "delete from activities where instance = ? and execution = 1 and activity_id = ?";

function toBody(runId: string): string {
  return `{"input":"1","seed":"${runId}","orchestrationName":"OneActivity","orchestrationVersion":"1.0.0"}`;
}

export interface RawDatabase {
  readonly database: SqliteDatabase;
  readonly bindingName: string;
}

/** A database with the settings of a store, and none of its code. */
export async function openRawDatabase(file: string, durability: Durability): Promise<RawDatabase> {
  const binding = await findBinding();
  const database = openDatabase(binding, file);
  database.exec("pragma journal_mode = wal");
  database.exec(`pragma synchronous = ${durability === "full" ? "full" : "normal"}`);
  database.exec("pragma wal_autocheckpoint = 4000");
  database.exec("pragma cache_size = -32768");
  database.exec("pragma temp_store = memory");
  const isBuiltIn = (process.getBuiltinModule("node:sqlite" as "node:fs") as unknown) === binding;
  return { database, bindingName: isBuiltIn ? "node:sqlite" : "@photostructure/sqlite" };
}

export async function measureFloor(
  file: string,
  durability: Durability,
  isQuick: boolean,
): Promise<Floor> {
  const { database } = await openRawDatabase(file, durability);
  try {
    database.exec(initial.sql);
    return {
      ...measureCommits(database, isQuick ? 1_000 : 3_000),
      orchestrationsPerSecond: measureGroups(database, "many", {
        groupSize: MANY,
        count: isQuick ? 20_000 : 100_000,
      }),
      orchestrationsPerSecondByFew: measureGroups(database, "few", {
        groupSize: FEW,
        count: isQuick ? 10_000 : 30_000,
      }),
      branchesPerSecond: measureBranches(database, isQuick ? 40_000 : 200_000),
    };
  } finally {
    database.close();
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
  }
}

function measureCommits(
  database: SqliteDatabase,
  count: number,
): Pick<Floor, "commitMs" | "commitP99Ms"> {
  database.exec("create table raw (id integer primary key, data text not null) strict");
  const insert = database.prepare("insert into raw (data) values (?)");
  const data = "x".repeat(120);
  const times: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const startMs = performance.now();
    insert.run(data);
    times.push(performance.now() - startMs);
  }
  return { commitMs: median(times), commitP99Ms: percentile(ascending(times), 0.99) };
}

/**
 * Writes what a one-activity orchestration writes at least: its row, its first history row and its
 * activity in one commit; its second history row, its end and the removal of the activity in another.
 *
 * @returns Orchestrations a second
 */
function measureGroups(
  database: SqliteDatabase,
  prefix: string,
  { groupSize, count }: { readonly groupSize: number; readonly count: number },
): number {
  const begin = database.prepare("begin immediate");
  const commit = database.prepare("commit");
  const insertInstance = database.prepare(
    `insert into instances (
  id, name, version, run_id, status, execution, owner, epoch, crashes, retry_ms, created_ms,
  custom_status_version
)
values (?, 'OneActivity', '1.0.0', ?, 'Running', 1, 1, 1, 0, 0, ?, 0)`,
  );
  const insertHistory = database.prepare(INSERT_HISTORY);
  const insertActivity = database.prepare(INSERT_ACTIVITY);
  const removeActivity = database.prepare(REMOVE_ACTIVITY);
  const finish = database.prepare(
    "update instances set status = 'Completed', output = ?, owner = null where seq = ?",
  );
  const nowMs = Date.now();
  const runId = RUN_ID;
  const firstTurn = `[["os",1,"OneActivity","1.0.0","1","orchestration-000000",1,"${runId}",null,null],["as",2,"Echo","1",null,null]]`;
  const secondTurn = '[["ac",3,2,"1"],["oc",4,"1"]]';
  const body = toBody(runId);

  const startMs = performance.now();
  for (let done = 0; done < count; done += groupSize) {
    const seqs: number[] = [];
    begin.run();
    for (let i = 0; i < groupSize; i += 1) {
      const id = `${prefix}-${done + i}`;
      const seq = Number(insertInstance.run(id, runId, nowMs).lastInsertRowid);
      insertHistory.run(seq, 1, 2, 2, nowMs, firstTurn);
      insertActivity.run(seq, 2, body, nowMs);
      seqs.push(seq);
    }
    commit.run();
    begin.run();
    for (const seq of seqs) {
      removeActivity.run(seq, 2);
      insertHistory.run(seq, 3, 4, 2, nowMs, secondTurn);
      finish.run("1", seq);
    }
    commit.run();
  }
  const seconds = (performance.now() - startMs) / 1_000;
  return (Math.ceil(count / groupSize) * groupSize) / seconds;
}

/**
 * Writes what the branches of one fan-out write at least: a row each and one of history for them all
 * in one commit; the removal of each and one of history for what came of some of them in others.
 *
 * @returns Branches a second
 */
function measureBranches(database: SqliteDatabase, count: number): number {
  const insertHistory = database.prepare(INSERT_HISTORY);
  const insertActivity = database.prepare(INSERT_ACTIVITY);
  const removeActivity = database.prepare(REMOVE_ACTIVITY);
  const instance = -1; // Nobody's.
  const nowMs = Date.now();
  const body = toBody(RUN_ID);
  const toEvents = (toEvent: (id: number) => string, first: number): string =>
    `[${Array.from({ length: MANY }, (_, i) => toEvent(first + i)).join()}]`;
  let eventId = 1;
  const startMs = performance.now();
  for (let done = 0; done < count; done += MANY) {
    database.exec("begin immediate");
    const scheduled = toEvents((id) => `["as",${id},"Echo","1"]`, eventId);
    insertHistory.run(instance, eventId, eventId + MANY - 1, MANY, nowMs, scheduled);
    for (let i = 0; i < MANY; i += 1) insertActivity.run(instance, eventId + i, body, nowMs);
    database.exec("commit");
    database.exec("begin immediate");
    for (let i = 0; i < MANY; i += 1) removeActivity.run(instance, eventId + i);
    const first = eventId + MANY;
    const completed = toEvents((id) => `["ac",${id},${id - MANY},"1"]`, first);
    insertHistory.run(instance, first, first + MANY - 1, MANY, nowMs, completed);
    database.exec("commit");
    eventId += 2 * MANY;
  }
  return (Math.ceil(count / MANY) * MANY * 1_000) / (performance.now() - startMs);
}
