import { randomUUID } from "node:crypto";
import {
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, test } from "vitest";

import { Neighbour } from "../../../tests/support/sqlite-neighbour.ts";
import { backUp } from "../../../tests/support/sqlite-shell.ts";
import { request, StoreUnderTest, temporaryFolder } from "../../../tests/support/sqlite-store.ts";
import { createDeferred } from "../../foundation/deferred.ts";
import { findBinding } from "./binding.ts";
import { openDatabase } from "./driver.ts";
import { FileInPlace } from "./file-in-place.ts";
import { readPagesOf } from "./file-size.ts";

const GONE = { code: "store_not_found", retryable: false };
const NODE = { label: "late", leaseMs: 10_000 };

/** Each way to take a store's files away from under it. */
const REMOVALS: Readonly<Record<string, (file: string) => void>> = {
  "its file is removed": (file) => unlinkSync(file),
  "its file is moved away": (file) => renameSync(file, `${file}.away`),
  "its file is replaced": (file) => {
    writeFileSync(`${file}.new`, "");
    renameSync(`${file}.new`, file);
  },
  "its log is removed": (file) => unlinkSync(`${file}-wal`),
  "its log is replaced": (file) => {
    unlinkSync(`${file}-wal`);
    writeFileSync(`${file}-wal`, "");
  },
  "the index of its log is removed": (file) => unlinkSync(`${file}-shm`),
  "its folder is moved away": (file) => renameSync(dirname(file), `${dirname(file)}-away`),
  "its folder is removed": (file) => rmSync(dirname(file), { recursive: true }),
};

describe("a store whose files are taken away", () => {
  test.each(Object.keys(REMOVALS))("F43 acknowledges nothing once %s", async (what) => {
    const { file, provider, start, node } = await openInFolder();
    await start("a");
    REMOVALS[what]!(file);
    await expect(start("b")).rejects.toMatchObject(GONE);
    await expect(start("c")).rejects.toThrow(/ was removed or replaced while the store was open; /);
    await expect(provider.renewNode(node)).rejects.toMatchObject(GONE);
    await expect(provider.registerNode(NODE)).rejects.toMatchObject(GONE);
    await expect(provider.readInstances(["a"])).rejects.toMatchObject(GONE);
    await expect(provider.transactions.run(() => Promise.resolve())).rejects.toMatchObject(GONE);
    await provider.close();
  });

  test.each(Object.keys(REMOVALS))("F43 acknowledges no first write once %s", async (what) => {
    const { file, provider, start } = await openInFolder();
    REMOVALS[what]!(file);
    await expect(start("a")).rejects.toMatchObject(GONE);
    await provider.close();
  });

  test("F43 commits no transaction of the user either", async () => {
    const { file, provider } = await openInFolder();
    const committing = provider.transaction(async (tx) => {
      await tx.query("create table notes (text)");
      unlinkSync(file);
    });
    await expect(committing).rejects.toMatchObject(GONE);
  });

  test("F43 stays refused when the file is put back", async () => {
    const { file, start } = await openInFolder();
    renameSync(file, `${file}.away`);
    await expect(start("a")).rejects.toMatchObject(GONE);
    renameSync(`${file}.away`, file);
    await expect(start("b")).rejects.toMatchObject(GONE);
  });

  test("F43 is refused to other processes as well", async () => {
    const { file, start } = await openInFolder();
    const neighbour = new Neighbour(file);
    expect(await neighbour.opened).toEqual({ value: undefined });
    unlinkSync(file);
    const theirs = neighbour.call("write", [{ kind: "startInstance", request: request("theirs") }]);
    await expect(theirs).rejects.toThrow("store_not_found");
    await expect(start("own")).rejects.toMatchObject(GONE);
  });

  test("F43 writes no stale log over what others wrote meanwhile", async () => {
    const { file, provider, start } = await openInFolder();
    await start("lost");
    for (const ending of ["-wal", "-shm"]) unlinkSync(`${file}${ending}`);
    const neighbour = new Neighbour(file);
    await neighbour.call("write", [{ kind: "startInstance", request: request("theirs") }]);
    await provider.close();
    expect(await backUp(file)).toEqual(["theirs"]);
    await neighbour.call("write", [{ kind: "startInstance", request: request("more") }]);
    expect(await backUp(file)).toEqual(["more", "theirs"]);
  });

  test("F43 acknowledges nothing once its link is turned to another file", async () => {
    const { file } = await openInFolder();
    const link = join(temporaryFolder(), "link.db");
    symlinkSync(file, link);
    const store = await StoreUnderTest.open("file", {}, link);
    await store.start("a");
    unlinkSync(link);
    symlinkSync(`${file}.two`, link);
    writeFileSync(`${file}.two`, "");
    await expect(store.start("b")).rejects.toMatchObject(GONE);
    await expect(store.start("c")).rejects.toThrow(`"${link}" was removed or replaced`);
    await store.provider.close();
  });

  test("F43 acknowledges nothing once the link of its folder is turned to another one", async () => {
    const folder = temporaryFolder();
    for (const release of ["one", "two"]) mkdirSync(join(folder, release));
    const current = join(folder, "current");
    symlinkSync("one", current);
    const store = await StoreUnderTest.open("file", {}, join(current, "store.db"));
    await store.start("a");
    unlinkSync(current);
    symlinkSync("two", current);
    await expect.poll(() => store.start("b").catch(codeOf)).toBe("store_not_found");
    await store.provider.close();
  });

  test("F43 goes on when a link is made anew and names the same file", async () => {
    const { file } = await openInFolder();
    const link = join(temporaryFolder(), "link.db");
    symlinkSync(file, link);
    const store = await StoreUnderTest.open("file", {}, link);
    unlinkSync(link);
    await store.start("a");
    symlinkSync(file, link);
    await store.start("b");
  });

  test.each([0, 4_096])("F43 acknowledges nothing once it is cut to %i bytes", async (size) => {
    const { file, provider } = await openInFolder();
    const body = "x".repeat(1_000_000); // More than the log has room for.
    await provider.write([{ kind: "startInstance", request: request("large", { body }) }]);
    await provider.close(); // Everything is in the file now, and nothing in the log.
    const { start } = await StoreUnderTest.open("file", {}, file).then(toStart);
    await start("a"); // What SQLite has read by now it remembers.
    truncateSync(file, size);
    await expect.poll(() => start(randomUUID()).catch(codeOf)).toBe("store_corrupt");
    await expect(start("b")).rejects.toMatchObject({ code: "store_corrupt", retryable: false });
  });

  test("F43 says that it was cut", async () => {
    const { file } = await openInFolder();
    let ms = 0;
    const place = new FileInPlace(file, "store", { monotonicMs: () => (ms += 1_000) });
    expect(() => place.assert()).not.toThrow();
    truncateSync(file, 0);
    expect(() => place.assert()).toThrow(
      `Cannot use store: "${file}" was cut while the store was open; end all processes of the ` +
        "store, restore a backup, and start again",
    );
  });

  test("F43 goes on when it becomes smaller by a vacuum", async () => {
    const { file, start, provider } = await openInFolder();
    const own = openDatabase(await findBinding(), file);
    own.exec("create table notes (text)");
    own.exec(
      "insert into notes select hex(randomblob(100000)) from json_each('[1,2,3,4,5,6,7,8]')",
    );
    own.prepare("pragma wal_checkpoint(truncate)").all();
    const before = statSync(file).size;
    let ms = 0;
    const readPages = () => readPagesOf(own);
    const place = new FileInPlace(file, "store", { readPages, monotonicMs: () => (ms += 1_000) });
    expect(place.isGone()).toBe(false);
    own.exec("drop table notes; vacuum");
    own.prepare("pragma wal_checkpoint(truncate)").all();
    expect(statSync(file).size).toBeLessThan(before);
    expect(place.isGone()).toBe(false);
    await start("a");
    expect(place.isGone()).toBe(false);
    own.close();
    await provider.close();
  });

  test("F43 tells those who wait", async () => {
    const { file, provider } = await openInFolder();
    const noticed = createDeferred<void>();
    provider.watch(() => noticed.resolve());
    unlinkSync(file);
    await noticed.promise;
    await expect(provider.readInstances(["a"])).rejects.toMatchObject(GONE);
  });

  test("F43 is found by the real name when it was opened by a link", async () => {
    const { file } = await openInFolder();
    const link = join(temporaryFolder(), "link.db");
    symlinkSync(file, link);
    const store = await StoreUnderTest.open("file", {}, link);
    await store.start("a");
    unlinkSync(`${file}-wal`);
    await expect(store.start("b")).rejects.toMatchObject(GONE);
  });
});

describe("FileInPlace", () => {
  test.each(["", "-wal", "-shm"])("F43 notices a change of a quiet folder (%s)", (ending) => {
    const file = join(temporaryFolder(), "store.db");
    for (const end of ["", "-wal", "-shm"]) writeFileSync(`${file}${end}`, "x");
    let ms = 0;
    const place = new FileInPlace(file, "store", { monotonicMs: () => ms });
    for (; ms < 10_000; ms += 1_000) expect(place.isGone()).toBe(false);
    writeFileSync(`${file}-other`, "");
    expect(place.isGone()).toBe(false);
    unlinkSync(`${file}${ending}`);
    expect(place.isGone()).toBe(true);
  });
});

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown }).code;
}

function toStart(store: StoreUnderTest) {
  return { start: (id: string) => store.start(id) };
}

async function openInFolder() {
  const folder = join(temporaryFolder(), "folder");
  mkdirSync(folder);
  const file = join(folder, "store.db");
  const store = await StoreUnderTest.open("file", {}, file);
  const start = (id: string) => store.start(id);
  return { file, start, provider: store.provider, node: store.node };
}
