import { describe, expect, test } from "vitest";

import { eventually } from "../../tests/support/signal.ts";
import { ProviderError } from "./errors.ts";
import { InstanceWatch, type WatchTimes } from "./instance-watch.ts";
import type { InstanceRow, Provider, StoreChange } from "./provider.ts";

interface Store {
  readonly reads: string[][];
  readonly rows: Map<string, Partial<InstanceRow>>;
  readonly listeners: Set<(change: StoreChange) => void>;
  onRead: () => void;
  readonly watch: InstanceWatch;
}

function open(times: WatchTimes = {}): Store {
  const reads: string[][] = [];
  const rows = new Map<string, Partial<InstanceRow>>();
  const listeners = new Set<(change: StoreChange) => void>();
  const provider = {
    readInstances: async (ids: readonly string[]) => {
      reads.push([...ids]);
      store.onRead();
      return ids.flatMap((instanceId) => {
        const row = rows.get(instanceId);
        return row === undefined ? [] : [{ instanceId, ...row } as InstanceRow];
      });
    },
    watch: (listener: (change: StoreChange) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as Provider;
  const store: Store = {
    reads,
    rows,
    listeners,
    onRead: () => undefined,
    watch: new InstanceWatch(provider, times),
  };
  return store;
}

const isDone = (row: InstanceRow | undefined) =>
  row?.status === "Completed" ? { value: row.instanceId } : undefined;
const subject = "the test";

describe("looking", () => {
  test("what is true already needs no notification (I2)", async () => {
    const store = open();
    store.rows.set("a", { status: "Completed" });
    expect(await store.watch.waitFor("a", isDone, { subject })).toBe("a");
  });

  test("a notification of this process is enough", async () => {
    const store = open();
    const done = store.watch.waitFor("a", isDone, { subject });
    await eventually(() => store.reads.length === 1);
    store.rows.set("a", { status: "Completed" });
    store.watch.notify("a");
    expect(await done).toBe("a");
    expect(store.reads).toHaveLength(2);
  });

  test("a change by another process is enough", async () => {
    const store = open();
    const done = store.watch.waitFor("a", isDone, { subject });
    await eventually(() => store.reads.length === 1);
    store.rows.set("a", { status: "Completed" });
    for (const listener of store.listeners) listener({ hasWork: true });
    expect(await done).toBe("a");
  });

  test("a change that names its instances reads those alone", async () => {
    const store = open();
    const done = store.watch.waitFor("a", isDone, { subject });
    void store.watch.waitFor("b", isDone, { subject, timeoutMs: 50 }).catch(() => undefined);
    await eventually(() => store.reads.flat().length === 2);
    store.rows.set("a", { status: "Completed" });
    for (const listener of store.listeners) listener({ instanceIds: ["a", "c"], hasWork: false });
    expect(await done).toBe("a");
    expect(store.reads.flat()).toEqual(["a", "b", "a"]);
  });

  test("however many wait, one read answers them (I1)", async () => {
    const store = open();
    const ids = Array.from({ length: 4_000 }, (_, i) => `i${i}`);
    for (const id of ids) store.rows.set(id, { status: "Completed" });
    const answers = await Promise.all(
      ids.map((id) => store.watch.waitFor(id, isDone, { subject })),
    );
    expect(answers).toEqual(ids);
    expect(store.reads).toEqual([ids]);
  });

  test("a lost notification is made up for by the safety net, one for all", async () => {
    const store = open({ safetyPollMs: 5 });
    const ids = Array.from({ length: 100 }, (_, i) => `i${i}`);
    const all = Promise.all(ids.map((id) => store.watch.waitFor(id, isDone, { subject })));
    await eventually(() => store.reads.length === 1);
    for (const id of ids) store.rows.set(id, { status: "Completed" });
    expect(await all).toEqual(ids);
    expect(store.reads.every((read) => read.length === ids.length)).toBe(true);
  });

  test("nobody waits, nobody looks", async () => {
    const store = open();
    store.rows.set("a", { status: "Completed" });
    await store.watch.waitFor("a", isDone, { subject });
    expect(store.listeners.size).toBe(0);
    store.watch.notify("a");
    store.rows.set("b", { status: "Completed" });
    await store.watch.waitFor("b", isDone, { subject });
    expect(store.reads).toEqual([["a"], ["b"]]);
  });
});

describe("ends", () => {
  test("a check that throws is that waiter's error alone (I3)", async () => {
    const store = open();
    store.rows.set("a", { status: "Completed" });
    const unreadable = store.watch.waitFor(
      "a",
      () => {
        throw new RangeError("unreadable");
      },
      { subject },
    );
    const good = store.watch.waitFor("a", isDone, { subject });
    await expect(unreadable).rejects.toThrow("unreadable");
    expect(await good).toBe("a");
  });

  test("a timeout is a TimeoutError, and an aborted signal an AbortedError, early or late", async () => {
    const store = open();
    await expect(store.watch.waitFor("a", isDone, { subject, timeoutMs: 1 })).rejects.toMatchObject(
      {
        code: "timeout",
      },
    );
    const controller = new AbortController();
    const late = store.watch.waitFor("a", isDone, { subject, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(late).rejects.toMatchObject({ code: "aborted" });
    const early = store.watch.waitFor("a", isDone, { subject, signal: controller.signal });
    await expect(early).rejects.toMatchObject({ code: "aborted" });
    expect(store.listeners.size).toBe(0);
  });

  test("G7 a busy store is asked again; a closed one ends the wait", async () => {
    const store = open({ retryMs: 1 });
    store.onRead = () => {
      if (store.reads.length === 1)
        throw new ProviderError("store_busy", "Cannot read: busy", { retryable: true });
    };
    store.rows.set("a", { status: "Completed" });
    expect(await store.watch.waitFor("a", isDone, { subject })).toBe("a");
    store.onRead = () => {
      throw new ProviderError("closed", "Cannot read: closed", { retryable: false });
    };
    await expect(store.watch.waitFor("a", isDone, { subject })).rejects.toMatchObject({
      code: "closed",
    });
  });
});
