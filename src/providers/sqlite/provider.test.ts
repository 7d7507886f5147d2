import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { createFaults } from "../../../tests/support/sqlite-faults.ts";
import {
  BACKINGS,
  DONE,
  historyRow,
  request,
  StoreUnderTest,
  temporaryFolder,
} from "../../../tests/support/sqlite-store.ts";
import { PROVIDER_CONTRACT_VERSION, type Provider } from "../../provider/provider.ts";
import { ProviderError } from "../../provider/errors.ts";
import { findBinding } from "./binding.ts";
import { openDatabase } from "./driver.ts";
import { SqliteProvider } from "./index.ts";

/** Each method of the contract that reaches the store, called in some way. */
function callAll(provider: Provider): Promise<unknown>[] {
  const claims = { node: 1, limit: 1 };
  return [
    provider.write([]),
    provider.claimInstances({ ...claims, remembered: new Map() }),
    provider.claimActivities(claims),
    provider.hasClaimableWork(),
    provider.readHeldWork(1, 1),
    provider.nextDueMs(0),
    provider.findLostActivities([]),
    provider.unblockWork(),
    provider.registerNode({ label: "x", leaseMs: 1 }),
    provider.renewNode(1),
    provider.listNodes(),
    provider.removeNode(1),
    provider.readInstances(["a"]),
    provider.readHistory("a", 1),
    provider.listExecutions("a"),
    provider.listInstances({ limit: 1 }),
    provider.listChildren("a"),
    provider.readKeyValues("a"),
  ];
}

describe.each(BACKINGS)("SqliteProvider on a %s store", (backing) => {
  test("says who it is and takes its time from its clock (R25)", async () => {
    const store = await StoreUnderTest.open(backing);
    expect(store.provider).toMatchObject({
      name: "sqlite",
      contractVersion: PROVIDER_CONTRACT_VERSION,
    });
    expect(store.provider.nowMs()).toBe(store.clock.ms);
  });

  test("closes once, and refuses every call afterwards", async () => {
    const store = await StoreUnderTest.open(backing);
    await Promise.all([store.provider.close(), store.provider.close()]);
    await store.provider[Symbol.asyncDispose]();
    for (const result of await Promise.allSettled(callAll(store.provider))) {
      expect(result).toMatchObject({
        status: "rejected",
        reason: { name: "ProviderError", code: "closed" },
      });
    }
    expect(store.provider.watch(() => {})()).toBeUndefined();
  });

  test("ends what is under way before it closes", async () => {
    const store = await StoreUnderTest.open(backing);
    const started = store.start("a");
    await store.provider.close();
    expect(await started).toMatchObject({ kind: "started" });
  });

  test("throws nothing but ProviderError, whatever it is given", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a");
    const results = await Promise.allSettled([
      store.provider.readInstances([Symbol("x") as unknown as string]),
      store.provider.write([{ kind: "unheard of" } as never]),
      store.provider.write([{ kind: "startInstance", request: null as never }]),
      store.provider.claimInstances(null as never),
    ]);
    for (const result of results) {
      expect((result as PromiseRejectedResult).reason).toBeInstanceOf(ProviderError);
    }
    expect(await store.claim()).toHaveLength(1);
  });

  test("serves two users of the same object", async () => {
    const store = await StoreUnderTest.open(backing);
    const second = await store.registerNode();
    await store.start("a");
    await store.start("b");
    const claims = await Promise.all([
      store.claim({ limit: 1 }),
      store.claim({ node: second, limit: 1 }),
    ]);
    expect(claims.flat().map((it) => [it.instanceId, it.claim.node])).toEqual([
      ["a", store.node],
      ["b", second],
    ]);
  });
});

describe("SqliteProvider in memory", () => {
  test("is a store of its own each time", async () => {
    const [one, other] = [await SqliteProvider.inMemory(), await SqliteProvider.open(":memory:")];
    await one.write([{ kind: "startInstance", request: request("a") }]);
    expect(await other.readInstances(["a"])).toEqual([]);
    expect(one.watch(() => {})()).toBeUndefined();
    await Promise.all([one.close(), other.close()]);
  });
});

describe("SqliteProvider on a file that fails", () => {
  test.each([
    [5, "store_busy", true],
    [6, "store_busy", true],
    [517, "store_busy", true],
    [7, "store_failed", true],
    [10, "store_failed", true],
    [1_034, "store_failed", true],
    [13, "store_failed", true],
    [14, "store_failed", true],
    [15, "store_failed", true],
    [17, "store_failed", true],
    [8, "store_read_only", false],
    [1_032, "store_read_only", false],
    [11, "store_corrupt", false],
    [26, "store_corrupt", false],
    [1_555, "store_failed", false],
    [1, "store_failed", false],
  ])("reports result code %i as %s, retryable: %s", async (errcode, code, retryable) => {
    const faults = await createFaults();
    const store = await StoreUnderTest.open("file", { binding: faults.binding, busyTimeout: 0 });
    faults.failOnce(errcode);
    await expect(store.row("a")).rejects.toMatchObject({
      name: "ProviderError",
      code,
      retryable,
      details: { resultCode: errcode },
      message: expect.stringMatching(/^Cannot read store ".+": .+; .+[^.]$/),
    });
  });

  test("reads the codes of better-sqlite3 and libsql as well (R30)", async () => {
    const faults = await createFaults();
    const store = await StoreUnderTest.open("file", { binding: faults.binding, busyTimeout: 0 });
    for (const [fields, code] of [
      [{ code: "SQLITE_BUSY_SNAPSHOT" }, "store_busy"],
      [{ code: "SQLITE_READONLY" }, "store_read_only"],
      [{ code: "SQLITE_CONSTRAINT_PRIMARYKEY", rawCode: 1_555 }, "store_failed"],
      [{ code: "SQLITE_UNHEARD_OF" }, "store_failed"],
      [{ code: "ERR_SQLITE_ERROR", message: "database is locked" }, "store_busy"],
    ] as const) {
      faults.hook = () => {
        faults.hook = () => {};
        throw Object.assign(new Error("disk I/O error, database is locked"), fields);
      };
      await expect(store.row("a")).rejects.toMatchObject({ code });
    }
  });

  test.each(["begin immediate", "insert into history", "update instances", "commit"])(
    "leaves nothing behind when the disk is full at %j, and goes on afterwards (31 atomicity, P7)",
    async (statement) => {
      const faults = await createFaults();
      const store = await StoreUnderTest.open("file", { binding: faults.binding });
      const claim = await store.begin("a");
      const turn = { history: [historyRow(1)], change: DONE };
      faults.failOnce(13, statement);
      await expect(store.commit(claim, turn)).rejects.toMatchObject({ retryable: true });
      expect(await store.row("a")).toMatchObject({ status: "Running" });
      expect(await store.provider.readHistory("a", 1)).toEqual([]);
      expect(await store.commit(claim, turn)).toMatchObject({ kind: "committed" });
    },
  );

  test("goes on when SQLite has rolled back by itself", async () => {
    const faults = await createFaults();
    const store = await StoreUnderTest.open("file", { binding: faults.binding });
    const statements: string[] = [];
    faults.hook = (sql) => {
      statements.push(sql.trim());
      if (sql.includes("insert into instances")) throw Object.assign(new Error(), { errcode: 13 });
      if (sql === "rollback") throw Object.assign(new Error("no transaction"), { errcode: 1 });
    };
    await expect(store.start("a")).rejects.toMatchObject({ code: "store_failed", retryable: true });
    expect(statements.at(-1)).toBe("rollback");
  });

  test("repeats a call that found the store busy, without a word to the caller", async () => {
    const faults = await createFaults();
    const store = await StoreUnderTest.open("file", { binding: faults.binding });
    let refusals = 3;
    faults.hook = (sql) => {
      if (sql !== "begin immediate" || refusals === 0) return;
      refusals -= 1;
      throw Object.assign(new Error(), { errcode: 5 });
    };
    expect(await store.start("a")).toMatchObject({ kind: "started" });
    expect(refusals).toBe(0);
  });

  test("waits for the disk exactly where something was acknowledged", async () => {
    const faults = await createFaults();
    const store = await StoreUnderTest.open("file", {
      binding: faults.binding,
      durability: "full",
    });
    let level = "full";
    const commits: string[] = [];
    faults.hook = (sql) => {
      level = /synchronous = (\w+)/.exec(sql)?.[1] ?? level;
      if (sql === "commit") commits.push(level);
    };
    await store.start("a");
    const [claimed] = await store.claim();
    await store.provider.renewNode(store.node);
    await store.commit(claimed!.claim, { change: DONE });
    expect(commits).toEqual(["full", "normal", "normal", "full"]);
    // An error on the way does not leave the store less durable than it was.
    faults.hook = (sql) => {
      level = /synchronous = (\w+)/.exec(sql)?.[1] ?? level;
      if (sql === "commit") throw Object.assign(new Error(), { errcode: 10 });
    };
    await expect(store.provider.renewNode(store.node)).rejects.toMatchObject({ retryable: true });
    expect(level).toBe("full");
  });

  test("opens with the durability that was asked for", async () => {
    for (const [durability, synchronous] of [
      [undefined, "full"],
      ["full", "full"],
      ["process", "normal"],
    ] as const) {
      const faults = await createFaults();
      const levels: string[] = [];
      faults.hook = (sql) => {
        const level = /^pragma synchronous = (\w+)/.exec(sql)?.[1];
        if (level !== undefined) levels.push(level);
      };
      const file = join(temporaryFolder(), "store.db");
      await (await SqliteProvider.open(file, { durability, binding: faults.binding })).close();
      expect(levels).toEqual([synchronous]);
    }
  });

  test.each(["removed", "replaced"])("notices that its file was %s", async (what) => {
    const store = await StoreUnderTest.open("file");
    renameSync(store.file!, `${store.file!}.away`);
    if (what === "replaced") writeFileSync(store.file!, "");
    await expect(store.provider.renewNode(store.node)).rejects.toMatchObject({
      code: "store_not_found",
      retryable: false,
    });
  });

  test("never drops a row that it cannot read (R22)", async () => {
    const store = await StoreUnderTest.open("file");
    await store.begin("failed", { change: { status: "Failed" } });
    await store.start("parked");
    const raw = openDatabase(await findBinding(), store.file!);
    raw.exec("update instances set failure = '{' where id = 'failed'");
    raw.exec("update instances set blocked = '{' where id = 'parked'");
    raw.close();
    await expect(store.row("failed")).rejects.toMatchObject({ code: "store_corrupt" });
    await expect(store.provider.listInstances({ limit: 9 })).rejects.toMatchObject({
      code: "store_corrupt",
    });
    // A broken note keeps neither this instance nor others from going on.
    expect(await store.claim()).toMatchObject([
      { instanceId: "parked", row: { blocked: { code: "store_corrupt" } } },
    ]);
  });
});
