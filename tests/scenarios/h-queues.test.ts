/** Scenarios of section H: event queues. */

import { defineActivity, defineOrchestration, defineQueue } from "duroxide-ts";
import { expect } from "vitest";
import { z } from "zod";

import { scenario } from "../support/scenario.ts";

const echo = defineActivity("Echo", async (text: string) => `echo ${text}`);

scenario(
  "S148 messages sent while running but before the dequeue are delivered in order",
  async (world) => {
    const reader = defineOrchestration("Reader", async (ctx) => {
      await ctx.scheduleWait("go");
      const first = await ctx.dequeueEvent<number>("inbox");
      const second = await ctx.dequeueEvent<number>("inbox");
      return [first, second];
    });
    await world.start({ orchestrations: [reader] });
    const handle = await world.client.startOrchestration("reader", reader);
    await world.untilRecorded("reader", "ExternalSubscribed");
    for (const [i, message] of [1, 2].entries()) {
      await handle.enqueueEvent("inbox", message);
      await world.untilRecorded("reader", "QueueMessage", i + 1);
    }
    await handle.raiseEvent("go");
    expect(await handle.result({ timeout: "10s" })).toEqual([1, 2]);
  },
);

scenario("S149 five messages and five dequeues: first in, first out", async (world) => {
  const reader = defineOrchestration("Reader", async (ctx) => {
    const all = Array.from({ length: 5 }, () => ctx.dequeueEvent<number>("inbox"));
    return ctx.all(all);
  });
  await world.start({ orchestrations: [reader] });
  const handle = await world.client.startOrchestration("reader", reader);
  await world.untilRecorded("reader", "QueueSubscribed", 5);
  for (const message of [1, 2, 3, 4, 5]) {
    await handle.enqueueEvent("inbox", message);
    await world.untilRecorded("reader", "QueueMessage", message);
  }
  expect(await handle.result({ timeout: "10s" })).toEqual([1, 2, 3, 4, 5]);
});

scenario(
  "S150 a dequeue that lost to a timer leaves the later message to the next dequeue",
  async (world) => {
    const reader = defineOrchestration("Reader", async (ctx) => {
      const raced = await ctx.select({
        message: ctx.dequeueEvent("inbox"),
        timeout: ctx.scheduleTimer(5),
      });
      return [raced.key, await ctx.dequeueEvent<string>("inbox")];
    });
    await world.start({ orchestrations: [reader] });
    const handle = await world.client.startOrchestration("reader", reader);
    await world.untilRecorded("reader", "QueueSubscribedCancelled");
    await handle.enqueueEvent("inbox", "late");
    expect(await handle.result({ timeout: "10s" })).toEqual(["timeout", "late"]);
  },
);

scenario(
  "S152 two messages of one batch, one dequeue, completion after it: the second is ignored",
  async (world) => {
    const reader = defineOrchestration("Reader", async (ctx) => ctx.dequeueEvent<string>("inbox"));
    const runtime = await world.start({ orchestrations: [reader] });
    await world.client.startOrchestration("reader", reader);
    await world.untilRecorded("reader", "QueueSubscribed");
    await runtime.shutdown();
    await world.client.enqueueEvent("reader", "inbox", "first");
    await world.client.enqueueEvent("reader", "inbox", "second");
    await world.start({ orchestrations: [reader] });
    const status = await world.client.waitForOrchestration("reader", { timeout: "10s" });
    expect(status).toMatchObject({ status: "Completed", output: "first" });
    const kinds = (await world.client.readExecutionHistory("reader")).map((event) => event.kind);
    expect(kinds).toEqual([
      "OrchestrationStarted",
      "QueueSubscribed",
      "QueueMessage",
      "QueueMessage",
      "OrchestrationCompleted",
    ]);
  },
  { isForOneNode: true },
);

scenario(
  "S153 one name for a wait and a queue: each reacts only to its own kind",
  async (world) => {
    const both = defineOrchestration("Both", async (ctx) => {
      const waited = ctx.scheduleWait<string>("name");
      const dequeued = ctx.dequeueEvent<string>("name");
      return ctx.all([waited, dequeued]);
    });
    await world.start({ orchestrations: [both] });
    const handle = await world.client.startOrchestration("both", both);
    await world.untilRecorded("both", "QueueSubscribed");
    await handle.enqueueEvent("name", "from the queue");
    await world.untilRecorded("both", "QueueMessage");
    await handle.raiseEvent("name", "from the event");
    expect(await handle.result({ timeout: "10s" })).toEqual(["from the event", "from the queue"]);
  },
);

scenario("S154 three queues with staggered messages are isolated", async (world) => {
  const reader = defineOrchestration("Reader", async (ctx) => {
    const read = async (queue: string): Promise<string[]> => [
      await ctx.dequeueEvent<string>(queue),
      await ctx.dequeueEvent<string>(queue),
    ];
    return Promise.all([read("a"), read("b"), read("c")]);
  });
  await world.start({ orchestrations: [reader] });
  const handle = await world.client.startOrchestration("reader", reader);
  await world.untilRecorded("reader", "QueueSubscribed", 3);
  const sent = ["c", "a", "b", "a", "c", "b"];
  for (const [i, queue] of sent.entries()) {
    await handle.enqueueEvent(queue, `${queue}${i}`);
    await world.untilRecorded("reader", "QueueMessage", i + 1);
  }
  expect(await handle.result({ timeout: "10s" })).toEqual([
    ["a1", "a3"],
    ["b2", "b5"],
    ["c0", "c4"],
  ]);
});

scenario(
  "S156 25 messages left at continue-as-new: all of them are kept (our policy), in order",
  async (world) => {
    const reader = defineOrchestration("Reader", async (ctx, round: number) => {
      if (round === 0) {
        await ctx.scheduleWait("go");
        return ctx.continueAsNew(1);
      }
      const all: number[] = [];
      while (all.length < 25) all.push(await ctx.dequeueEvent<number>("inbox"));
      return all;
    });
    await world.start({ orchestrations: [reader] });
    const handle = await world.client.startOrchestration("reader", reader, 0);
    await world.untilRecorded("reader", "ExternalSubscribed");
    for (let i = 0; i < 25; i += 1) {
      await handle.enqueueEvent("inbox", i);
      await world.untilRecorded("reader", "QueueMessage", i + 1);
    }
    await handle.raiseEvent("go");
    expect(await handle.result({ timeout: "10s" })).toEqual(
      Array.from({ length: 25 }, (_, i) => i),
    );
  },
);

scenario(
  "S157 a dequeue canceled before continue-as-new leaves its message to the next execution",
  async (world) => {
    const reader = defineOrchestration("Reader", async (ctx, round: number) => {
      if (round > 0) return ctx.dequeueEvent<string>("inbox");
      ctx.dequeueEvent("inbox").cancel();
      await ctx.scheduleWait("go");
      return ctx.continueAsNew(1);
    });
    await world.start({ orchestrations: [reader] });
    const handle = await world.client.startOrchestration("reader", reader, 0);
    await world.untilRecorded("reader", "ExternalSubscribed");
    await handle.enqueueEvent("inbox", "kept");
    await world.untilRecorded("reader", "QueueMessage");
    await handle.raiseEvent("go");
    expect(await handle.result({ timeout: "10s" })).toBe("kept");
  },
);

scenario(
  "S158 U12 R1 a message for an instance that does not exist is dropped and says so",
  async (world) => {
    const reader = defineOrchestration("Reader", async (ctx) => ctx.dequeueEvent<string>("inbox"));
    const early = await world.client.enqueueEvent("reader", "inbox", "too early");
    expect(early).toEqual({ kind: "dropped", reason: "unknownInstance" });
    await world.start({ orchestrations: [reader] });
    const handle = await world.client.startOrchestration("reader", reader);
    await handle.enqueueEvent("inbox", "in time");
    expect(await handle.result({ timeout: "10s" })).toBe("in time");
  },
  { compare: "unordered" },
);

scenario(
  "S160 S129 an unresolved dequeue and wait at completion leave one breadcrumb each",
  async (world) => {
    const leaver = defineOrchestration("Leaver", async (ctx) => {
      ctx.dequeueEvent("inbox");
      ctx.scheduleWait("ev");
      await ctx.scheduleActivity(echo, "x");
      return "done";
    });
    await world.start({ activities: [echo], orchestrations: [leaver] });
    const handle = await world.client.startOrchestration("leaver", leaver);
    expect(await handle.result({ timeout: "10s" })).toBe("done");
    const history = await world.client.readExecutionHistory("leaver");
    expect(history.slice(-3)).toMatchObject([
      { kind: "ExternalSubscribedCancelled", sourceEventId: 3, reason: "orchestration_terminal" },
      { kind: "QueueSubscribedCancelled", sourceEventId: 2, reason: "orchestration_terminal" },
      { kind: "OrchestrationCompleted" },
    ]);
  },
);

scenario(
  "S161 a mix of queue, wait and activities over many turns pairs rightly",
  async (world) => {
    const mix = defineOrchestration("Mix", async (ctx) => {
      const order = await ctx.dequeueEvent<string>("orders");
      const echoed = await ctx.scheduleActivity(echo, order);
      const approval = await ctx.scheduleWait<string>("approval");
      const next = await ctx.dequeueEvent<string>("orders");
      return [echoed, approval, await ctx.scheduleActivity(echo, next)];
    });
    await world.start({ activities: [echo], orchestrations: [mix] });
    const handle = await world.client.startOrchestration("mix", mix);
    await world.untilRecorded("mix", "QueueSubscribed");
    await handle.enqueueEvent("orders", "one");
    await world.untilRecorded("mix", "ExternalSubscribed");
    await handle.enqueueEvent("orders", "two");
    await world.untilRecorded("mix", "QueueMessage", 2);
    await handle.raiseEvent("approval", "yes");
    expect(await handle.result({ timeout: "10s" })).toEqual(["echo one", "yes", "echo two"]);
  },
);

scenario("S162 typed send and receive round trip", async (world) => {
  const orders = defineQueue("orders", z.object({ sku: z.string(), count: z.number() }));
  const reader = defineOrchestration("Reader", async (ctx) => {
    const { sku, count } = await ctx.dequeueEvent(orders);
    return `${count} x ${sku}`;
  });
  await world.start({ orchestrations: [reader] });
  const handle = await world.client.startOrchestration("reader", reader);
  await world.untilRecorded("reader", "QueueSubscribed");
  await world.client.enqueueEvent("reader", orders, { sku: "42", count: 3 });
  expect(await handle.result({ timeout: "10s" })).toBe("3 x 42");
});

scenario(
  "S164 a chat loop answers through the status and ends with bye",
  async (world) => {
    const chat = defineOrchestration("Chat", async (ctx, turn: number): Promise<string> => {
      const said = await ctx.dequeueEvent<string>("chat");
      if (said === "bye") return `ended after ${turn} answers`;
      ctx.setCustomStatus({ answer: `you said ${said}`, turn });
      return ctx.continueAsNew(turn + 1);
    });
    await world.start({ orchestrations: [chat] });
    const handle = await world.client.startOrchestration("chat", chat, 0);
    let version = 0;
    for (const [turn, said] of ["hi", "how are you", "fine"].entries()) {
      await handle.enqueueEvent("chat", said);
      const status = await world.client.waitForStatusChange("chat", version, { timeout: "10s" });
      expect(status.customStatus).toEqual({ answer: `you said ${said}`, turn });
      version = status.customStatusVersion;
    }
    await handle.enqueueEvent("chat", "bye");
    expect(await handle.result({ timeout: "10s" })).toBe("ended after 3 answers");
    // Whether a message meets its execution before or after the dequeue is a matter of timing.
  },
  { compare: "none" },
);

scenario(
  "S165 a dequeue raced with a timer in a continue-as-new loop loses none of 100 messages",
  async (world) => {
    interface State {
      readonly seen: number[];
    }
    const loop = defineOrchestration("Loop", async (ctx, state: State): Promise<number[]> => {
      const raced = await ctx.select({
        message: ctx.dequeueEvent<number>("inbox"),
        tick: ctx.scheduleTimer(1),
      });
      const seen = raced.key === "message" ? [...state.seen, raced.value] : state.seen;
      return seen.length === 100 ? seen : ctx.continueAsNew({ seen });
    });
    await world.start({ orchestrations: [loop] });
    const handle = await world.client.startOrchestration("loop", loop, { seen: [] });
    for (let i = 0; i < 100; i += 1)
      expect(await handle.enqueueEvent("inbox", i)).toEqual({ kind: "accepted" });
    expect(await handle.result({ timeout: "25s" })).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
    // The number of executions depends on how often the timer wins.
  },
  { compare: "none" },
);
