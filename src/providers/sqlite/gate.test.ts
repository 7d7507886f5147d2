import { describe, expect, test } from "vitest";

import { SqliteFault } from "../../../tests/support/sqlite-faults.ts";
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
    await expect(gate.pass(() => 1)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ProviderError: Cannot use store now: a transaction of this process has been open for too long; keep transactions short, and pass them to every call that is awaited inside of them]`,
    );
    await expect(gate.enter()).rejects.toMatchObject({ code: "store_busy", retryable: true });
    gate.leave();
    await expect(gate.pass(() => 1)).resolves.toBe(1);
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
