/** Scenarios of section E: joins, and nested combinations of joins and races. */

import {
  defineActivity,
  defineOrchestration,
  runTurn,
  type ActivityContext,
  type OrchestrationContext,
} from "duroxide-ts";
import { expect, expectTypeOf } from "vitest";

import { encodeMessage } from "../../src/history/message.ts";
import { MODES, scenario, type World } from "../support/scenario.ts";
import { gate, type Gate } from "../support/signal.ts";
import { told } from "../support/told.ts";

const LIMIT = { timeout: "20s" } as const;

const echo = defineActivity("Echo", async (value: unknown) => value);

/** An activity that ends when the test says so. */
function gated(count: number) {
  const gates: readonly Gate[] = Array.from({ length: count }, gate);
  const definition = defineActivity("Gated", async (i: number) => {
    await gates[i]?.opened;
    return `result ${i}`;
  });
  return { definition, gates };
}

/** Lets the activities end one by one, each after the one before was recorded. */
async function endInOrder(
  world: World,
  instanceId: string,
  gates: readonly Gate[],
  order: readonly number[],
): Promise<void> {
  let count = 0;
  for (const i of order) {
    gates[i]?.open();
    count += 1;
    await world.untilRecorded(instanceId, "ActivityCompleted", count);
  }
}

scenario("S090 a join gives its results in argument order, whatever ends first", async (world) => {
  const { definition, gates } = gated(4);
  const fan = defineOrchestration("Fan", async (ctx) => {
    const outcomes = await ctx.join([0, 1, 2, 3].map((i) => ctx.scheduleActivity(definition, i)));
    return outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : "failed"));
  });
  await world.start({ activities: [definition], orchestrations: [fan] });
  const handle = await world.client.startOrchestration("fan", fan);
  await endInOrder(world, "fan", gates, [2, 0, 3, 1]);
  expect(await handle.result(LIMIT)).toEqual(["result 0", "result 1", "result 2", "result 3"]);
  expect(await told(world, "fan")).toEqual([
    "2 ActivityScheduled Gated",
    "3 ActivityScheduled Gated",
    "4 ActivityScheduled Gated",
    "5 ActivityScheduled Gated",
    "6 ActivityCompleted(4)",
    "7 ActivityCompleted(2)",
    "8 ActivityCompleted(5)",
    "9 ActivityCompleted(3)",
    "10 OrchestrationCompleted",
  ]);
});

scenario("S092 a join with one branch pending has no result yet", async (world) => {
  const { definition, gates } = gated(3);
  const fan = defineOrchestration("Fan", async (ctx) => {
    await ctx.join([0, 1, 2].map((i) => ctx.scheduleActivity(definition, i)));
    ctx.setCustomStatus("joined");
  });
  await world.start({ activities: [definition], orchestrations: [fan] });
  const handle = await world.client.startOrchestration("fan", fan);
  await endInOrder(world, "fan", gates, [0, 2]);
  const pending = { status: "Running", customStatus: undefined };
  expect(await handle.status()).toMatchObject(pending);
  expect((await told(world, "fan")).slice(-2)).toEqual([
    "5 ActivityCompleted(2)",
    "6 ActivityCompleted(4)",
  ]);
  await endInOrder(world, "fan", gates, [1]);
  await handle.result(LIMIT);
  expect(await handle.status()).toMatchObject({ status: "Completed", customStatus: "joined" });
});

scenario("S093 a join of nothing resolves at once", async (world) => {
  const empty = defineOrchestration("Empty", async (ctx) => [
    await ctx.join([]),
    await ctx.all([]),
  ]);
  await world.start({ orchestrations: [empty] });
  const handle = await world.client.startOrchestration("empty", empty);
  expect(await handle.result(LIMIT)).toEqual([[], []]);
  expect(await told(world, "empty")).toEqual(["2 OrchestrationCompleted"]);
});

const increment = defineActivity("Increment", async (n: number) => n + 1);

for (const [what, width] of [
  ["activities", 1_000],
  ["activities", 5_000],
  ["children", 300],
] as const) {
  scenario(
    `S094 a join of ${width} ${what} completes, and its finished history replays`,
    async (world) => {
      const child = defineOrchestration("Child", async (_, n: number) => n + 1);
      const wide = defineOrchestration("Wide", async (ctx) => {
        const numbers = Array.from({ length: width }, (_, n) => n);
        const outcomes = await ctx.join(
          numbers.map((n) =>
            what === "children"
              ? ctx.scheduleSubOrchestration(child, n)
              : ctx.scheduleActivity(increment, n),
          ),
        );
        const values = outcomes.map((outcome) =>
          outcome.status === "fulfilled" ? outcome.value : 0,
        );
        return [values.every((value, n) => value === n + 1), values.length];
      });
      await world.start({ activities: [increment], orchestrations: [wide, child] });
      const handle = await world.client.startOrchestration("wide", wide);
      expect(await handle.result(LIMIT)).toEqual([true, width]);
      const history = await world.client.readExecutionHistory("wide");
      expect(history).toHaveLength(2 * width + 2);
      const replayed = await runTurn(history, wide);
      expect(replayed.history).toEqual(history);
      // Cut before its end, the same history gives the result again.
      const again = await runTurn(history.slice(0, -1), wide);
      expect(again.output).toEqual({ kind: "completed", value: [true, width] });
    },
    // Joined work ends in any order. Two of the four ways are enough for the widest, to stay quick.
    { compare: "unordered", modes: width > 1_000 ? [MODES[0]!, MODES[3]!] : MODES },
  );
}

scenario(
  "S096 joins of two and of three different things give typed tuples",
  async (world) => {
    const text = defineActivity("Text", async (n: number) => `text ${n}`);
    const flag = defineActivity("Flag", async (n: number) => n > 0);
    const child = defineOrchestration("Child", async (_, n: number) => ({ n }));
    const tuples = defineOrchestration("Tuples", async (ctx) => {
      const pair = await ctx.all([
        ctx.scheduleActivity(text, 1),
        ctx.scheduleSubOrchestration(child, 2),
      ]);
      expectTypeOf(pair).toEqualTypeOf<[string, { n: number }]>();
      const triple = await ctx.join([
        ctx.scheduleActivity(flag, 3),
        ctx.scheduleTimer(1),
        ctx.scheduleActivity(text, 4),
      ]);
      expectTypeOf(triple).toEqualTypeOf<
        [PromiseSettledResult<boolean>, PromiseSettledResult<void>, PromiseSettledResult<string>]
      >();
      return [pair, triple];
    });
    await world.start({ activities: [text, flag], orchestrations: [tuples, child] });
    const handle = await world.client.startOrchestration("tuples", tuples);
    expect(await handle.result(LIMIT)).toEqual([
      ["text 1", { n: 2 }],
      [
        { status: "fulfilled", value: true },
        { status: "fulfilled" },
        { status: "fulfilled", value: "text 4" },
      ],
    ]);
    // Joined work ends in any order.
  },
  { compare: "unordered" },
);

scenario(
  "S109 async blocks joined: results of one batch are delivered one by one, each block goes on",
  async (world) => {
    const deliveries: string[] = [];
    const blocks = defineOrchestration("Blocks", async (ctx) => {
      const note = (what: string) => {
        if (!ctx.isReplaying) deliveries.push(what);
      };
      return ctx.all([
        async (scope: OrchestrationContext) => {
          const a = await scope.scheduleActivity<string>("A");
          note(a);
          return `${a}${await scope.scheduleActivity<string>("C")}`;
        },
        async (scope: OrchestrationContext) => {
          const b = await scope.scheduleActivity<string>("B");
          note(b);
          return b;
        },
      ]);
    });
    const runtime = await world.start({ orchestrations: [blocks], activityConcurrency: 0 });
    await world.client.startOrchestration("blocks", blocks);
    await world.untilRecorded("blocks", "ActivityScheduled", 2);
    await runtime.shutdown();
    // A and B finish while no turn can run: their results arrive in one batch.
    const node = await world.store.registerNode({ label: "by hand", leaseMs: 60_000 });
    for (const { claim, name } of await world.store.claimActivities({ node, limit: 10 })) {
      const { executionId, activityId: sourceEventId } = claim;
      const result = JSON.stringify(name.toLowerCase());
      const body = encodeMessage({ kind: "activityCompleted", executionId, sourceEventId, result });
      await world.store.write([{ kind: "completeActivity", claim, body }]);
    }
    const c = defineActivity("C", async () => "c");
    await world.start({ activities: [c], orchestrations: [blocks] });
    const status = await world.client.waitForOrchestration("blocks", LIMIT);
    expect(status).toMatchObject({ status: "Completed", output: ["ac", "b"] });
    expect(deliveries).toEqual(["a", "b"]);
    expect(await told(world, "blocks")).toEqual([
      "2 ActivityScheduled A",
      "3 ActivityScheduled B",
      "4 ActivityCompleted(2)",
      "5 ActivityCompleted(3)",
      "6 ActivityScheduled C",
      "7 ActivityCompleted(6)",
      "8 OrchestrationCompleted",
    ]);
  },
  { isForOneNode: true },
);

scenario("S113 a join inside a race: the race goes on without the slower join", async (world) => {
  const { definition, gates } = gated(3);
  const nested = defineOrchestration("Nested", async (ctx) =>
    ctx.select([
      ctx.join([ctx.scheduleActivity(definition, 0), ctx.scheduleActivity(definition, 1)]),
      ctx.all([ctx.scheduleActivity(definition, 2), ctx.scheduleTimer(1).map(() => "tick")]),
    ]),
  );
  await world.start({ activities: [definition], orchestrations: [nested] });
  const handle = await world.client.startOrchestration("nested", nested);
  await world.untilRecorded("nested", "TimerFired");
  await endInOrder(world, "nested", gates, [0, 2]);
  expect(await handle.result(LIMIT)).toEqual({ index: 1, value: ["result 2", "tick"] });
  expect(await told(world, "nested")).toEqual([
    "2 ActivityScheduled Gated",
    "3 ActivityScheduled Gated",
    "4 ActivityScheduled Gated",
    "5 TimerCreated",
    "6 TimerFired(5)",
    "7 ActivityCompleted(2)",
    "8 ActivityCompleted(4)",
    "9 ActivityCancelRequested(3) dropped_future",
    "10 OrchestrationCompleted",
  ]);
  gates[1]?.open();
});

scenario("S113 races inside a join: each race is decided on its own", async (world) => {
  const { definition, gates } = gated(2);
  const nested = defineOrchestration("Nested", async (ctx) =>
    ctx.all([
      ctx.select({ work: ctx.scheduleActivity(definition, 0), limit: ctx.scheduleTimer("1h") }),
      ctx.select({ work: ctx.scheduleActivity(definition, 1), limit: ctx.scheduleTimer(1) }),
    ]),
  );
  await world.start({ activities: [definition], orchestrations: [nested] });
  const handle = await world.client.startOrchestration("nested", nested);
  await world.untilRecorded("nested", "ActivityCancelRequested");
  await endInOrder(world, "nested", gates, [0]);
  expect(await handle.result(LIMIT)).toEqual([
    { key: "work", value: "result 0" },
    { key: "limit" },
  ]);
  expect(await told(world, "nested")).toEqual([
    "2 ActivityScheduled Gated",
    "3 TimerCreated",
    "4 ActivityScheduled Gated",
    "5 TimerCreated",
    "6 TimerFired(5)",
    "7 ActivityCancelRequested(4) dropped_future",
    "8 ActivityCompleted(2)",
    "9 TimerCancelled(3) dropped_future",
    "10 OrchestrationCompleted",
  ]);
  gates[1]?.open();
});

scenario(
  "S116 mapped results in a join and in a race; the mapped loser is canceled",
  async (world) => {
    const stopped = gate();
    const patient = defineActivity("Patient", async (_: undefined, ctx: ActivityContext) => {
      await new Promise<void>((resolve) => {
        ctx.signal.addEventListener("abort", () => {
          resolve();
        });
      });
      stopped.open();
      return 0;
    });
    const mapped = defineOrchestration("Mapped", async (ctx) => {
      const sum = await ctx.all([
        ctx.scheduleActivity(increment, 1).map((n) => n * 10),
        ctx.scheduleTimer(1).map(() => "timer"),
      ]);
      expectTypeOf(sum).toEqualTypeOf<[number, string]>();
      const winner = await ctx.select([
        ctx.scheduleActivity(patient).map((n) => ({ n })),
        ctx.scheduleTimer(1).map(() => "too slow"),
      ]);
      return [sum, winner];
    });
    await world.start({ activities: [increment, patient], orchestrations: [mapped] });
    const handle = await world.client.startOrchestration("mapped", mapped);
    expect(await handle.result(LIMIT)).toEqual([[20, "timer"], { index: 1, value: "too slow" }]);
    await stopped.opened;
    const lines = await told(world, "mapped");
    expect(lines.slice(4)).toEqual([
      "6 ActivityScheduled Patient",
      "7 TimerCreated",
      "8 TimerFired(7)",
      "9 ActivityCancelRequested(6) dropped_future",
      "10 OrchestrationCompleted",
    ]);
    // The first activity and the first timer end in any order.
  },
  { compare: "unordered" },
);

const VALUES: readonly unknown[] = [
  "42",
  42,
  -0.5,
  true,
  false,
  null,
  "",
  "null",
  "true",
  '"quoted"',
  "multi\nline \u{1F600} \u2028",
  [],
  {},
  [1, "1", [null]],
  { "": "empty key", nested: { list: [{ deep: false }] } },
];

scenario(
  "S117 values of every JSON type go through join, race and history unchanged",
  async (world) => {
    const values = defineOrchestration("Values", async (ctx) => {
      const joined = await ctx.all(VALUES.map((value) => ctx.scheduleActivity(echo, value)));
      const raced: unknown[] = [];
      for (const value of VALUES) {
        const branches = [ctx.scheduleWait("never"), ctx.scheduleActivity(echo, value)] as const;
        raced.push((await ctx.select(branches)).value);
      }
      const nothing = await ctx.all([ctx.scheduleActivity(echo, undefined)]);
      return { joined, raced, isNothing: nothing.length === 1 && nothing[0] === undefined };
    });
    await world.start({ activities: [echo], orchestrations: [values] });
    const handle = await world.client.startOrchestration("values", values);
    expect(await handle.result(LIMIT)).toEqual({ joined: VALUES, raced: VALUES, isNothing: true });
    const history = await world.client.readExecutionHistory("values");
    const inputs = history.filter((event) => event.kind === "ActivityScheduled");
    expect(inputs.slice(0, VALUES.length).map((event) => event.input)).toEqual(VALUES);
    // Joined work ends in any order.
  },
  { compare: "unordered" },
);

scenario(
  "S118 an activity that nobody awaits, well or badly: it blocks nobody and rejects nowhere",
  async (world) => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown) => rejections.push(reason);
    process.on("unhandledRejection", onRejection);
    const fails = defineActivity("Fails", async () => {
      throw new Error("nobody listens");
    });
    const forgetful = defineOrchestration("Forgetful", async (ctx) => {
      ctx.scheduleActivity(echo, 1);
      const left = ctx.scheduleActivity(fails);
      ctx.all([left, ctx.scheduleTimer(1)]);
      await ctx.scheduleWait("end");
      return "on its way";
    });
    await world.start({ activities: [echo, fails], orchestrations: [forgetful] });
    const handle = await world.client.startOrchestration("forgetful", forgetful);
    await world.untilRecorded("forgetful", "ActivityCompleted");
    await world.untilRecorded("forgetful", "ActivityFailed");
    await handle.raiseEvent("end");
    expect(await handle.result(LIMIT)).toBe("on its way");
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    process.off("unhandledRejection", onRejection);
    expect(rejections).toEqual([]);
    const cancels = (await told(world, "forgetful")).filter((line) =>
      line.includes("ActivityCancelRequested"),
    );
    expect(cancels).toEqual([]);
    // Whether the failure or the timer comes first decides whether the timer is canceled.
  },
  { compare: "none" },
);
