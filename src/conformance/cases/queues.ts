/** P5: the queue of each instance, and the queue of activities. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, bodiesOf, DONE, messageIdsOf, request, timer } from "../effects.ts";
import { expectEqual, expectKind, expectMatch } from "../expectation.ts";

export const queues: readonly ConformanceCase[] = concern("queues", {
  "deliver in the order of writing, whoever wrote (P5)": async (store) => {
    const claim = await store.begin("a");
    const sender = await store.begin("sender");
    const expected: string[] = [];
    for (let i = 0; i < 10; i += 1) {
      await store.send("a", `sent ${i}`);
      await store.land(sender, { messages: [{ instanceId: "a", body: `from a turn ${i}` }] });
      const both = ["x", "y"].map((letter) => ({
        kind: "sendMessage" as const,
        message: { instanceId: "a", body: `batch ${i} ${letter}` },
      }));
      await store.provider.write(both);
      expected.push(`sent ${i}`, `from a turn ${i}`, `batch ${i} x`, `batch ${i} y`);
    }
    expectEqual(bodiesOf(await store.heldMessages()), expected, "the messages of a held instance");
    await store.release(claim);
    const { messages } = await store.claimOne();
    expectEqual(bodiesOf(messages), expected, "the messages of a claimed instance");
  },

  "keep a message until a turn names it": async (store) => {
    await store.begin("a");
    await store.send("a", "x");
    const first = await store.heldMessages();
    expectEqual(await store.heldMessages(), first, "what is read again");
    await store.provider.removeNode(store.node);
    const other = await store.registerNode();
    const { messages, claim } = await store.claimOne({ node: other });
    expectEqual(messages, first, "what the next holder gets");
    await store.land(claim, {}, { messages: messageIdsOf(messages) });
    expectEqual(await store.heldMessages(other), [], "what is left after the turn");
  },

  "show a message at once, and say so": async (store) => {
    await store.begin("a");
    const outcome = await store.send("a", "x");
    expectMatch(outcome, { kind: "accepted", delivered: [{ instanceId: "a" }] }, "the outcome");
    const { delivered } = expectKind(outcome, "accepted", "the message");
    const messages = await store.heldMessages();
    expectEqual(messages, [delivered[0]?.message], "the messages of the holder");
  },

  "swap an activity for its completion in one go": async (store) => {
    await store.begin("a", { newActivities: [activity(1)] });
    const { claim } = await store.claimActivity();
    expectEqual(await store.heldMessages(), [], "the messages before");
    const outcome = await store.complete(claim, "result");
    const delivered = [{ instanceId: "a", message: { body: "result" } }];
    expectMatch(outcome, { kind: "accepted", delivered }, "the outcome");
    expectEqual(bodiesOf(await store.heldMessages()), ["result"], "the messages after");
    expectKind(await store.complete(claim, "again"), "claimLost", "a second completion");
    expectEqual(bodiesOf(await store.heldMessages()), ["result"], "the messages after both");
  },

  "hand out activities oldest first": async (store) => {
    await store.begin("a", { newActivities: [activity(1), activity(2)] });
    await store.reach(store.nowMs + 5);
    await store.begin("b", { newActivities: [activity(1)] });
    const first = await store.claimActivities({ limit: 2 });
    const rest = await store.claimActivities();
    const names = [...first, ...rest].map((it) => `${it.instanceId} ${it.claim.activityId}`);
    expectEqual(names, ["a 1", "a 2", "b 1"], "the activities");
  },

  "forget messages for an unknown id, and keep those of others": async (store) => {
    await store.begin("a");
    await store.provider.write([
      { kind: "sendMessage", message: { instanceId: "nobody", body: "x" } },
      { kind: "sendMessage", message: { instanceId: "a", body: "y" } },
    ]);
    expectEqual(bodiesOf(await store.heldMessages()), ["y"], "the messages");
    await store.start("nobody");
    const { messages } = await store.claimOne();
    expectEqual(bodiesOf(messages), ["start nobody"], "the messages of the late one");
  },

  "drop and count what a finished instance has not read (R1)": async (store) => {
    const claim = await store.begin("a", { newTimers: [timer(1, store.nowMs + 50)] });
    await store.send("a", "unread");
    await store.send("a", "unread too");
    const outcome = await store.land(claim, {
      change: DONE,
      messages: [
        { instanceId: "a", body: "to itself" },
        { instanceId: "nobody", body: "lost" },
      ],
    });
    expectMatch(outcome, { droppedMessageCount: 4, delivered: [] }, "the outcome");
    expectKind(await store.send("a", "late"), "finishedInstance", "a late message");
    expectEqual(await store.provider.nextDueMs(0), undefined, "the next due time");
    await store.reach(store.nowMs + 50);
    expectEqual(await store.claim(), [], "the claimable instances");
  },

  "deliver only to the run that a message is meant for": async (store) => {
    await store.begin("a", {}, { runId: "first" });
    expectKind(await store.send("a", "x", "second"), "unknownInstance", "a message for another");
    expectKind(await store.send("a", "y", "first"), "accepted", "a message for this one");
    expectEqual(bodiesOf(await store.heldMessages()), ["y"], "the messages");
  },

  "take what a turn sends to its own instance": async (store) => {
    const claim = await store.begin("a");
    const { delivered } = await store.land(claim, {
      messages: [{ instanceId: "a", body: "to myself" }],
    });
    expectEqual(delivered.length, 1, "the number of delivered messages");
    expectEqual(bodiesOf(await store.heldMessages()), ["to myself"], "the messages");
  },

  "hold the start of a child before what the same turn sends to it": async (store) => {
    await store.begin("p", {
      starts: [request("c")],
      messages: [{ instanceId: "c", body: "cancel", runId: "run of c" }],
    });
    const { messages } = await store.claimOne();
    expectEqual(bodiesOf(messages), ["start c", "cancel"], "the messages of the child");
  },

  "never use the id of a message again": async (store) => {
    const claim = await store.begin("a");
    const seen = new Set<unknown>();
    for (let i = 0; i < 5; i += 1) {
      await store.send("a", "x");
      const messages = messageIdsOf(await store.heldMessages());
      for (const id of messages) seen.add(id);
      await store.land(claim, {}, { messages });
    }
    expectEqual(seen.size, 5, "the number of different ids");
  },
});
