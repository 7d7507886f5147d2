import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import { describe, expect, test } from "vitest";

import { loadSecondLibrary } from "../../../tests/support/second-library.ts";
import { Neighbour } from "../../../tests/support/sqlite-neighbour.ts";
import { backUp } from "../../../tests/support/sqlite-shell.ts";
import { StoreUnderTest, temporaryFolder } from "../../../tests/support/sqlite-store.ts";
import { findBinding } from "./binding.ts";
import { openDatabase } from "./driver.ts";

const HAS_LOCKS = process.platform === "linux";

/** How many locks this process holds on a file, as the operating system sees it. */
function countLocks(file: string): number {
  const { ino } = statSync(file);
  const lines = readFileSync("/proc/locks", "latin1").split("\n");
  return lines.filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${ino} `))
    .length;
}

/** How opening a file ends in a thread, which ends with it. */
async function openInThread(file: string, library: "own" | "same"): Promise<unknown> {
  const worker = new Worker(
    new URL("../../../tests/support/sqlite-refused-thread.worker.mjs", import.meta.url),
    { workerData: { file, library } },
  );
  const ended = once(worker, "exit");
  const [outcome] = await once(worker, "message");
  await ended;
  return outcome;
}

describe.runIf(HAS_LOCKS)("a file that is open, and opened by a thread that ends", () => {
  // First: once another library is loaded, this cannot be told apart from one of its connections.
  test("F1 is opened when the connection of the user is of the same library", async () => {
    const store = await StoreUnderTest.open("file");
    await store.provider.close();
    const own = openDatabase(await findBinding(), store.file!);
    own.exec("create table notes (text)");
    expect(await openInThread(store.file!, "same")).toBe("opened");
    expect(countLocks(store.file!)).toBe(1);
    own.close();
  });

  test("F1 keeps its log when the thread is refused for its library", async () => {
    const store = await StoreUnderTest.open("file");
    await store.start("a");
    expect(await openInThread(store.file!, "own")).toBe("store_unsafe");
    expect(countLocks(store.file!)).toBe(1);
    expect(await openInThread(store.file!, "same")).toBe("opened");
    expect(await backUp(store.file!)).toEqual(["a"]);
    await store.start("b");
    expect(await backUp(store.file!)).toEqual(["a", "b"]);
  });

  test("F1 keeps the locks of another library when the thread is refused", async () => {
    const file = join(temporaryFolder(), "store.db");
    const neighbour = new Neighbour(file);
    expect(await neighbour.opened).toEqual({ value: undefined });
    const theirs = openDatabase(loadSecondLibrary(), file);
    theirs.exec("delete from nodes");
    expect(await openInThread(file, "same")).toBe("store_unsafe");
    expect(countLocks(file)).toBe(1);
    theirs.close();
  });
});
