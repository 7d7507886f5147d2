import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { temporaryFolder } from "../../../tests/support/sqlite-store.ts";
import { findBinding } from "./binding.ts";
import { openDatabase, type SqliteDatabase } from "./driver.ts";
import { APPLICATION_ID, checkSchema, migrate, type Migration, MIGRATIONS } from "./migrate.ts";

async function open(file = ":memory:"): Promise<SqliteDatabase> {
  return openDatabase(await findBinding(), file);
}

const added: Migration = {
  number: 2,
  name: "added",
  kind: "compatible",
  sql: "create table added (x integer) strict",
};
const two = [...MIGRATIONS, added];
const target = { subject: 'store "x"', nowMs: 42 };

describe("migrate()", () => {
  test("numbers its steps from 1 without gaps", () => {
    expect(MIGRATIONS.map((step) => step.number)).toEqual(MIGRATIONS.map((_, i) => i + 1));
  });

  test("marks an empty file as ours and lists what it did", async () => {
    const database = await open();
    migrate(database, target);
    expect(database.prepare("pragma application_id").get()).toEqual({
      application_id: APPLICATION_ID,
    });
    expect(database.prepare("pragma user_version").get()).toEqual({ user_version: 1 });
    expect(database.prepare("select * from migrations").all()).toEqual([
      { number: 1, name: "initial", kind: "breaking", applied_ms: 42 },
    ]);
  });

  test("applies each step once", async () => {
    const database = await open();
    migrate(database, target);
    migrate(database, { ...target, migrations: two });
    migrate(database, { ...target, migrations: two });
    expect(checkSchema(database, "x", two)).toBe(2);
    expect(database.prepare("select number from migrations order by number").all()).toEqual([
      { number: 1 },
      { number: 2 },
    ]);
  });

  test("leaves nothing of a step that fails", async () => {
    const database = await open();
    const broken = { ...added, sql: `${added.sql}; create table nodes (x)` };
    expect(() => migrate(database, { ...target, migrations: [...MIGRATIONS, broken] })).toThrow();
    expect(checkSchema(database, "x")).toBe(0);
    migrate(database, { ...target, migrations: two });
    expect(checkSchema(database, "x", two)).toBe(2);
  });

  test("opens a newer file whose unknown steps are all compatible, and keeps its number", async () => {
    const database = await open();
    migrate(database, { ...target, migrations: two });
    migrate(database, target);
    expect(database.prepare("pragma user_version").get()).toEqual({ user_version: 2 });
  });

  test("refuses a newer file with a step that breaks older versions", async () => {
    const database = await open();
    const breaking: Migration = { ...added, kind: "breaking" };
    migrate(database, { ...target, migrations: [...MIGRATIONS, breaking] });
    expect(() => migrate(database, target)).toThrow("its schema is 2");
  });

  /** Two connections to one new file; `fast` creates the store when `slow` is about to run `sql`. */
  async function race(sql: string): Promise<{ slow: SqliteDatabase; finish: () => void }> {
    const file = join(temporaryFolder(), "store.db");
    const [slow, fast] = [await open(file), await open(file)];
    slow.exec("pragma journal_mode = wal");
    let isFirst = true;
    const meet = (next: string): void => {
      if (!next.includes(sql) || !isFirst) return;
      isFirst = false;
      migrate(fast, target);
    };
    const racing: SqliteDatabase = {
      close: () => slow.close(),
      exec: (next) => {
        meet(next);
        return slow.exec(next);
      },
      prepare: (next) => {
        meet(next);
        return slow.prepare(next);
      },
    };
    const finish = (): void => {
      expect(isFirst).toBe(false);
      slow.close();
      fast.close();
    };
    return { slow: racing, finish };
  }

  test.each(["begin immediate", "pragma user_version", "sqlite_schema"])(
    "finds the work done when another process was faster at %j",
    async (sql) => {
      const { slow, finish } = await race(sql);
      migrate(slow, target);
      const count = slow.prepare("select count(*) as count from migrations").get();
      expect(count).toEqual({ count: 1 });
      finish();
    },
  );
});
