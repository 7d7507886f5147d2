import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { createDeferred } from "../../foundation/deferred.ts";
import { useFakeHost } from "../../../tests/support/fake-host.ts";
import { temporaryFolder } from "../../../tests/support/sqlite-store.ts";
import { findBinding } from "./binding.ts";
import { ChangeWatch } from "./change-watch.ts";
import { Connection, openDatabase } from "./driver.ts";

const POLL_MS = 10;
/** 200 looks without a change. */
const QUIET_MS = 200 * POLL_MS;
const QUIET_POLL_MS = 5 * POLL_MS;
const TOLD_LOOK_MS = 5_000;
const HOUR_MS = 3_600_000;

/** Two connections to one file: what `other` writes, the watch of `own` has to find. */
async function openTwo(): Promise<{ file: string; own: Connection; other: Connection }> {
  const file = join(temporaryFolder(), "watched.db");
  const binding = await findBinding();
  const open = (): Connection => {
    const database = openDatabase(binding, file);
    database.exec("pragma journal_mode = wal");
    database.exec("create table if not exists t (n integer)");
    return new Connection(database, false);
  };
  return { file, own: open(), other: open() };
}

/** A store whose changes nobody is told of. */
class SilentStore {
  readonly file: string = join(temporaryFolder(), "silent.db");
  version = 1;
  lookCount = 0;
  readonly connection: Connection = {
    prepare: () => ({
      get: () => {
        this.lookCount += 1;
        return { data_version: this.version };
      },
    }),
  } as unknown as Connection;

  constructor() {
    for (const name of [this.file, `${this.file}-wal`]) writeFileSync(name, "");
  }
}

/** Someone who only notes whether anything was heard. */
function listen(connection: Connection, file: string) {
  const watch = new ChangeWatch(connection, { file, pollMs: POLL_MS });
  let isHeard = false;
  watch.add(() => {
    isHeard = true;
  });
  return { watch, hasHeard: () => isHeard };
}

function write(connection: Connection): void {
  connection.database.exec("insert into t values (1)");
}

describe("a watch for changes of others", () => {
  beforeEach(() => {
    useFakeHost({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("is told of a write while it is quiet, without looking", async () => {
    const { file, own, other } = await openTwo();
    const watch = new ChangeWatch(own, { file, pollMs: POLL_MS });
    const heard = createDeferred<void>();
    watch.add(() => heard.resolve());
    vi.advanceTimersByTime(QUIET_MS);
    write(other);
    await heard.promise; // No timer of this test rings any more.
    watch.close();
  });

  test("looks often again after what it was told", async () => {
    const { file, own, other } = await openTwo();
    const watch = new ChangeWatch(own, { file, pollMs: POLL_MS });
    let heardCount = 0;
    let heard = createDeferred<void>();
    watch.add(() => {
      heardCount += 1;
      heard.resolve();
    });
    vi.advanceTimersByTime(QUIET_MS);
    write(other);
    await heard.promise;
    heard = createDeferred();
    write(other);
    vi.advanceTimersByTime(POLL_MS);
    expect(heardCount).toBe(2);
    watch.close();
  });

  test("takes a write of its own for none while it is quiet", async () => {
    const { file, own, other } = await openTwo();
    const watch = new ChangeWatch(own, { file, pollMs: POLL_MS });
    const heard = createDeferred<string>();
    let by = "itself";
    watch.add(() => heard.resolve(by));
    vi.advanceTimersByTime(QUIET_MS);
    write(own);
    for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(TOLD_LOOK_MS);
    by = "the other";
    write(other);
    vi.advanceTimersByTime(TOLD_LOOK_MS);
    expect(await heard.promise).toBe("the other");
    watch.close();
  });

  test("sees soon what it was told of before the log was flushed", () => {
    const store = new SilentStore();
    const { watch, hasHeard } = listen(store.connection, store.file);
    vi.advanceTimersByTime(QUIET_MS);
    store.version += 1; // No write comes with it: the frames were written before.
    vi.advanceTimersByTime(QUIET_POLL_MS);
    expect(hasHeard()).toBe(true);
    watch.close();
  });

  test("sees what nobody tells of within five seconds, however long it was quiet", () => {
    const store = new SilentStore();
    const { watch, hasHeard } = listen(store.connection, store.file);
    vi.advanceTimersByTime(HOUR_MS);
    store.version += 1;
    vi.advanceTimersByTime(TOLD_LOOK_MS);
    expect(hasHeard()).toBe(true);
    watch.close();
  });

  test("F13 looks often once a change came without a notice", () => {
    const store = new SilentStore();
    const watch = new ChangeWatch(store.connection, { file: store.file, pollMs: POLL_MS });
    let heardCount = 0;
    watch.add(() => {
      heardCount += 1;
    });
    vi.advanceTimersByTime(HOUR_MS);
    store.version += 1;
    vi.advanceTimersByTime(TOLD_LOOK_MS);
    expect(heardCount).toBe(1);
    for (let i = 2; i < 5; i += 1) {
      vi.advanceTimersByTime(HOUR_MS);
      store.version += 1;
      vi.advanceTimersByTime(QUIET_POLL_MS);
      expect(heardCount).toBe(i);
    }
    watch.close();
  });

  test("F13 looks often from the first on where the file system tells of nothing", () => {
    const store = new SilentStore();
    const options = { file: store.file, pollMs: POLL_MS, isTold: false };
    const watch = new ChangeWatch(store.connection, options);
    let isHeard = false;
    watch.add(() => {
      isHeard = true;
    });
    vi.advanceTimersByTime(HOUR_MS);
    store.version += 1;
    vi.advanceTimersByTime(QUIET_POLL_MS);
    expect(isHeard).toBe(true);
    watch.close();
  });

  test("F13 looks rarely again once a change came with a notice", async () => {
    const store = new SilentStore();
    const options = { file: store.file, pollMs: POLL_MS, isTold: false };
    const watch = new ChangeWatch(store.connection, options);
    const heard = createDeferred<void>();
    watch.add(() => heard.resolve());
    vi.advanceTimersByTime(QUIET_MS);
    store.version += 1;
    writeFileSync(`${store.file}-wal`, "a commit");
    await heard.promise; // No timer of this test rings meanwhile: it is the notice.
    store.lookCount = 0;
    vi.advanceTimersByTime(HOUR_MS);
    expect(store.lookCount).toBeLessThan(HOUR_MS / TOLD_LOOK_MS + 300);
    watch.close();
  });

  test("hardly looks while nothing changes", () => {
    const store = new SilentStore();
    const watch = new ChangeWatch(store.connection, { file: store.file, pollMs: POLL_MS });
    watch.add(() => undefined);
    vi.advanceTimersByTime(QUIET_MS);
    store.lookCount = 0;
    vi.advanceTimersByTime(HOUR_MS);
    expect(store.lookCount).toBeLessThan(HOUR_MS / TOLD_LOOK_MS + 10);
    watch.close();
  });

  test("goes on looking, more rarely, where nobody can tell of a write", async () => {
    const { file, own, other } = await openTwo();
    const { watch, hasHeard } = listen(own, `${file}-missing`);
    vi.advanceTimersByTime(QUIET_MS);
    write(other);
    vi.advanceTimersByTime(POLL_MS);
    const wasHeardBefore = hasHeard();
    vi.advanceTimersByTime(QUIET_POLL_MS);
    expect({ wasHeardBefore, isHeard: hasHeard() }).toEqual({
      wasHeardBefore: false,
      isHeard: true,
    });
    watch.close();
  });

  test("looks no more when nobody listens", async () => {
    const { file, own, other } = await openTwo();
    const watch = new ChangeWatch(own, { file, pollMs: POLL_MS });
    const end = watch.add(() => {
      throw new Error("heard after its end");
    });
    vi.advanceTimersByTime(QUIET_MS);
    end();
    expect(vi.getTimerCount()).toBe(0);
    write(other);
    for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
    watch.close();
  });
});
