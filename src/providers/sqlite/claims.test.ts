import { describe, expect, test } from "vitest";

import {
  activity,
  BACKINGS,
  bodiesOf,
  DONE,
  historyRow,
  idsOf,
  StoreUnderTest,
  timer,
} from "../../../tests/support/sqlite-store.ts";

describe.each(BACKINGS)("claiming instances of a %s store", (backing) => {
  test("hands out everything that is needed to go on", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", {
      history: [historyRow(1)],
      newTimers: [
        timer(3, 1_000_010),
        timer(2, 1_000_010),
        timer(4, 1_000_005),
        timer(5, 1_000_999),
      ],
    });
    await store.commit(claim, { history: [historyRow(6)] });
    await store.send("a", "one");
    await store.send("a", "two");
    await store.release(claim);
    store.clock.ms += 10;
    const [claimed, ...others] = await store.claim();
    expect(others).toEqual([]);
    expect(claimed).toMatchObject({
      claim: { key: claim.key, node: store.node, epoch: 2 },
      instanceId: "a",
      previousEpoch: 1,
      crashes: 0,
      row: { instanceId: "a", status: "Running", executionId: 1 },
      messages: [{ body: "one" }, { body: "two" }],
      // In the order of their times, then of their events.
      dueTimers: [timer(4, 1_000_005), timer(2, 1_000_010), timer(3, 1_000_010)],
      history: [historyRow(1), historyRow(6)],
    });
  });

  test("leaves out the history that the node remembers, for exactly the epoch before", async () => {
    const store = await StoreUnderTest.open(backing);
    const { key } = await store.begin("a", { history: [historyRow(1)] });
    await store.send("a", "x");
    await store.release({ key, node: store.node, epoch: 1 });
    const [remembered] = await store.claim({ remembered: new Map([[key, 1]]) });
    expect(remembered).not.toHaveProperty("history");
    await store.release(remembered!.claim);
    const [stale] = await store.claim({ remembered: new Map([[key, 1]]) });
    expect(stale).toHaveProperty("history");
  });

  test("gives a held instance to nobody else (P4, 31 instance locking)", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a");
    const other = await store.registerNode();
    expect(await store.claim()).toHaveLength(1);
    expect(await store.claim({ node: other })).toEqual([]);
    expect(await store.claim()).toEqual([]);
    // A completion that arrives meanwhile goes to the holder.
    await store.send("a", "late");
    expect(await store.claim({ node: other })).toEqual([]);
    expect(await store.provider.readHeldWork(other, 10)).toEqual([]);
    expect(await store.provider.readHeldWork(store.node, 10)).toHaveLength(1);
  });

  test("gives ten different instances to ten claimers at once (31 instance locking)", async () => {
    const store = await StoreUnderTest.open(backing);
    for (let i = 0; i < 10; i += 1) await store.start(`i${i}`);
    const claims = await Promise.all(Array.from({ length: 10 }, () => store.claim({ limit: 1 })));
    expect(new Set(claims.flat().map((it) => it.instanceId)).size).toBe(10);
  });

  test("goes oldest first, by messages and timers alike, and stops at the limit", async () => {
    const store = await StoreUnderTest.open(backing);
    const timed = await store.begin("timed", { newTimers: [timer(1, 1_000_005)] });
    await store.release(timed);
    await store.start("first");
    for (let i = 0; i < 200; i += 1) await store.send("first", `m${i}`);
    store.clock.ms += 10;
    await store.start("last");
    const claimed = await store.claim({ limit: 2 });
    expect(claimed.map((it) => it.instanceId)).toEqual(["first", "timed"]);
    expect((await store.claim()).map((it) => it.instanceId)).toEqual(["last"]);
  });

  test("finds what is behind an instance with very many messages", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("crowded");
    for (let i = 0; i < 300; i += 1) await store.send("crowded", `m${i}`);
    await store.start("behind");
    const claimed = await store.claim();
    expect(claimed.map((it) => it.instanceId)).toEqual(["crowded", "behind"]);
    expect(claimed[0]!.messages).toHaveLength(301);
  });

  test("gives nothing to a node that is not registered (P3)", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a");
    expect(await store.claim({ node: 999 })).toEqual([]);
    expect(await store.claim()).toMatchObject([{ claim: { epoch: 1 } }]);
  });

  test("counts crashes until a turn lands (31 poison counters)", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a");
    for (let i = 0; i < 2; i += 1) await crashHolding(store);
    const [third] = await store.claim();
    await store.release(third!.claim);
    const [fourth] = await store.claim();
    expect([third!.crashes, fourth!.crashes]).toEqual([2, 2]);
    await store.commit(fourth!.claim);
    await store.release(fourth!.claim);
    expect(await store.claim()).toMatchObject([{ crashes: 0 }]);
  });

  test("finds work by the crashes behind it", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("tried");
    await crashHolding(store);
    await store.begin("a", { newActivities: [activity(1)] });
    const request = { node: store.node, limit: 10, remembered: new Map() };
    const fresh = { from: 0, below: 1 };
    const stale = { from: 1, below: 9 };
    expect(await store.provider.claimInstances({ ...request, crashes: fresh })).toEqual([]);
    expect(await store.provider.claimActivities({ ...request, crashes: stale })).toEqual([]);
    expect(await store.provider.hasClaimableWork()).toBe(true);
    expect(await store.provider.claimInstances({ ...request, crashes: stale })).toHaveLength(1);
    expect(await store.provider.hasClaimableWork()).toBe(true);
    expect(await store.provider.claimActivities({ ...request, crashes: fresh })).toHaveLength(1);
    expect(await store.provider.hasClaimableWork()).toBe(false);
  });

  test("counts the crashes of one instance without touching its messages (R21)", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a");
    await store.send("a", "arrived meanwhile");
    await crashHolding(store);
    const [again] = await store.claim();
    expect(again!.crashes).toBe(1);
    expect(bodiesOf(again!.messages)).toEqual(["start a", "arrived meanwhile"]);
  });

  test("voids the claim of the one before by its epoch, whatever the clock says (R24, R25)", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a");
    const [first] = await store.claim();
    await store.release(first!.claim);
    store.clock.ms -= 500_000; // The machine's time jumps back,
    store.clock.ms += 900_000; // and forth again.
    const [second] = await store.claim();
    expect(second!.claim.epoch).toBe(first!.claim.epoch + 1);
    expect(await store.commit(first!.claim)).toMatchObject({ kind: "claimLost" });
    expect(await store.release(first!.claim)).toMatchObject({ kind: "claimLost" });
    // No time takes a claim away: only leaving the list of nodes does. (R25)
    store.clock.ms += 1_000_000_000;
    expect(await store.claim({ node: await store.registerNode() })).toEqual([]);
    expect(await store.commit(second!.claim)).toMatchObject({ kind: "committed" });
  });

  test("is not held up by messages for unknown or finished instances (R1)", async () => {
    const store = await StoreUnderTest.open(backing);
    const done = await store.begin("done");
    await store.commit(done, { change: DONE });
    for (let i = 0; i < 50; i += 1) {
      expect(await store.send("nobody", "x")).toEqual({ kind: "unknownInstance" });
      expect(await store.send("done", "x")).toEqual({ kind: "finishedInstance" });
    }
    await store.start("a");
    expect((await store.claim({ limit: 1 })).map((it) => it.instanceId)).toEqual(["a"]);
  });

  test("hands out a body that nobody can decode as it is (R22, 31 error handling)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", { history: [historyRow(1, { data: "\u0000{not json" })] });
    await store.send("a", "{broken");
    await store.release(claim);
    const [claimed] = await store.claim();
    expect(bodiesOf(claimed!.messages)).toEqual(["{broken"]);
    expect(claimed!.history).toMatchObject([{ data: "\u0000{not json" }]);
  });
});

/** A node takes what there is, and its process dies of it. */
async function crashHolding(store: StoreUnderTest): Promise<void> {
  const node = await store.registerNode();
  await store.claim({ node });
  await store.provider.removeNode(node, { ifRenewals: 0, isCrash: true });
}

describe.each(BACKINGS)("parking an instance of a %s store", (backing) => {
  const blocked = { code: "nondeterminism", message: "event 3 differs", sinceMs: 5, eventId: 3 };

  test("hides it and its later messages until its time, and shows why", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a");
    const [claimed] = await store.claim();
    await store.write({
      kind: "releaseInstance",
      claim: claimed!.claim,
      visibleAtMs: store.clock.ms + 1_000,
      blocked,
    });
    expect(await store.send("a", "x")).toEqual({ kind: "accepted", delivered: [] });
    expect((await store.row("a")).blocked).toEqual(blocked);
    expect(await store.claim()).toEqual([]);
    expect(await store.provider.nextDueMs(store.clock.ms)).toBe(store.clock.ms + 1_000);
    store.clock.ms += 1_000;
    const [again] = await store.claim();
    expect(bodiesOf(again!.messages)).toEqual(["start a", "x"]);
    expect(again!.row.blocked).toEqual(blocked);
    await store.commit(again!.claim, {}, { messages: idsOf(again!.messages) });
    expect(await store.row("a")).not.toHaveProperty("blocked");
  });

  test("holds its due timers back as well", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", { newTimers: [timer(1, store.clock.ms + 5)] });
    await store.release(claim, { visibleAtMs: store.clock.ms + 1_000 });
    store.clock.ms += 10;
    expect(await store.claim()).toEqual([]);
    expect(await store.provider.nextDueMs(store.clock.ms)).toBe(1_001_000);
    store.clock.ms = 1_001_000;
    expect(await store.claim()).toMatchObject([{ dueTimers: [timer(1, 1_000_005)] }]);
  });

  test("ends at once with unblockWork(), except for delayed starts", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a");
    const [claimed] = await store.claim();
    await store.release(claimed!.claim, { visibleAtMs: store.clock.ms + 60_000 });
    await store.start("later", { notBeforeMs: store.clock.ms + 60_000 });
    await store.provider.unblockWork();
    expect((await store.claim()).map((it) => it.instanceId)).toEqual(["a"]);
    expect(await store.provider.nextDueMs(store.clock.ms)).toBe(store.clock.ms + 60_000);
  });

  test("clears the reason on request, and keeps it when nothing is said", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a");
    const release = {
      kind: "releaseInstance",
      visibleAtMs: 0,
      isAttemptCounted: true,
    } as const;
    await store.write({ ...release, claim, blocked });
    await store.send("a", "x");
    const [second] = await store.claim();
    await store.write({ ...release, claim: second!.claim });
    expect(await store.row("a")).toHaveProperty("blocked", blocked);
    const [third] = await store.claim();
    await store.write({ ...release, claim: third!.claim, blocked: null });
    expect(await store.row("a")).not.toHaveProperty("blocked");
  });
});

describe.each(BACKINGS)("timers and delayed starts of a %s store", (backing) => {
  test("stay hidden until they are due, and never come early (31 queue semantics)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", { newTimers: [timer(1, store.clock.ms + 10)] });
    await store.release(claim);
    await store.start("later", { notBeforeMs: store.clock.ms + 10 });
    store.clock.ms += 9;
    expect(await store.claim()).toEqual([]);
    expect(await store.provider.nextDueMs(store.clock.ms)).toBe(store.clock.ms + 1);
    store.clock.ms += 1;
    const claimed = await store.claim();
    expect(new Set(claimed.map((it) => it.instanceId))).toEqual(new Set(["a", "later"]));
    expect(await store.provider.nextDueMs(store.clock.ms)).toBeUndefined();
  });

  test("stay due until a turn takes them in", async () => {
    const store = await StoreUnderTest.open(backing);
    const due = timer(1, store.clock.ms + 10);
    const claim = await store.begin("a", { newTimers: [due] });
    store.clock.ms += 10;
    for (let i = 0; i < 2; i += 1) {
      expect(await store.provider.readHeldWork(store.node, 10)).toEqual([
        { key: claim.key, messages: [], dueTimers: [due] },
      ]);
    }
    await store.commit(claim, {}, { timers: [due] });
    expect(await store.provider.readHeldWork(store.node, 10)).toEqual([]);
  });
});

describe.each(BACKINGS)("activities of a %s store", (backing) => {
  async function withActivities(...ids: number[]): Promise<StoreUnderTest> {
    const store = await StoreUnderTest.open(backing);
    await store.begin("a", { newActivities: ids.map((id) => activity(id)) });
    return store;
  }

  test("come oldest first, as attempt 1, and stay until they are finished (31 queue semantics)", async () => {
    const store = await withActivities(1, 2);
    store.clock.ms += 1;
    await store.begin("b", { newActivities: [activity(1)] });
    const first = await store.claimActivities({ limit: 2 });
    const rest = await store.claimActivities();
    expect([...first, ...rest].map((it) => [it.instanceId, it.claim.activityId])).toEqual([
      ["a", 1],
      ["a", 2],
      ["b", 1],
    ]);
    expect(first.map((it) => it.claim.attempt)).toEqual([1, 1]);
    expect(await store.claimActivities()).toEqual([]);
    expect(await store.provider.findLostActivities(first.map((it) => it.claim))).toEqual([]);
  });

  test("finish by queueing their completion and vanishing, once (31 queue semantics)", async () => {
    const store = await withActivities(1);
    const [claimed] = await store.claimActivities();
    expect(await store.complete(claimed!.claim, "result")).toMatchObject({
      kind: "accepted",
      delivered: [{ instanceId: "a", message: { body: "result" } }],
    });
    expect(await store.complete(claimed!.claim, "result")).toMatchObject({ kind: "claimLost" });
    const [work] = await store.provider.readHeldWork(store.node, 10);
    expect(bodiesOf(work!.messages)).toEqual(["result"]);
  });

  test("born claimed belong to the committing node as attempt 1", async () => {
    const store = await StoreUnderTest.open(backing);
    const { key } = await store.begin("a", { newActivities: [activity(1, { isClaimed: true })] });
    expect(await store.claimActivities()).toEqual([]);
    const claim = { key, executionId: 1, activityId: 1, node: store.node, attempt: 1 };
    expect(await store.provider.findLostActivities([claim])).toEqual([]);
    expect(await store.complete(claim)).toMatchObject({ kind: "accepted" });
  });

  test("count each hand-out, and take it back on request (31 poison counters)", async () => {
    const store = await withActivities(1);
    const release = async (isAttemptCounted: boolean, delayMs = 0): Promise<number> => {
      const [claimed] = await store.claimActivities();
      await store.write({
        kind: "releaseActivity",
        claim: claimed!.claim,
        visibleAtMs: store.clock.ms + delayMs,
        isAttemptCounted,
      });
      return claimed!.claim.attempt;
    };
    expect([await release(true), await release(false), await release(true, 50)]).toEqual([1, 2, 2]);
    expect(await store.claimActivities()).toEqual([]);
    expect(await store.provider.nextDueMs(store.clock.ms)).toBe(store.clock.ms + 50);
    store.clock.ms += 50;
    expect(await release(true)).toBe(3);
  });

  test("carry the progress of the attempt before", async () => {
    const store = await withActivities(1);
    const [first] = await store.claimActivities();
    expect(first!.heartbeat).toBeUndefined();
    const heartbeat = { kind: "heartbeatActivity", details: "half" } as const;
    expect(await store.write({ ...heartbeat, claim: first!.claim })).toMatchObject({
      kind: "accepted",
    });
    await store.write({
      kind: "releaseActivity",
      claim: first!.claim,
      visibleAtMs: 0,
      isAttemptCounted: true,
    });
    expect(await store.write({ ...heartbeat, claim: first!.claim })).toMatchObject({
      kind: "claimLost",
    });
    expect(await store.claimActivities()).toMatchObject([{ heartbeat: "half" }]);
  });

  test("that were cancelled are lost to whoever works on them (31 cancellation)", async () => {
    const store = await StoreUnderTest.open(backing);
    const instance = await store.begin("a", { newActivities: [activity(1), activity(2)] });
    const claimed = (await store.claimActivities()).map((it) => it.claim);
    await store.commit(instance, { cancelledActivities: [{ executionId: 1, activityId: 1 }] });
    expect(await store.provider.findLostActivities(claimed)).toEqual([claimed[0]]);
    expect(await store.complete(claimed[0]!)).toMatchObject({ kind: "claimLost" });
    const release = { visibleAtMs: 0, isAttemptCounted: true } as const;
    expect(
      await store.write({ kind: "releaseActivity", claim: claimed[0]!, ...release }),
    ).toMatchObject({ kind: "claimLost" });
    expect(await store.complete(claimed[1]!)).toMatchObject({ kind: "accepted" });
  });

  test("of a finished instance still run, and their completion goes nowhere (31 cancellation, R1)", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.begin("a", { newActivities: [activity(1)], change: DONE });
    const [claimed] = await store.claimActivities();
    expect(await store.complete(claimed!.claim)).toEqual({ kind: "finishedInstance" });
    expect(await store.claimActivities()).toEqual([]);
    expect(await store.claim()).toEqual([]);
  });

  test("go to registered nodes only (P3)", async () => {
    const store = await withActivities(1);
    expect(await store.claimActivities({ node: 999 })).toEqual([]);
    const [claimed] = await store.claimActivities();
    expect(await store.complete({ ...claimed!.claim, node: 999 })).toMatchObject({
      kind: "claimLost",
    });
    expect(await store.complete({ ...claimed!.claim, attempt: 2 })).toMatchObject({
      kind: "claimLost",
    });
  });
});
