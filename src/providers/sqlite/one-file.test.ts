import { linkSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import { describe, expect, onTestFinished, test, vi } from "vitest";

import { loadSecondLibrary } from "../../../tests/support/second-library.ts";
import { backUp } from "../../../tests/support/sqlite-shell.ts";
import { request, StoreUnderTest, temporaryFolder } from "../../../tests/support/sqlite-store.ts";
import type { WriteOperation } from "../../provider/provider.ts";
import { findBinding } from "./binding.ts";
import { openDatabase } from "./driver.ts";
import { SqliteProvider } from "./index.ts";

const IS_LINUX = process.platform === "linux";

/** How many locks this process holds on a file, as the operating system sees it. */
function countLocks(file: string): number {
  const { ino } = statSync(file);
  const lines = readFileSync("/proc/locks", "latin1").split("\n");
  return lines.filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${ino} `))
    .length;
}

/** Holds that the log of a living store outlives other programs, and what is written stays. */
async function expectLogSurvives(store: StoreUnderTest): Promise<void> {
  await store.start("before");
  const log = statSync(`${store.file!}-wal`).ino;
  expect(await backUp(store.file!)).toEqual(["before"]);
  expect(statSync(`${store.file!}-wal`, { throwIfNoEntry: false })?.ino).toBe(log);
  await store.start("later");
  expect(await backUp(store.file!)).toEqual(["before", "later"]);
}

describe("a file that one process opens twice", () => {
  test("F1 keeps its log while another program makes a backup", async () => {
    const store = await StoreUnderTest.open("file");
    const second = await SqliteProvider.open(store.file!);
    await second.close();
    await expectLogSurvives(store);
  });

  test.runIf(IS_LINUX)("F1 keeps its locks, however it is opened and refused", async () => {
    const store = await StoreUnderTest.open("file");
    await store.start("a");
    expect(countLocks(store.file!)).toBe(1);
    const second = await SqliteProvider.open(store.file!);
    expect(countLocks(store.file!)).toBe(1);
    await second.close();
    await expect(
      SqliteProvider.open(store.file!, { binding: loadSecondLibrary() }),
    ).rejects.toMatchObject({ code: "store_unsafe" });
    expect(countLocks(store.file!)).toBe(1);
  });

  test("F1 keeps its log when it is opened by a symbolic link", async () => {
    const store = await StoreUnderTest.open("file");
    const link = join(temporaryFolder(), "link.db");
    symlinkSync(store.file!, link);
    const second = await SqliteProvider.open(link);
    expect(await second.readInstances(["a"])).toEqual([]);
    await second.close();
    await expectLogSurvives(store);
  });

  test("F1 keeps its log when a thread opens and closes it", async () => {
    const store = await StoreUnderTest.open("file");
    const worker = new Worker(
      new URL("../../../tests/support/sqlite-thread.worker.mjs", import.meta.url),
      { workerData: store.file! },
    );
    onTestFinished(async () => {
      await worker.terminate();
    });
    expect(await once(worker, "message")).toEqual(["opened"]);
    worker.postMessage("close");
    expect(await once(worker, "message")).toEqual(["closed"]);
    await worker.terminate();
    await expectLogSurvives(store);
  });

  test("F1 keeps its log when another copy of this package opens it", async () => {
    const store = await StoreUnderTest.open("file");
    vi.resetModules();
    const copy = await import("./index.ts");
    expect(copy.SqliteProvider).not.toBe(SqliteProvider);
    const second = await copy.SqliteProvider.open(store.file!);
    await second.close();
    await expectLogSurvives(store);
  });

  test("F1 is refused to another SQLite library of the process", async () => {
    const store = await StoreUnderTest.open("file");
    const library = loadSecondLibrary();
    const opening = SqliteProvider.open(store.file!, { binding: library });
    await expect(opening).rejects.toMatchObject({ code: "store_unsafe", retryable: false });
    await expect(opening).rejects.toThrow(/another SQLite library .*; .*binding/);
    vi.resetModules();
    const copy = await import("./index.ts");
    await expect(copy.SqliteProvider.open(store.file!, { binding: library })).rejects.toMatchObject(
      { code: "store_unsafe" },
    );
    await expectLogSurvives(store);
  });

  test("F1 is opened when another library has closed it", async () => {
    const file = join(temporaryFolder(), "store.db");
    const theirs = openDatabase(loadSecondLibrary(), file);
    theirs.exec("pragma journal_mode = wal");
    theirs.close();
    const store = await SqliteProvider.open(file);
    expect(await store.readInstances(["a"])).toEqual([]);
    await store.close();
  });

  test("F1 is refused by a second name, which would have a log of its own", async () => {
    const store = await StoreUnderTest.open("file");
    const link = join(temporaryFolder(), "link.db");
    linkSync(store.file!, link);
    const opening = SqliteProvider.open(link);
    await expect(opening).rejects.toMatchObject({ code: "store_unsafe", retryable: false });
    await expect(opening).rejects.toThrow("it has 2 names (hard links)");
    await store.start("a");
  });
});

describe.runIf(IS_LINUX)("a file that another library of the process has open", () => {
  test("F1 is refused, and the other's locks stay", async () => {
    const store = await StoreUnderTest.open("file");
    await store.start("a");
    await store.provider.close();
    const theirs = openDatabase(loadSecondLibrary(), store.file!);
    theirs.exec("delete from nodes");
    expect(countLocks(store.file!)).toBe(1);
    await expect(SqliteProvider.open(store.file!)).rejects.toMatchObject({ code: "store_unsafe" });
    await expect(SqliteProvider.open(store.file!)).rejects.toMatchObject({ code: "store_unsafe" });
    expect(countLocks(store.file!)).toBe(1);
    theirs.exec("create table notes (text)");
    expect(await backUp(store.file!)).toEqual(["a"]);
    expect(countLocks(store.file!)).toBe(1);
  });

  test.each(["delete", "wal"])(
    "F1 is left alone within a transaction (journal mode %s)",
    async (mode) => {
      const file = join(temporaryFolder(), "other.db");
      const theirs = openDatabase(loadSecondLibrary(), file);
      theirs.exec(`pragma journal_mode = ${mode}; create table notes (text); begin immediate`);
      theirs.exec("insert into notes values ('a')");
      const locks = countLocks(file);
      const opening = SqliteProvider.open(file, { busyTimeout: 1 });
      await expect(opening).rejects.toMatchObject({ code: "store_busy", retryable: true });
      expect(countLocks(file)).toBe(locks);
      theirs.exec("commit");
      await expect(SqliteProvider.open(file)).rejects.toMatchObject({ code: "store_not_ours" });
      theirs.exec("insert into notes values ('b'); pragma integrity_check");
    },
  );

  test("F1 is opened when the connection beside it is of the same library", async () => {
    const store = await StoreUnderTest.open("file");
    await store.provider.close();
    const own = openDatabase(await findBinding(), store.file!);
    own.exec("create table notes (text)");
    const second = await SqliteProvider.open(store.file!);
    await second.close();
    expect(countLocks(store.file!)).toBe(1);
    own.close();
  });
});

describe("a transaction on a connection of the user", () => {
  const starts = (id: string): WriteOperation[] => [
    { kind: "startInstance", request: request(id) },
  ];

  test("F2 lands, and its end and close leave the log of the store", async () => {
    const store = await StoreUnderTest.open("file");
    const own = openDatabase(await findBinding(), store.file!);
    own.exec("create table notes (text); begin immediate; insert into notes values ('a')");
    await store.provider.transactions.write(own, starts("a"));
    own.exec("commit");
    own.close();
    await store.start("b");
    expect(await backUp(store.file!)).toEqual(["a", "b"]);
    await store.start("c");
    expect(await backUp(store.file!)).toEqual(["a", "b", "c"]);
  });

  test("F2 is refused when another SQLite library opened it", async () => {
    const store = await StoreUnderTest.open("file");
    const theirs = openDatabase(loadSecondLibrary(), store.file!);
    theirs.exec("begin immediate");
    const writing = store.provider.transactions.write(theirs, starts("a"));
    await expect(writing).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(writing).rejects.toThrow(/another SQLite library .*; .*`binding`/);
    theirs.exec("rollback");
    expect(await store.provider.readInstances(["a"])).toEqual([]);
  });

  test("F2 lands when the store was opened with that library", async () => {
    const file = join(temporaryFolder(), "store.db");
    const binding = loadSecondLibrary();
    const store = await SqliteProvider.open(file, { binding });
    onTestFinished(() => store.close());
    const own = openDatabase(binding, file);
    own.exec("begin immediate");
    await store.transactions.write(own, starts("a"));
    own.exec("commit");
    own.close();
    await store.write(starts("b"));
    expect(await backUp(file)).toEqual(["a", "b"]);
    await store.write(starts("c"));
    expect(await backUp(file)).toEqual(["a", "b", "c"]);
  });
});
