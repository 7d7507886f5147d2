/** P3, P4: who holds an instance, and what the holder is handed. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, bodiesOf, DONE, historyRow, idsOf, messageIdsOf, timer } from "../effects.ts";
import { expectEqual, expectKind, expectMatch, expectThat } from "../expectation.ts";

export const claims: readonly ConformanceCase[] = concern("instance claims", {
  "hands out everything that is needed to go on": async (store) => {
    const soonMs = store.nowMs + 100;
    const claim = await store.begin("a", {
      history: [historyRow(1)],
      newTimers: [
        timer(3, soonMs + 10),
        timer(2, soonMs + 10),
        timer(4, soonMs),
        timer(5, soonMs + 600_000),
      ],
    });
    await store.land(claim, { history: [historyRow(6)] });
    await store.send("a", "one");
    await store.send("a", "two");
    await store.release(claim);
    await store.reach(soonMs + 10);
    const claimed = await store.claimOne();
    const expected = {
      claim: { key: claim.key, node: store.node, epoch: 2 },
      instanceId: "a",
      previousEpoch: 1,
      crashes: 0,
      row: { key: claim.key, instanceId: "a", status: "Running", executionId: 1 },
      messages: [{ body: "one" }, { body: "two" }],
      // In the order of their times, then of their events.
      dueTimers: [timer(4, soonMs), timer(2, soonMs + 10), timer(3, soonMs + 10)],
      history: [historyRow(1), historyRow(6)],
    };
    expectMatch(claimed, expected, "the claimed instance");
    expectEqual(claimed.keyValues, new Map(), "the key-values");
  },

  "gives a held instance to nobody else, nor to its holder again (P4)": async (store) => {
    await store.start("a");
    const other = await store.registerNode();
    await store.claimOne();
    expectEqual(await store.claim({ node: other }), [], "what another node gets");
    expectEqual(await store.claim(), [], "what its holder gets");
  },

  "keeps what arrives under a claim for the holder": async (store) => {
    await store.begin("a");
    const other = await store.registerNode();
    await store.send("a", "late");
    expectEqual(await store.claim({ node: other }), [], "what another node gets");
    expectEqual(await store.heldMessages(other), [], "what another node reads");
    expectEqual(bodiesOf(await store.heldMessages()), ["late"], "what the holder reads");
    const strange = await store.provider.readHeldWork(other, 10);
    expectEqual(strange, [], "what another node reads");
  },

  "repeats what is not consumed, up to the limit": async (store) => {
    const a = await store.begin("a");
    const b = await store.begin("b");
    await store.send("a", "x");
    await store.send("b", "y");
    const read = async (limit: number): Promise<unknown> =>
      (await store.provider.readHeldWork(store.node, limit)).map(({ key }) => key);
    expectEqual(await read(10), [a.key, b.key], "what is read first");
    expectEqual(await read(10), [a.key, b.key], "what is read again");
    expectEqual(await read(1), [a.key], "what is read with a limit");
  },

  "gives each claim a new epoch, greater than the one before": async (store) => {
    await store.start("a");
    const epochs: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      const { claim, previousEpoch } = await store.claimOne();
      if (i > 0) expectEqual(previousEpoch, epochs.at(-1), "the epoch before");
      epochs.push(claim.epoch);
      await store.release(claim);
    }
    const isGrowing = epochs.every((epoch, i) => i === 0 || epoch > (epochs[i - 1] ?? epoch));
    expectThat(isGrowing, `growing epochs, found ${epochs.join(", ")}`);
  },

  "gives ten different instances to ten claimers at once": async (store) => {
    for (let i = 0; i < 10; i += 1) await store.start(`i${i}`);
    const claimers = Array.from({ length: 10 }, () => store.claim({ limit: 1 }));
    const claimed = (await Promise.all(claimers)).flat();
    expectEqual(new Set(idsOf(claimed)).size, 10, "the number of different instances");
  },

  "claims one instance without holding others back": async (store) => {
    await store.start("a");
    await store.start("b");
    const [first] = await store.claim({ limit: 1 });
    expectEqual(first?.instanceId, "a", "the first claim");
    const other = await store.registerNode();
    expectEqual(idsOf(await store.claim({ node: other })), ["b"], "what another node gets");
  },

  "never claims more than the limit": async (store) => {
    for (let i = 0; i < 5; i += 1) await store.start(`i${i}`);
    expectEqual((await store.claim({ limit: 2 })).length, 2, "the number of claims");
    expectEqual((await store.claim({ limit: 2 })).length, 2, "the number of claims");
    expectEqual((await store.claim({ limit: 2 })).length, 1, "the number of claims");
  },

  "goes oldest first, by messages and timers alike": async (store) => {
    const soonMs = store.nowMs + 100;
    const timed = await store.begin("timed", { newTimers: [timer(1, soonMs)] });
    await store.release(timed);
    await store.start("first");
    for (let i = 0; i < 50; i += 1) await store.send("first", `m${i}`);
    await store.reach(soonMs + 1);
    await store.start("last");
    const claimed = await store.claim({ limit: 2 });
    expectEqual(idsOf(claimed), ["first", "timed"], "the oldest two");
    expectEqual(idsOf(await store.claim()), ["last"], "the rest");
  },

  "does not let new work overtake what was delayed and has become due": async (store) => {
    const soonMs = store.nowMs + 100;
    await store.start("delayed", { notBeforeMs: soonMs });
    await store.begin("a", { newActivities: [activity(1)] });
    const { claim } = await store.claimActivity();
    await store.handBack(claim, { visibleAtMs: soonMs });
    await store.reach(soonMs + 5);
    await store.start("new");
    await store.begin("b", { newActivities: [activity(1)] });
    expectEqual(idsOf(await store.claim({ limit: 1 })), ["delayed"], "the oldest instance");
    expectEqual(idsOf(await store.claimActivities({ limit: 1 })), ["a"], "the oldest activity");
    expectEqual(idsOf(await store.claim()), ["new"], "the instances that are left");
    expectEqual(idsOf(await store.claimActivities()), ["b"], "the activities that are left");
  },

  "finds what is behind an instance with very many messages": async (store) => {
    await store.start("crowded");
    for (let i = 0; i < 300; i += 1) await store.send("crowded", `m${i}`);
    await store.start("behind");
    const claimed = await store.claim();
    expectEqual(idsOf(claimed), ["crowded", "behind"], "the claimed instances");
    expectEqual(claimed[0]?.messages.length, 301, "the number of messages");
  },

  "is not held up by messages for unknown or finished instances (R1)": async (store) => {
    await store.begin("done", { change: DONE });
    for (let i = 0; i < 20; i += 1) {
      expectKind(await store.send("nobody", "x"), "unknownInstance", "a message for nobody");
      expectKind(await store.send("done", "x"), "finishedInstance", "a message for a finished one");
    }
    expectEqual(await store.provider.hasClaimableWork(), false, "whether there is work");
    await store.start("a");
    expectEqual(idsOf(await store.claim()), ["a"], "the claimed instances");
  },

  "frees an instance that is handed back, with everything that was queued": async (store) => {
    await store.start("a");
    const first = await store.claimOne();
    await store.send("a", "meanwhile");
    expectKind(await store.release(first.claim), "accepted", "the release");
    const other = await store.registerNode();
    const second = await store.claimOne({ node: other });
    expectEqual(bodiesOf(second.messages), ["start a", "meanwhile"], "the messages");
    expectEqual(second.messages[0], first.messages[0], "the first message");
  },

  "keeps a claim through turns, until it is handed back or the instance ends": async (store) => {
    const claim = await store.begin("a");
    const other = await store.registerNode();
    await store.land(claim, { history: [historyRow(1)] });
    await store.send("a", "x");
    expectEqual(await store.claim({ node: other }), [], "what another node gets after a turn");
    await store.land(claim, { change: DONE });
    expectKind(await store.release(claim), "claimLost", "a release after the end");
    expectEqual(await store.claim({ node: other }), [], "what another node gets after the end");
  },

  "holds an instance for the node of its first turn, with epoch 1": async (store) => {
    const claim = await store.begin("a");
    await store.send("a", "x");
    expectEqual(await store.claim({ node: await store.registerNode() }), [], "what another gets");
    await store.land(claim);
  },

  "removes only the messages that a turn names (P5)": async (store) => {
    await store.start("a");
    await store.send("a", "one");
    const { claim, messages } = await store.claimOne();
    await store.send("a", "two");
    await store.land(claim, {}, { messages: messageIdsOf(messages) });
    expectEqual(bodiesOf(await store.heldMessages()), ["two"], "what is left");
  },

  "cannot be made to remove a message of another instance": async (store) => {
    const claim = await store.begin("a");
    await store.start("b");
    const { delivered } = expectKind(await store.send("b", "mine"), "accepted", "a message");
    await store.commit(claim, {}, { messages: delivered.map(({ message }) => message.id) });
    const { messages } = await store.claimOne();
    expectEqual(bodiesOf(messages), ["start b", "mine"], "the messages of the other");
  },

  "leaves out the history that a node remembers, for exactly the epoch before": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    await store.send("a", "x");
    await store.release(claim);
    const remembered = new Map([[claim.key, 1]]);
    const second = await store.claimOne({ remembered });
    expectEqual(second.history, undefined, "the history that is remembered");
    await store.release(second.claim);
    const third = await store.claimOne({ remembered });
    expectEqual(third.history, [historyRow(1)], "the history behind a newer epoch");
  },

  "gives nothing to a node that is not on the list (P3)": async (store) => {
    await store.start("a");
    const gone = await store.registerNode();
    await store.provider.removeNode(gone);
    expectEqual(await store.claim({ node: gone }), [], "what it gets");
    expectEqual(await store.provider.readHeldWork(gone, 10), [], "what it reads");
    expectMatch(await store.claimOne(), { claim: { epoch: 1 }, crashes: 0 }, "the first claim");
  },

  "says whether there is work, without touching it": async (store) => {
    expectEqual(await store.provider.hasClaimableWork(), false, "work in an empty store");
    await store.start("a");
    expectEqual(await store.provider.hasClaimableWork(), true, "work after a start");
    expectEqual(await store.provider.hasClaimableWork(), true, "work, asked again");
    expectMatch(await store.claimOne(), { crashes: 0, claim: { epoch: 1 } }, "the claim");
    expectEqual(await store.provider.hasClaimableWork(), false, "work after the claim");
  },
});
