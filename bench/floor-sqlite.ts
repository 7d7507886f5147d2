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
import type { FloorResult } from "./store.ts";
import type { Floor } from "./workload.ts";

/** Orchestrations whose rows share a commit. */
const GROUP_SIZE = 256;

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
): Promise<FloorResult> {
  const { database } = await openRawDatabase(file, durability);
  try {
    database.exec(initial.sql);
    const { commitMs, commitP99Ms } = measureCommits(database, isQuick ? 1_000 : 3_000);
    const orchestrationsPerSecond = measureGroups(database, isQuick ? 10_000 : 20_000);
    return {
      floor: { commitMs, commitP99Ms, orchestrationsPerSecond },
      samples: [
        {
          figure: "raw commits of one row, one after the other",
          unit: "commits/s",
          value: 1_000 / commitMs,
          better: "higher",
        },
        {
          figure: "raw commits of one row: p99",
          unit: "ms",
          value: commitP99Ms,
          better: "lower",
        },
        {
          figure: `raw rows of one-activity orchestrations, ${GROUP_SIZE} to a commit`,
          unit: "orchestrations/s",
          value: orchestrationsPerSecond,
          better: "higher",
        },
      ],
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
function measureGroups(database: SqliteDatabase, count: number): number {
  const begin = database.prepare("begin immediate");
  const commit = database.prepare("commit");
  const insertInstance = database.prepare(
    `insert into instances (
  id, name, version, run_id, status, execution, owner, epoch, attempts, retry_ms, created_ms,
  custom_status_version
)
values (?, 'OneActivity', '1.0.0', ?, 'Running', 1, 1, 1, 0, 0, ?, 0)`,
  );
  const insertHistory = database.prepare(
    `insert into history (
  instance, execution, first_event_id, last_event_id, event_count, at_ms, format, data
)
values (?, 1, ?, ?, 2, ?, 1, ?)`,
  );
  const insertActivity = database.prepare(
    `insert into activities (
  instance, execution, activity_id, name, body, visible_ms, owner, attempt
)
values (?, 1, 2, 'Echo', ?, ?, 1, 1)`,
  );
  const removeActivity = database.prepare(
    "delete from activities where instance = ? and execution = 1 and activity_id = 2",
  );
  const finish = database.prepare(
    "update instances set status = 'Completed', output = ?, owner = null where seq = ?",
  );
  const nowMs = Date.now();
  const runId = "00000000-0000-4000-8000-000000000000";
  const firstTurn = `[["os",1,"OneActivity","1.0.0","1","orchestration-000000",1,"${runId}",null,null],["as",2,"Echo","1",null,null]]`;
  const secondTurn = '[["ac",3,2,"1"],["oc",4,"1"]]';
  const body = `{"input":"1","seed":"${runId}","orchestrationName":"OneActivity","orchestrationVersion":"1.0.0"}`;

  const startMs = performance.now();
  for (let done = 0; done < count; done += GROUP_SIZE) {
    const seqs: number[] = [];
    begin.run();
    for (let i = 0; i < GROUP_SIZE; i += 1) {
      const id = `orchestration-${done + i}`;
      const seq = Number(insertInstance.run(id, runId, nowMs).lastInsertRowid);
      insertHistory.run(seq, 1, 2, nowMs, firstTurn);
      insertActivity.run(seq, body, nowMs);
      seqs.push(seq);
    }
    commit.run();
    begin.run();
    for (const seq of seqs) {
      removeActivity.run(seq);
      insertHistory.run(seq, 3, 4, nowMs, secondTurn);
      finish.run("1", seq);
    }
    commit.run();
  }
  const seconds = (performance.now() - startMs) / 1_000;
  return (Math.ceil(count / GROUP_SIZE) * GROUP_SIZE) / seconds;
}
