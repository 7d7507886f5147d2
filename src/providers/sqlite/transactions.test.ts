import { describe, expect, onTestFinished, test } from "vitest";

import { gate } from "../../../tests/support/signal.ts";
import { createFaults } from "../../../tests/support/sqlite-faults.ts";
import { BACKINGS, request, StoreUnderTest } from "../../../tests/support/sqlite-store.ts";
import type { WriteOperation } from "../../provider/provider.ts";
import type { Transaction } from "../../foundation/transaction.ts";
import { findBinding } from "./binding.ts";
import { openDatabase, type SqliteDatabase } from "./driver.ts";

const binding = await findBinding();
const changedMyMind = new Error("changed my mind");

function start(instanceId: string): WriteOperation {
  return { kind: "startInstance", request: request(instanceId) };
}

async function open(
  backing: (typeof BACKINGS)[number],
  options: Parameters<typeof StoreUnderTest.open>[1] = {},
): Promise<StoreUnderTest> {
  const store = await StoreUnderTest.open(backing, options);
  await store.provider.transaction((tx) => tx.query("create table orders (id text primary key)"));
  return store;
}

/** The user's own connection to the file of the store. */
function connect(store: StoreUnderTest): SqliteDatabase {
  const database = openDatabase(binding, store.file!);
  onTestFinished(() => {
    database.close();
  });
  return database;
}

async function ordersIn({ provider }: StoreUnderTest): Promise<unknown[]> {
  const { rows } = await provider.transaction((tx) =>
    tx.query<{ id: string }>("select id from orders order by id"),
  );
  return rows.map((row) => row.id);
}

describe.each(BACKINGS)("a transaction on a store in %s", (backing) => {
  test("lands rows and operations together (G1)", async () => {
    const store = await open(backing);
    const { provider } = store;
    const result = await provider.transaction(async (tx) => {
      await tx.query("insert into orders (id) values ($1)", ["1"]);
      const [outcome] = await provider.transactions.write(tx, [start("a")]);
      return outcome?.kind;
    });
    expect(result).toBe("started");
    expect(await ordersIn(store)).toEqual(["1"]);
    expect(await store.row("a")).toMatchObject({ status: "Pending" });
    expect(await store.claim()).toMatchObject([{ instanceId: "a" }]);
  });

  test("lands neither when its work throws (G1)", async () => {
    const store = await open(backing);
    const { provider } = store;
    const running = provider.transaction(async (tx) => {
      await provider.transactions.write(tx, [start("a")]);
      await tx.query("insert into orders (id) values ($1)", ["1"]);
      throw changedMyMind;
    });
    await expect(running).rejects.toBe(changedMyMind);
    expect(await ordersIn(store)).toEqual([]);
    expect(await provider.readInstances(["a"])).toEqual([]);
    await store.start("a");
  });

  test("lets everything else that wants to be written wait for its end", async () => {
    const store = await open(backing);
    const { provider } = store;
    const order: string[] = [];
    const opened = gate();
    const free = gate();
    const running = provider.transaction(async (tx) => {
      opened.open();
      await free.opened;
      await tx.query("insert into orders (id) values ('1')");
      order.push("transaction");
    });
    await opened.opened;
    const others = [
      store.start("a").then(() => order.push("write")),
      provider.transaction(async () => order.push("next transaction")),
      provider.renewNode(store.node).then(() => order.push("renewal")),
    ];
    free.open();
    await Promise.all([running, ...others]);
    expect(order[0]).toBe("transaction");
    expect(order).toHaveLength(4);
  });

  test("refuses whatever comes after its end", async () => {
    const { provider } = await open(backing);
    let kept!: Transaction;
    await provider.transaction(async (tx) => {
      kept = tx;
    });
    await expect(kept.query("select 1")).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot use the transaction: it has ended; await everything before its function returns]`,
    );
    expect(() => kept.connection).toThrow(expect.objectContaining({ code: "closed" }));
    await expect(provider.transactions.write(kept, [])).rejects.toMatchObject({ code: "closed" });
  });

  test("refuses a transaction inside itself, and to be ended from inside", async () => {
    const store = await open(backing);
    const { provider } = store;
    await provider.transaction(async (tx) => {
      await expect(provider.transaction(async () => 1)).rejects.toThrowErrorMatchingInlineSnapshot(
        `[UsageError: Cannot open a transaction inside another one of the same store: it would wait for itself; use the one that is open]`,
      );
      await expect(tx.query("commit")).rejects.toMatchObject({ code: "invalid_argument" });
      await tx.query("insert into orders (id) values ('1')");
    });
    expect(await ordersIn(store)).toEqual(["1"]);
  });

  test("goes on after a statement that the database refuses, with the driver's error", async () => {
    const store = await open(backing);
    await store.provider.transaction(async (tx) => {
      const insert = () => tx.query("insert into orders (id) values ('1')");
      await insert();
      await expect(insert()).rejects.toMatchObject({ code: "ERR_SQLITE_ERROR" });
      await tx.query("insert into orders (id) values ('2')");
    });
    expect(await ordersIn(store)).toEqual(["1", "2"]);
  });

  test("shares the raw database", async () => {
    const store = await open(backing);
    const { provider } = store;
    await provider.transaction(async (tx) => {
      const database = tx.connection as SqliteDatabase;
      database.prepare("insert into orders (id) values (?)").run("1");
      await provider.transactions.write(database, [start("a")]);
    });
    expect(await ordersIn(store)).toEqual(["1"]);
    expect(await store.row("a")).toMatchObject({ status: "Pending" });
  });

  test("tells who watches after the commit (G3), and of nothing else", async () => {
    const { provider } = await open(backing, { changePollInterval: "1h" });
    let count = 0;
    const end = provider.watch(({ hasWork }) => {
      expect(hasWork).toBe(true);
      count += 1;
    });
    await provider.transaction((tx) => tx.query("insert into orders (id) values ('1')"));
    expect(count).toBe(0);
    await provider.transaction(async (tx) => {
      await provider.transactions.write(tx, [start("a")]);
      expect(count).toBe(0);
    });
    expect(count).toBe(1);
    end();
  });

  test("gives up when another one stays open for too long", async () => {
    const { provider } = await open(backing, { busyTimeout: 5 });
    await provider.transaction(async () => {
      // Forgot to pass the transaction: it would wait for itself for ever.
      await expect(provider.write([start("a")])).rejects.toMatchObject({
        code: "store_busy",
        retryable: true,
      });
    });
    expect(await provider.write([start("a")])).toMatchObject([{ kind: "started" }]);
  });

  test("is waited for by close()", async () => {
    const { provider } = await open(backing);
    const opened = gate();
    const running = provider.transaction(async (tx) => {
      opened.open();
      await new Promise(setImmediate);
      await tx.query("insert into orders (id) values ('1')");
      return "done";
    });
    await opened.opened;
    await provider.close();
    expect(await running).toBe("done");
    await expect(provider.transaction(async () => 1)).rejects.toMatchObject({ code: "closed" });
  });

  test("is over when SQLite has rolled it back by itself (G7)", async () => {
    const store = await open(backing);
    const { provider } = store;
    const running = provider.transaction(async (tx) => {
      await tx.query("insert into orders (id) values ('1')");
      await expect(
        tx.query("insert or rollback into orders (id) values ('1')"),
      ).rejects.toMatchObject({ code: "ERR_SQLITE_ERROR" });
      await expect(tx.query("insert into orders (id) values ('2')")).rejects.toMatchObject({
        code: "closed",
      });
    });
    await expect(running).rejects.toMatchObject({ code: "store_failed" });
    expect(await ordersIn(store)).toEqual([]);
  });

  test.each(["begin immediate", "commit", "insert into orders", "insert into instances"])(
    "leaves nothing when the disk is full at `%s` (G7)",
    async (sql) => {
      const faults = await createFaults();
      const store = await open(backing, { binding: faults.binding });
      const { provider } = store;
      const run = () =>
        provider.transaction(async (tx) => {
          await tx.query("insert into orders (id) values ('1')");
          await provider.transactions.write(tx, [start("a")]);
        });
      faults.failOnce(13, sql);
      await expect(run()).rejects.toMatchObject({ name: "ProviderError", retryable: true });
      expect(await provider.readInstances(["a"])).toEqual([]);
      expect(await ordersIn(store)).toEqual([]);
      await run();
      expect(await ordersIn(store)).toEqual(["1"]);
    },
  );

  test("keeps what the user has written when operations fail", async () => {
    const faults = await createFaults();
    const store = await open(backing, { binding: faults.binding });
    const { provider } = store;
    await provider.transaction(async (tx) => {
      await tx.query("insert into orders (id) values ('1')");
      faults.failOnce(13, "insert into messages");
      await expect(provider.transactions.write(tx, [start("a")])).rejects.toMatchObject({
        name: "ProviderError",
      });
    });
    expect(await ordersIn(store)).toEqual(["1"]);
    expect(await provider.readInstances(["a"])).toEqual([]);
  });
});

describe("a transaction on a store in a file", () => {
  test("lets reads go on, which do not see it", async () => {
    const store = await open("file");
    const { provider } = store;
    await provider.transaction(async (tx) => {
      await provider.transactions.write(tx, [start("a")]);
      expect(await provider.readInstances(["a"])).toEqual([]);
    });
  });

  test("waits for another process without blocking the event loop", async () => {
    const store = await open("file");
    const other = connect(store);
    other.exec("begin immediate");
    const running = store.provider.transaction((tx) =>
      tx.query("insert into orders (id) values ('1')"),
    );
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
    other.exec("commit");
    await running;
    expect(await ordersIn(store)).toEqual(["1"]);
  });
});

describe("a database of the user", () => {
  test("shares its transaction, and lands together or not at all (G1)", async () => {
    const store = await open("file");
    const database = connect(store);
    const { write } = store.provider.transactions;
    for (const end of ["rollback", "commit"]) {
      database.exec("begin immediate");
      database.exec("insert into orders (id) values ('1')");
      expect(await write(database, [start("a")])).toMatchObject([{ kind: "started" }]);
      expect(await store.provider.readInstances(["a"])).toEqual([]);
      database.exec(end);
      expect(await store.provider.readInstances(["a"])).toHaveLength(end === "commit" ? 1 : 0);
      expect(await ordersIn(store)).toHaveLength(end === "commit" ? 1 : 0);
    }
  });

  test("is refused without a transaction, and for another file", async () => {
    const store = await open("file");
    const other = await open("file");
    const memory = await open("memory");
    const { write } = store.provider.transactions;
    const database = connect(store);
    await expect(write(database, [start("a")])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot use this as a transaction: none is open on the database; run \`begin immediate\` on it first]`,
    );
    const stranger = connect(other);
    stranger.exec("begin");
    await expect(write(stranger, [start("a")])).rejects.toMatchObject({
      name: "UsageError",
      code: "invalid_argument",
    });
    database.exec("begin");
    await expect(
      memory.provider.transactions.write(database, [start("a")]),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot use this as a transaction: a store in memory has no other connections; use store.transaction()]`,
    );
    for (const nothing of [undefined, null, {}, "transaction"]) {
      await expect(write(nothing, [start("a")])).rejects.toMatchObject({
        name: "UsageError",
        code: "invalid_argument",
      });
    }
    await other.provider.transaction(async (tx) => {
      await expect(write(tx, [start("a")])).rejects.toThrowErrorMatchingInlineSnapshot(
        `[UsageError: Cannot use this as a transaction: it belongs to another store; pass one of this store]`,
      );
    });
  });

  test("says that it is busy when another one is writing (G7)", async () => {
    const store = await open("file");
    const database = connect(store);
    const other = connect(store);
    other.exec("begin immediate");
    database.exec("begin");
    await expect(store.provider.transactions.write(database, [start("a")])).rejects.toMatchObject({
      code: "store_busy",
      retryable: true,
    });
  });
});
