import { describe, expect, test } from "vitest";

import {
  activity,
  BACKINGS,
  bodiesOf,
  DONE,
  effects,
  historyRow,
  idsOf,
  request,
  StoreUnderTest,
  timer,
} from "../../../tests/support/sqlite-store.ts";

describe.each(BACKINGS)("a turn in a %s store", (backing) => {
  test("lands with history, status, timers, activities and messages (31 atomicity)", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.begin("other");
    const claim = await store.begin("a");
    store.clock.ms += 50;
    const outcome = await store.commit(claim, {
      history: [historyRow(1, { timestampMs: 1_000_050, eventCount: 3, lastEventId: 3 })],
      change: {
        name: "order",
        version: "1.2.0",
        status: "Running",
        customStatus: { value: '"busy"' },
      },
      newActivities: [activity(2, { tag: "gpu", sessionId: "s1" })],
      newTimers: [timer(3, 1_000_060)],
      messages: [{ instanceId: "other", body: "hello" }],
      starts: [request("child", { parent: { instanceId: "a", executionId: 1, eventId: 4 } })],
      keyValues: { isCleared: false, changes: [{ key: "k", value: "1", updatedMs: 7 }] },
    });
    expect(outcome).toMatchObject({ kind: "committed", droppedMessageCount: 0, refusedStarts: [] });
    expect(await store.row("a")).toMatchObject({
      version: "1.2.0",
      status: "Running",
      customStatus: '"busy"',
      customStatusVersion: 1,
      updatedMs: 1_000_050,
      createdMs: 1_000_000,
    });
    expect(await store.provider.readHistory("a", 1)).toEqual([
      historyRow(1, { timestampMs: 1_000_050, eventCount: 3, lastEventId: 3 }),
    ]);
    expect(await store.claimActivities()).toMatchObject([
      { instanceId: "a", name: "charge", tag: "gpu", sessionId: "s1", claim: { attempt: 1 } },
    ]);
    expect(await store.provider.nextDueMs(store.clock.ms)).toBe(1_000_060);
    expect(await store.provider.listChildren("a")).toMatchObject([{ instanceId: "child" }]);
    expect(await store.provider.readKeyValues("a")).toEqual(
      new Map([["k", { value: "1", updatedMs: 7 }]]),
    );
    const work = await store.provider.readHeldWork(store.node, 10);
    expect(work.flatMap((held) => bodiesOf(held.messages))).toEqual(["hello"]);
  });

  test("names what it delivered, so that this process needs no read", async () => {
    const store = await StoreUnderTest.open(backing);
    const other = await store.begin("other");
    const claim = await store.begin("a");
    const outcome = await store.commit(claim, {
      messages: [{ instanceId: "other", body: "hello" }],
      starts: [request("child"), request("later", { notBeforeMs: store.clock.ms + 5 })],
    });
    expect(outcome).toMatchObject({
      delivered: [
        { instanceId: "child", message: { body: "start child" } },
        { instanceId: "other", key: other.key, message: { body: "hello" } },
      ],
    });
  });

  test("leaves nothing behind when one operation of the batch breaks (31 atomicity, P1, P6)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", { history: [historyRow(1)] });
    const failing = store.provider.write([
      { kind: "startInstance", request: request("b") },
      { kind: "sendMessage", message: { instanceId: "a", body: "hello" } },
      {
        kind: "commitTurn",
        claim,
        consumed: { messages: [], timers: [], activities: [] },
        effects: effects({ history: [historyRow(1)], newTimers: [timer(2, 5)] }),
      },
    ]);
    await expect(failing).rejects.toMatchObject({
      name: "ProviderError",
      code: "store_failed",
      retryable: false,
    });
    expect(await store.provider.readInstances(["b"])).toEqual([]);
    expect(await store.provider.readHeldWork(store.node, 10)).toEqual([]);
    // The connection is as good as before.
    expect(await store.start("b")).toMatchObject({ kind: "started" });
  });

  test("succeeds exactly once for one claim that has ended (31 atomicity)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a");
    expect(await store.commit(claim, { change: DONE })).toMatchObject({ kind: "committed" });
    expect(await store.commit(claim, { change: DONE })).toMatchObject({ kind: "claimLost" });
    expect(await store.row("a")).toMatchObject({ status: "Completed", output: '"done"' });
  });

  test("is refused without effect, and the rest of the batch lands (P2, P3)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a");
    const stranger = await store.registerNode();
    await store.provider.removeNode(stranger);
    const turn = {
      kind: "commitTurn",
      consumed: { messages: [], timers: [], activities: [] },
      effects: effects({ history: [historyRow(1)], change: DONE }),
    } as const;
    const outcomes = await store.provider.write([
      { ...turn, claim: { ...claim, epoch: 2 } },
      { ...turn, claim: { ...claim, node: stranger } },
      { ...turn, claim: { ...claim, key: 999 } },
      { ...turn, claim, effects: { ...turn.effects, executionId: 2 } },
      { kind: "sendMessage", message: { instanceId: "nobody", body: "x" } },
      { kind: "startInstance", request: request("b") },
    ]);
    expect(outcomes.map((outcome) => outcome.kind)).toEqual([
      "claimLost",
      "claimLost",
      "claimLost",
      "claimLost",
      "unknownInstance",
      "started",
    ]);
    expect(await store.row("a")).toMatchObject({ status: "Running" });
    expect(await store.provider.readHistory("a", 1)).toEqual([]);
  });

  test("removes only the messages that it names (P5, 31 instance locking)", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a");
    await store.send("a", "one");
    const [claimed] = await store.claim();
    await store.send("a", "two");
    expect(bodiesOf(claimed!.messages)).toEqual(["start a", "one"]);
    await store.commit(claimed!.claim, {}, { messages: idsOf(claimed!.messages) });
    const [work] = await store.provider.readHeldWork(store.node, 10);
    expect(bodiesOf(work!.messages)).toEqual(["two"]);
  });

  test("cannot remove a message of another instance (31 instance locking)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a");
    await store.start("b");
    const other = await store.send("b", "mine");
    const id = other.kind === "accepted" ? other.delivered[0]!.message.id : 0;
    await store.commit(claim, {}, { messages: [id] });
    const [claimed] = await store.claim();
    expect(bodiesOf(claimed!.messages)).toEqual(["start b", "mine"]);
  });

  test("takes in its own finished activity, or is refused when that was lost (P3)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", {
      newActivities: [activity(1, { isClaimed: true }), activity(2, { isClaimed: true })],
    });
    const mine = { executionId: 1, activityId: 1, attempt: 1 };
    const lost = { executionId: 1, activityId: 2, attempt: 2 };
    expect(await store.commit(claim, {}, { activities: [mine, lost] })).toMatchObject({
      kind: "claimLost",
    });
    expect(await store.commit(claim, {}, { activities: [lost] })).toMatchObject({
      kind: "claimLost",
    });
    expect(await store.commit(claim, {}, { activities: [mine] })).toMatchObject({
      kind: "committed",
    });
    expect(await store.commit(claim, {}, { activities: [mine] })).toMatchObject({
      kind: "claimLost",
    });
  });

  test("never writes what it both creates and cancels (31 cancellation)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", {
      newActivities: [activity(9)],
      newTimers: [timer(8, 1)],
    });
    await store.commit(claim, {
      newActivities: [activity(1), activity(2)],
      cancelledActivities: [
        { executionId: 1, activityId: 2 },
        { executionId: 1, activityId: 9 },
        { executionId: 1, activityId: 77 },
      ],
      newTimers: [timer(3, 10), timer(4, 20)],
      cancelledTimers: [timer(3, 10), timer(8, 1), timer(77, 1)],
    });
    const claimed = await store.claimActivities();
    expect(claimed.map((it) => it.claim.activityId)).toEqual([1]);
    expect(await store.provider.nextDueMs(0)).toBe(20);
  });

  test("that ends the instance drops what is unread and counts it (R1)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", { newTimers: [timer(1, store.clock.ms + 10)] });
    await store.send("a", "unread");
    await store.send("a", "unread too");
    const outcome = await store.commit(claim, {
      change: DONE,
      messages: [
        { instanceId: "a", body: "to itself" },
        { instanceId: "nobody", body: "lost" },
      ],
    });
    expect(outcome).toMatchObject({ kind: "committed", droppedMessageCount: 4, delivered: [] });
    store.clock.ms += 100;
    expect(await store.claim()).toEqual([]);
    expect(await store.provider.nextDueMs(0)).toBeUndefined();
  });

  test("sets, resets and preserves the custom status (31 custom status)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a");
    expect(await store.row("a")).toMatchObject({ customStatus: undefined, customStatusVersion: 0 });
    await store.commit(claim, { change: { customStatus: { value: "1" } } });
    await store.commit(claim, { change: {} });
    expect(await store.row("a")).toMatchObject({ customStatus: "1", customStatusVersion: 1 });
    await store.commit(claim, { change: { customStatus: { value: undefined } } });
    expect(await store.row("a")).toMatchObject({ customStatus: undefined, customStatusVersion: 2 });
    await store.commit(claim, { change: { ...DONE, customStatus: { value: "3" } } });
    expect(await store.row("a")).toMatchObject({
      customStatus: "3",
      customStatusVersion: 3,
      status: "Completed",
    });
  });

  test("keeps a failure with all its parts", async () => {
    const store = await StoreUnderTest.open(backing);
    const failure = {
      category: "application",
      code: "activity_failed",
      name: "CardDeclinedError",
      message: "no",
      data: { cents: 5 },
    } as const;
    const claim = await store.begin("a");
    await store.commit(claim, { change: { status: "Failed", failure } });
    expect(await store.row("a")).toMatchObject({ status: "Failed", failure, output: undefined });
  });
});

describe.each(BACKINGS)("continue-as-new in a %s store", (backing) => {
  const continued = {
    executionId: 1,
    name: "order",
    version: "1.0.0",
    output: '"next"',
    startedMs: 1_000_000,
    body: "go on",
  };

  test("opens the next execution with its first message before all waiting ones (31 multi-execution)", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", { history: [historyRow(1)] });
    await store.send("a", "waiting");
    const outcome = await store.commit(claim, {
      history: [historyRow(2, { timestampMs: 1_000_009 })],
      change: { version: "2.0.0" },
      continued,
    });
    expect(outcome).toMatchObject({
      kind: "committed",
      delivered: [{ instanceId: "a", key: claim.key, message: { body: "go on" } }],
    });
    const [work] = await store.provider.readHeldWork(store.node, 10);
    expect(bodiesOf(work!.messages)).toEqual(["go on", "waiting"]);
    // The claim goes on with the instance.
    const next = historyRow(1, { executionId: 2, timestampMs: 1_000_020 });
    const consumed = { messages: idsOf(work!.messages) };
    await store.commit(claim, { executionId: 2, history: [next], change: DONE }, consumed);
    expect(await store.provider.listExecutions("a")).toEqual([
      {
        executionId: 1,
        name: "order",
        version: "1.0.0",
        status: "ContinuedAsNew",
        output: '"next"',
        startedMs: 1_000_000,
        completedMs: 1_000_009,
        eventCount: 2,
      },
      {
        executionId: 2,
        name: "order",
        version: "2.0.0",
        status: "Completed",
        output: '"done"',
        failure: undefined,
        startedMs: 1_000_020,
        completedMs: 1_000_020,
        eventCount: 1,
      },
    ]);
    expect(await store.provider.readHistory("a", 1)).toHaveLength(2);
    expect(await store.provider.readHistory("a", 2)).toEqual([next]);
    expect(await store.provider.readHistory("a", 3)).toBeUndefined();
    expect(await store.provider.readHistory("b", 1)).toBeUndefined();
  });

  test("never gives the same id to two first messages", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a");
    const ids: unknown[] = [];
    for (let executionId = 1; executionId <= 3; executionId += 1) {
      const turn = { executionId, continued: { ...continued, executionId } };
      const outcome = await store.commit(claim, turn, { messages: ids as number[] });
      if (outcome.kind === "committed") ids.push(outcome.delivered[0]!.message.id);
    }
    expect(new Set(ids).size).toBe(3);
  });

  test("gives a claimer the history of the current execution only", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", { history: [historyRow(1)] });
    await store.commit(claim, { history: [historyRow(2)], continued });
    await store.release(claim);
    const [claimed] = await store.claim();
    expect(claimed).toMatchObject({ history: [], row: { executionId: 2, status: "Running" } });
    expect(bodiesOf(claimed!.messages)).toEqual(["go on"]);
  });

  test("works for an instance whose very first turn continues", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.begin("a", { history: [historyRow(1)], continued });
    expect(await store.row("a")).toMatchObject({ executionId: 2, status: "Running" });
  });

  test("removes the activities and timers that it names, and leaves the others", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", {
      newActivities: [activity(1), activity(2)],
      newTimers: [timer(3, 30), timer(4, 40)],
    });
    await store.commit(claim, {
      continued,
      cancelledActivities: [{ executionId: 1, activityId: 1 }],
      cancelledTimers: [timer(3, 30)],
    });
    expect((await store.claimActivities()).map((it) => it.claim.activityId)).toEqual([2]);
    expect(await store.provider.nextDueMs(0)).toBe(40);
  });
});
