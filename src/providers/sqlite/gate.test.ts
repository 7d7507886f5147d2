import { describe, expect, test } from "vitest";

import { SqliteFault } from "../../../tests/support/sqlite-faults.ts";
import { StoreUnderTest } from "../../../tests/support/sqlite-store.ts";
import { findBinding } from "./binding.ts";
import { openDatabase } from "./driver.ts";
import { Gate } from "./gate.ts";

describe("Gate", () => {
  test("lets work pass at once while nobody is inside (I2)", () => {
    const gate = new Gate(1_000, "store");
    let isDone = false;
    void gate.pass(() => {
      isDone = true;
    });
    expect(isDone).toBe(true);
  });

  test("lets in one at a time, in the order of arrival (I1)", async () => {
    const gate = new Gate(1_000, "store");
    const order: string[] = [];
    await gate.enter();
    const waiting = [
      gate.pass(() => order.push("first")),
      gate.enter().then(() => {
        order.push("second");
      }),
      gate.pass(() => order.push("third")),
    ];
    await Promise.resolve();
    expect(order).toEqual([]);
    gate.leave();
    await waiting[0];
    await waiting[1];
    expect(order).toEqual(["first", "second"]);
    expect(gate.isTaken).toBe(true);
    gate.leave();
    await waiting[2];
    expect(order).toEqual(["first", "second", "third"]);
    await gate.enter();
    gate.leave();
    expect(gate.isTaken).toBe(false);
  });

  test("gives up after the timeout, and goes on for the others", async () => {
    const gate = new Gate(5, "store");
    await gate.enter();
    gate.noteTransaction();
    await expect(gate.pass(() => 1)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ProviderError: Cannot use store now: a transaction of this process has been open for too long; keep transactions short, and pass them to every call that is awaited inside of them]`,
    );
    await expect(gate.enter()).rejects.toMatchObject({ code: "store_busy", retryable: true });
    gate.leave();
    await expect(gate.pass(() => 1)).resolves.toBe(1);
  });

  test("F57 blames no transaction of this process for a lock of another one", async () => {
    const gate = new Gate(20, "store");
    const busy = (): never => {
      throw new SqliteFault(5);
    };
    const first = gate.pass(busy).catch((error: unknown) => error);
    await expect(gate.pass(() => 1)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ProviderError: Cannot use store: another process or connection holds its lock; end its transaction, or raise busyTimeout]`,
    );
    await expect(first).resolves.toMatchObject({ errcode: 5 });
    await gate.enter();
    await expect(gate.enter()).rejects.toThrow("another process or connection holds its lock");
  });

  test("F57 says so to each call that waits for the lock of another connection", async () => {
    const store = await StoreUnderTest.open("file", { busyTimeout: 20 });
    const other = openDatabase(await findBinding(), store.file!);
    other.exec("begin immediate");
    const calls = [store.start("a"), store.start("b"), store.provider.transaction(async () => 1)];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({
        reason: { code: "store_busy", message: expect.stringContaining("holds its lock") },
      });
    }
    other.exec("rollback");
    other.close();
    await store.start("c");
  });

  test("tries again while another process holds the lock, and keeps the order", async () => {
    const gate = new Gate(1_000, "store");
    const order: number[] = [];
    let tries = 0;
    const first = gate.pass(() => {
      tries += 1;
      if (tries < 4) throw new SqliteFault(5);
      order.push(1);
    });
    const second = gate.pass(() => order.push(2));
    await Promise.all([first, second]);
    expect(order).toEqual([1, 2]);
  });

  test("passes on what its work throws, and is free again", async () => {
    const gate = new Gate(1_000, "store");
    const fail = () =>
      gate.pass(() => {
        throw new SqliteFault(13);
      });
    await expect(fail()).rejects.toThrow("fault 13");
    await gate.enter();
    const late = fail();
    gate.leave();
    await expect(late).rejects.toThrow("fault 13");
    expect(gate.isTaken).toBe(false);
  });
});
