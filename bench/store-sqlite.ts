/** SQLite files as they are measured, and what only raw access to them can do. */

import { rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { SqliteProvider } from "duroxide-ts/sqlite";

import { StoreHub } from "#internal/provider/hub";
import { createCountingBinding } from "../tests/support/counting-sqlite.ts";
import { measureFloor, openRawDatabase } from "./floor-sqlite.ts";
import type { Durability } from "./options.ts";
import type { BenchStore, RawLoad, StoreKind, StoreWishes, WriteWatch } from "./store.ts";

/** Most instances of a store that has been in use for a while have ended. */
const STATUSES = ["Completed", "Completed", "Completed", "Failed", "Canceled", "Running"] as const;
const NAMES = 10;

export function openSqlite(file: string, durability: Durability): Promise<SqliteProvider> {
  return SqliteProvider.open(file, { durability });
}

export function createSqliteKind(folder: string): Promise<StoreKind> {
  let createdCount = 0;
  const nextFile = (): string => {
    createdCount += 1;
    return join(folder, `store-${createdCount}.db`);
  };
  return Promise.resolve({
    name: "sqlite",
    folder,
    describe: describeSqlite,
    measureFloor: (durability, isQuick) => measureFloor(nextFile(), durability, isQuick),
    create: (durability, wishes) => createStore(nextFile(), durability, wishes),
    fillInstances: ({ location }, count) => fillInstances(location, count),
    writeRaw: (durability, load) => writeRaw(nextFile(), durability, load),
    watchWrites: ({ location }) => watchWrites(location),
    close: () => Promise.resolve(),
  });
}

async function describeSqlite(): Promise<string> {
  const { database, bindingName } = await openRawDatabase(":memory:", "full");
  const row = database.prepare("select sqlite_version() as version").get() as { version: string };
  database.close();
  return `SQLite ${row.version} (${bindingName})`;
}

async function createStore(
  file: string,
  durability: Durability,
  wishes: StoreWishes,
): Promise<BenchStore> {
  const counting = wishes.isCounted === true ? await createCountingBinding() : undefined;
  const provider = await SqliteProvider.open(file, { durability, binding: counting?.binding });
  const { pipeline } = StoreHub.of(provider);
  return {
    provider,
    address: { store: "sqlite", location: file, durability },
    commitCount: () => pipeline.commitCount,
    statementCount: () => counting?.counts().statements,
    counts: () => Promise.resolve(counting?.counts()),
    close: async () => {
      await provider.close();
      // What is still in the log counts once, as the pages of the file that it will be.
      const { database } = await openRawDatabase(file, durability);
      database.exec("pragma wal_checkpoint(truncate)");
      database.close();
      const { size } = statSync(file);
      for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
      return size;
    },
  };
}

async function fillInstances(file: string, count: number): Promise<void> {
  const { database } = await openRawDatabase(file, "process");
  const statuses = STATUSES.map((status, i) => `when ${i} then '${status}'`).join(" ");
  database.exec("begin immediate");
  // Ids are spread so that neighbours in one index are none in the other.
  database.exec(`
with recursive numbers (n) as (
  select 0
  union all
  select n + 1
  from numbers
  where n < ${count - 1}
)
insert into instances (
  id, name, version, run_id, status, execution, owner, epoch, crashes, retry_ms, created_ms,
  custom_status_version, output
)
select printf('order-%04d-%d', (n * 7919) % 10000, n), 'Name' || (n % ${NAMES}), '1.0.0', 'run-' || n,
  case (n / ${NAMES}) % ${STATUSES.length} ${statuses} end, 1, null, 1, 0, 0, 1700000000000 + n, 0, '"done"'
from numbers`);
  database.exec(`
insert into history (
  instance, execution, first_event_id, last_event_id, event_count, at_ms, format, data
)
select seq, 1, 1, 2, 2, created_ms, 1, '[["os",1,"Name","1.0.0",null,"order",1,"run"],["oc",2]]'
from instances
where run_id like 'run-%'`);
  database.exec("commit");
  database.close();
}

async function writeRaw(file: string, durability: Durability, load: RawLoad): Promise<number> {
  const { database } = await openRawDatabase(file, durability);
  database.exec("create table raw (id integer primary key, data text not null) strict");
  const insert = database.prepare("insert into raw (data) values (?)");
  const startMs = performance.now();
  for (let done = 0; done < load.count; done += load.perCommit) {
    database.exec("begin immediate");
    const end = Math.min(load.count, done + load.perCommit);
    for (let i = done; i < end; i += 1) insert.run(load.text);
    database.exec("commit");
  }
  const ms = performance.now() - startMs;
  database.close();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
  return ms;
}

async function watchWrites(file: string): Promise<WriteWatch> {
  const { database } = await openRawDatabase(file, "full");
  const statement = database.prepare("pragma data_version");
  const read = (): unknown => (statement.get() as { data_version: unknown }).data_version;
  let seen = read();
  let changes = 0;
  const look = (): void => {
    const version = read();
    if (version !== seen) changes += 1;
    seen = version;
  };
  const timer = setInterval(look, 2);
  return {
    take: () => {
      look();
      const taken = changes;
      changes = 0;
      return Promise.resolve(taken);
    },
    close: () => {
      clearInterval(timer);
      database.close();
      return Promise.resolve();
    },
  };
}
