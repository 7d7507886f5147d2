import { describe, expect, test } from "vitest";

import {
  activity,
  BACKINGS,
  bodiesOf,
  DONE,
  effects,
  historyRow,
  request,
  StoreUnderTest,
} from "../../../tests/support/sqlite-store.ts";

describe.each(BACKINGS)("starting an instance in a %s store", (backing) => {
  test("creates a pending row and queues its first message (31 instance creation)", async () => {
    const store = await StoreUnderTest.open(backing);
    const outcome = await store.start("a");
    expect(outcome).toMatchObject({
      kind: "started",
      delivered: [{ instanceId: "a", message: { body: "start a" } }],
    });
    expect(await store.row("a")).toEqual({
      key: outcome.kind === "started" ? outcome.key : undefined,
      instanceId: "a",
      name: "order",
      version: "",
      runId: "run-of-a",
      status: "Pending",
      executionId: 1,
      output: undefined,
      customStatus: undefined,
      customStatusVersion: 0,
      createdMs: 1_000_000,
      updatedMs: 1_000_000,
    });
    const [claimed] = await store.claim();
    await store.commit(claimed!.claim);
    expect(await store.row("a")).toMatchObject({ status: "Running" });
  });

  test("with its first turn needs no message and is held from the start", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", {
      history: [historyRow(1)],
      change: { version: "1.0.0", customStatus: { value: "1" } },
    });
    expect(await store.row("a")).toMatchObject({
      status: "Running",
      version: "1.0.0",
      customStatus: "1",
      customStatusVersion: 1,
    });
    expect(await store.claim({ node: await store.registerNode() })).toEqual([]);
    expect(await store.commit(claim)).toMatchObject({ kind: "committed" });
  });

  test("may end in its first turn", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", { history: [historyRow(1)], change: DONE });
    expect(await store.row("a")).toMatchObject({ status: "Completed", output: '"done"' });
    expect(await store.commit(claim)).toMatchObject({ kind: "claimLost" });
  });

  test("with a first turn of an unregistered node is refused without effect (P3)", async () => {
    const store = await StoreUnderTest.open(backing);
    const outcome = await store.write({
      kind: "startInstance",
      request: request("a"),
      firstTurn: { node: 999, effects: effects() },
    });
    expect(outcome).toMatchObject({ kind: "claimLost" });
    expect(await store.provider.readInstances(["a"])).toEqual([]);
  });

  test("again says that the id is in use, and whether by the same request", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a");
    expect(await store.start("a")).toMatchObject({
      kind: "idInUse",
      isSame: true,
      existing: { instanceId: "a", status: "Pending" },
    });
    for (const idReuse of ["reject", "ignore", "replaceFinished"] as const) {
      const other = { idReuse, runId: "another", body: "another", name: "another" };
      expect(await store.start("a", other)).toMatchObject({ kind: "idInUse", isSame: false });
    }
    // Nothing of the refused requests is left, neither name nor message.
    const [claimed] = await store.claim();
    expect(claimed!.row.name).toBe("order");
    expect(bodiesOf(claimed!.messages)).toEqual(["start a"]);
  });

  test("may replace a finished instance, with everything that it had (31 deletion)", async () => {
    const store = await StoreUnderTest.open(backing);
    const old = await store.begin("a", {
      history: [historyRow(1)],
      newActivities: [activity(1)],
      keyValues: { isCleared: false, changes: [{ key: "k", value: "1", updatedMs: 1 }] },
      change: DONE,
    });
    const [stale] = await store.claimActivities();
    const again = { runId: "second", idReuse: "replaceFinished" } as const;
    const outcome = await store.start("a", again);
    expect(outcome).toMatchObject({ kind: "started" });
    expect(outcome).not.toMatchObject({ key: old.key });
    expect(await store.row("a")).toMatchObject({ status: "Pending", runId: "second" });
    expect(await store.provider.readHistory("a", 1)).toEqual([]);
    expect(await store.provider.readKeyValues("a")).toEqual(new Map());
    // A late activity of the old one cannot touch the new one.
    expect(await store.complete(stale!.claim)).toMatchObject({ kind: "claimLost" });
    expect(await store.send("a", "for the old one", "run-of-a")).toEqual({
      kind: "unknownInstance",
    });
    expect(await store.send("a", "for the new one", "second")).toMatchObject({ kind: "accepted" });
    // The same request once more is itself, whatever its policy.
    expect(await store.start("a", again)).toMatchObject({ kind: "idInUse", isSame: true });
  });

  test("does not replace a finished instance by the very request that made it", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.begin("a", { change: DONE });
    expect(await store.start("a", { idReuse: "replaceFinished" })).toMatchObject({
      kind: "idInUse",
      isSame: true,
    });
  });

  test("is not done by a message (31 instance creation)", async () => {
    const store = await StoreUnderTest.open(backing);
    expect(await store.send("a", "x")).toEqual({ kind: "unknownInstance" });
    expect(await store.provider.readInstances(["a"])).toEqual([]);
  });

  test("takes ids apart that differ after a NUL, and finds them by prefix", async () => {
    const store = await StoreUnderTest.open(backing);
    const ids = ["a", "a\u0000", "a\u0000b", "a\u0001", "a\u00010", "a\u00010b"];
    for (const id of ids) expect(await store.start(id)).toMatchObject({ kind: "started" });
    const rows = await store.provider.readInstances(ids);
    expect(rows.map((row) => row.instanceId)).toEqual(ids);
    const startingWith = async (idPrefix: string): Promise<string[]> => {
      const page = await store.provider.listInstances({ idPrefix, limit: 10 });
      return page.rows.map((row) => row.instanceId).reverse();
    };
    expect(await startingWith("a\u0000")).toEqual(["a\u0000", "a\u0000b"]);
    expect(await startingWith("a\u0001")).toEqual(["a\u0001", "a\u00010", "a\u00010b"]);
    expect(await startingWith("a")).toEqual(ids);
  });

  test.each(["", "ä/ö 💥", "x".repeat(4_000), "a'; drop table instances; --"])(
    "accepts the id %j",
    async (id) => {
      const store = await StoreUnderTest.open(backing);
      await store.start(id);
      expect(await store.row(id)).toMatchObject({ instanceId: id });
      expect((await store.provider.listInstances({ limit: 1 })).rows).toHaveLength(1);
    },
  );
});

describe.each(BACKINGS)("a child start in a %s store", (backing) => {
  const parent = { instanceId: "p", executionId: 1, eventId: 5 };

  test("carries its parent link", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.begin("p", { starts: [request("c", { parent })] });
    expect(await store.row("c")).toMatchObject({ parent, status: "Pending" });
    expect((await store.provider.listChildren("p")).map((row) => row.instanceId)).toEqual(["c"]);
  });

  test("that was there already is no conflict: same run, or same call of the parent", async () => {
    const store = await StoreUnderTest.open(backing);
    const onConflict = { instanceId: "p", body: "conflict" };
    const claim = await store.begin("p", { starts: [request("c", { parent })] });
    const outcome = await store.commit(claim, {
      starts: [
        request("c", { onConflict }),
        request("c", { onConflict, parent, runId: "drawn again" }),
      ],
    });
    expect(outcome).toMatchObject({ refusedStarts: [], delivered: [] });
  });

  test("whose id is in use is listed, and its parent told", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("c");
    const claim = await store.begin("p");
    const outcome = await store.commit(claim, {
      starts: [
        request("c", { parent, runId: "r", onConflict: { instanceId: "p", body: "conflict" } }),
        request("c", { runId: "detached" }),
        request("c", { runId: "q", onConflict: { instanceId: "p", runId: "no", body: "x" } }),
      ],
    });
    expect(outcome).toMatchObject({
      kind: "committed",
      refusedStarts: ["c", "c", "c"],
      delivered: [{ instanceId: "p", message: { body: "conflict" } }],
      droppedMessageCount: 1,
    });
  });

  test("may be followed by a message for it in the same turn", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.begin("p", {
      starts: [request("c", { parent })],
      messages: [{ instanceId: "c", body: "cancel", runId: "run-of-c" }],
    });
    const claimed = await store.claim();
    expect(claimed.flatMap((it) => bodiesOf(it.messages))).toEqual(["start c", "cancel"]);
  });
});
