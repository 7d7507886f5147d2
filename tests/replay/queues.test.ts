/** Event queues: kept from the moment of sending, first in, first out, carried over continue-as-new. */

import { describe, expect, test } from "vitest";
import { z } from "zod";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import { defineQueue } from "../../src/orchestration/define.ts";
import type { CarriedMessage } from "../../src/history/message.ts";
import {
  activityCompleted as done,
  createExecution,
  play,
  raised,
  runOneTurn,
  sent,
  tell,
  timerFired as fired,
} from "../support/story.ts";

type Ctx = OrchestrationContext;

function carriedOf(result: { readonly outcome: { readonly kind: string } }): readonly unknown[] {
  const outcome = result.outcome as { kind: string; carried?: readonly CarriedMessage[] };
  expect(outcome.kind).toBe("continuedAsNew");
  return (outcome.carried ?? []).map(({ name, data }) => [name, JSON.parse(data as string)]);
}

describe("ctx.dequeueEvent()", () => {
  test("S148 messages sent before the dequeue are delivered later, in order", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        await ctx.scheduleActivity("A");
        return [await ctx.dequeueEvent("q"), await ctx.dequeueEvent("q")];
      },
      [[sent("q", 1)], [sent("q", 2)], [done(2)]],
    );
    expect(output).toEqual([1, 2]);
  });

  test("S149 five messages, five dequeues, first in first out", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const seen: unknown[] = [];
        for (let i = 0; i < 5; i += 1) seen.push(await ctx.dequeueEvent("q"));
        return seen;
      },
      [[sent("q", 1), sent("q", 2), sent("q", 3)], [sent("q", 4)], [sent("q", 5)]],
    );
    expect(output).toEqual([1, 2, 3, 4, 5]);
  });

  test("S149 the k-th dequeue gets the k-th message, whatever the order of awaiting", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const [a, b] = [ctx.dequeueEvent("q"), ctx.dequeueEvent("q")];
        const late = await b;
        return [await a, late];
      },
      [[sent("q", 1), sent("q", 2)]],
    );
    expect(output).toEqual([1, 2]);
  });

  test("S150 a dequeue that lost to a timer leaves its message to the next", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const first = await ctx.select([ctx.dequeueEvent("q"), ctx.scheduleTimer(5)]);
        return [first.index, await ctx.dequeueEvent("q")];
      },
      [[fired(3)], [sent("q", "m")]],
    );
    expect(output).toEqual([1, "m"]);
  });

  test("S150 also when message and timer come in one batch, timer first", async () => {
    const { output, story } = await play(
      async (ctx: Ctx) => {
        const first = await ctx.select([ctx.dequeueEvent("q"), ctx.scheduleTimer(5)]);
        return [first.index, await ctx.dequeueEvent("q")];
      },
      [[fired(3), sent("q", "m")]],
    );
    expect(output).toEqual([1, "m"]);
    expect(story.turns[1]).toContain("6 QueueSubscribed q, 7 QueueSubscribedCancelled(2)");
  });

  test("S152 two messages in one batch, one dequeue: the second is not needed", async () => {
    const { output, story } = await play(
      async (ctx: Ctx) => ctx.dequeueEvent("q"),
      [[sent("q", "first"), sent("q", "second")]],
    );
    expect(output).toBe("first");
    expect(story.turns[1]).toBe("3 QueueMessage q, 4 QueueMessage q, 5 OrchestrationCompleted");
  });

  test("S153 an external event does not answer a dequeue of the same name", async () => {
    const { output } = await play(
      async (ctx: Ctx) => ctx.dequeueEvent("x"),
      [[raised("x", "event")], [sent("x", "message")]],
    );
    expect(output).toBe("message");
  });

  test("S154 three queues keep their own order", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const take = async (scope: Ctx, name: string) => [
          await scope.dequeueEvent(name),
          await scope.dequeueEvent(name),
        ];
        return ctx.all(["a", "b", "c"].map((name) => (scope: Ctx) => take(scope, name)));
      },
      [
        [sent("c", 1), sent("a", 1)],
        [sent("c", 2), sent("b", 1)],
        [sent("a", 2), sent("b", 2)],
      ],
    );
    expect(output).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
  });

  test("S160 an unresolved dequeue at the end leaves a breadcrumb", async () => {
    const { story } = await play(async (ctx: Ctx) => {
      ctx.dequeueEvent("q");
      return "end";
    });
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 QueueSubscribed q, " +
        "3 QueueSubscribedCancelled(2) orchestration_terminal, 4 OrchestrationCompleted",
    );
  });

  test("S161 queue, wait and activity over several turns pair up", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        const [message, event] = await ctx.all([ctx.dequeueEvent("m"), ctx.scheduleWait("e")]);
        return [message, event, await ctx.scheduleActivity("A"), await ctx.dequeueEvent("m")];
      },
      [[raised("e", "event")], [sent("m", 1), sent("m", 2)], [done(7, "a")]],
    );
    expect(output).toEqual([1, "event", "a", 2]);
  });

  test("S162 a typed queue checks what it receives", async () => {
    const orders = defineQueue("orders", z.object({ sku: z.string() }));
    const { output } = await play(
      async (ctx: Ctx) => {
        const bad = await ctx.dequeueEvent(orders).settled();
        return [bad.status, (await ctx.dequeueEvent(orders)).sku];
      },
      [[sent("orders", { sku: 1 }), sent("orders", { sku: "s" })]],
    );
    expect(output).toEqual(["rejected", "s"]);
  });

  test("a dequeue in a race is served at once from the buffer, and the leftmost wins", async () => {
    const { output, last } = await play(
      async (ctx: Ctx) => {
        await ctx.scheduleActivity("A");
        return ctx.select([ctx.dequeueEvent("q"), ctx.dequeueEvent("q"), ctx.scheduleTimer(5)]);
      },
      [[sent("q", 1), sent("q", 2), done(2)]],
    );
    expect(output).toEqual({ index: 0, value: 1 });
    expect(last.timers).toEqual([]);
  });

  test("a dequeue counts as a reader from its creation, also when nobody awaits it", async () => {
    const { output } = await play(
      async (ctx: Ctx) => {
        ctx.dequeueEvent("q");
        return ctx.dequeueEvent("q");
      },
      [[sent("q", 1)], [sent("q", 2)]],
    );
    expect(output).toBe(2);
  });
});

describe("queues and continue-as-new", () => {
  test("A4 unread messages are carried and recorded at the head of the next execution", async () => {
    const code = async (ctx: Ctx, input: unknown) => {
      const message = await ctx.dequeueEvent("inbox");
      if (input === undefined) return ctx.continueAsNew(message);
      await ctx.scheduleTimer(1);
      return message;
    };
    const { story, last } = await play(code, [[sent("inbox", "m1"), sent("inbox", "m2")]]);
    expect(story.told).toBe(
      "1 OrchestrationStarted, 2 QueueSubscribed inbox | " +
        "3 QueueMessage inbox, 4 QueueMessage inbox, 5 OrchestrationContinuedAsNew",
    );
    expect(carriedOf(last)).toEqual([["inbox", "m2"]]);
    const { outcome } = last;
    if (outcome.kind !== "continuedAsNew") throw new Error("unexpected");
    const next = await runOneTurn(createExecution(code), {
      history: [],
      messages: [
        {
          kind: "continueAsNew",
          executionId: 2,
          name: "test",
          input: outcome.input,
          seed: "s2",
          carried: outcome.carried,
          customStatus: undefined,
        },
      ],
      nowMs: 1,
    });
    // The wait resolves in that same turn.
    expect(next.kind === "concluded" && tell(next.events)).toBe(
      "1 OrchestrationStarted, 2 QueueMessage inbox, 3 QueueSubscribed inbox, 4 TimerCreated",
    );
  });

  test("S156 all 25 unread messages survive, over all queues in order of arrival", async () => {
    const batch = Array.from({ length: 25 }, (_, i) => sent(i % 2 === 0 ? "even" : "odd", i));
    const { last } = await play(
      async (ctx: Ctx) => {
        await ctx.scheduleWait("go");
        return ctx.continueAsNew();
      },
      [batch, [raised("go")]],
    );
    expect(carriedOf(last)).toEqual(
      Array.from({ length: 25 }, (_, i) => [i % 2 === 0 ? "even" : "odd", i]),
    );
  });

  test("S157 the message of a dequeue that was cancelled before is carried", async () => {
    const { last } = await play(
      async (ctx: Ctx) => {
        await ctx.select([ctx.dequeueEvent("q"), ctx.scheduleTimer(1)]);
        return ctx.continueAsNew();
      },
      [[fired(3), sent("q", "kept")]],
    );
    expect(carriedOf(last)).toEqual([["q", "kept"]]);
  });

  test("S165 a message that comes behind the decision is carried, although a dequeue is still open", async () => {
    const { last } = await play(
      async (ctx: Ctx) => {
        ctx.dequeueEvent("q");
        await ctx.scheduleTimer(1);
        return ctx.continueAsNew();
      },
      [[fired(3), sent("q", "kept")]],
    );
    expect(carriedOf(last)).toEqual([["q", "kept"]]);
  });

  test("S165 no message is lost over 100 executions of a race between dequeue and timer", async () => {
    const code = async (ctx: Ctx, seen: number[]) => {
      const winner = await ctx.select([ctx.dequeueEvent<number>("q"), ctx.scheduleTimer(5)]);
      return ctx.continueAsNew(winner.index === 0 ? [...(seen ?? []), winner.value] : seen);
    };
    let input: string | undefined;
    let carried: readonly CarriedMessage[] = [];
    let sentCount = 0;
    for (let executionId = 1; executionId <= 100; executionId += 1) {
      const execution = createExecution(code);
      const first = {
        kind: "continueAsNew",
        executionId,
        name: "test",
        input,
        seed: "s",
        carried,
        customStatus: undefined,
      } as const;
      let result = await runOneTurn(execution, { history: [], messages: [first], nowMs: 1 });
      if (result.kind === "concluded" && result.outcome.kind === "running") {
        const timerId = carried.length + 3;
        const timer = {
          kind: "timerFired",
          executionId,
          sourceEventId: timerId,
          fireAtMs: 0,
        } as const;
        const messages = Array.from({ length: executionId % 4 }, () => sent("q", sentCount++));
        // The timer wins, loses, or finds no competitor, by turns.
        messages.splice(executionId % 3, 0, timer);
        result = await runOneTurn(execution, { history: [], messages, nowMs: 1 });
      }
      if (result.kind !== "concluded" || result.outcome.kind !== "continuedAsNew")
        throw new Error(JSON.stringify(result));
      ({ input, carried } = result.outcome);
    }
    const unread = carried.map(({ data }) => JSON.parse(data as string) as number);
    const read = JSON.parse(input ?? "[]") as number[];
    expect([...read, ...unread]).toEqual(Array.from({ length: sentCount }, (_, i) => i));
    expect(read.length).toBeGreaterThan(50);
  });

  test("S164 a chat loop answers through its status and ends with bye", async () => {
    const code = async (ctx: Ctx) => {
      const text = await ctx.dequeueEvent<string>("chat");
      ctx.setCustomStatus(`you said ${text}`);
      return text === "bye" ? "ended" : ctx.continueAsNew();
    };
    const first = await play(code, [[sent("chat", "hi")]]);
    expect(first.last.customStatus).toEqual({ value: '"you said hi"' });
    expect(first.last.outcome).toMatchObject({
      kind: "continuedAsNew",
      customStatus: '"you said hi"',
    });
    expect((await play(code, [[sent("chat", "bye")]])).output).toBe("ended");
  });
});
