/** Scenarios of section E: races. Joins and nested combinations are in e-join. */

import {
  ActivityError,
  defineActivity,
  defineOrchestration,
  type ActivityContext,
  type Branch,
  type DurationInput,
  type OrchestrationContext,
} from "duroxide-ts";
import { expect, expectTypeOf } from "vitest";

import { scenario } from "../support/scenario.ts";
import { gate, type Gate } from "../support/signal.ts";
import { told } from "../support/told.ts";

const LIMIT = { timeout: "10s" } as const;

const quick = defineActivity("Quick", async (text: string) => `quick ${text}`);

/** An activity that ends when its signal fires, and a gate that opens then. */
function patience() {
  const started = gate();
  const stopped = gate();
  const patient = defineActivity("Patient", async (_: undefined, ctx: ActivityContext) => {
    started.open();
    await new Promise<void>((resolve) => {
      ctx.signal.addEventListener("abort", () => {
        resolve();
      });
    });
    stopped.open();
    return "too late";
  });
  return { patient, started, stopped };
}

/** An activity that ends when the test says so, and notes each start. */
function gated(names: readonly string[]) {
  const gates = new Map<string, Gate>(names.map((name) => [name, gate()]));
  const begun: string[] = [];
  const definition = defineActivity("Gated", async (name: string) => {
    begun.push(name);
    await gates.get(name)?.opened;
    return name;
  });
  const open = (name: string) => gates.get(name)?.open();
  return { definition, begun, open };
}

scenario(
  "S097 an activity against a long timer: index 0, and the timer is canceled",
  async (world) => {
    const race = defineOrchestration("Race", async (ctx) => {
      const winner = await ctx.select2(ctx.scheduleActivity(quick, "a"), ctx.scheduleTimer("1h"));
      expectTypeOf(winner).toEqualTypeOf<
        { readonly index: 0; readonly value: string } | { readonly index: 1; readonly value: void }
      >();
      return winner;
    });
    await world.start({ activities: [quick], orchestrations: [race] });
    const handle = await world.client.startOrchestration("race", race);
    expect(await handle.result(LIMIT)).toEqual({ index: 0, value: "quick a" });
    expect(await told(world, "race")).toEqual([
      "2 ActivityScheduled Quick",
      "3 TimerCreated",
      "4 ActivityCompleted(2)",
      "5 TimerCancelled(3) dropped_future",
      "6 OrchestrationCompleted",
    ]);
    expect(await world.store.nextDueMs(0)).toBeUndefined();
  },
);

scenario(
  "S098 an activity against a short timer: index 1, and the activity is canceled",
  async (world) => {
    const { patient, stopped } = patience();
    const race = defineOrchestration("Race", async (ctx) =>
      ctx.select2(ctx.scheduleActivity(patient), ctx.scheduleTimer(5)),
    );
    await world.start({ activities: [patient], orchestrations: [race] });
    const handle = await world.client.startOrchestration("race", race);
    expect(await handle.result(LIMIT)).toEqual({ index: 1 });
    await stopped.opened;
    expect(await told(world, "race")).toEqual([
      "2 ActivityScheduled Patient",
      "3 TimerCreated",
      "4 TimerFired(3)",
      "5 ActivityCancelRequested(2) dropped_future",
      "6 OrchestrationCompleted",
    ]);
  },
);

scenario("S100 an event that nobody raises loses to its timer", async (world) => {
  const race = defineOrchestration("Race", async (ctx) => {
    const winner = await ctx.select({
      approval: ctx.scheduleWait<string>("approval"),
      timeout: ctx.scheduleTimer(5),
    });
    expectTypeOf(winner.key).toEqualTypeOf<"approval" | "timeout">();
    return winner.key === "approval" ? winner.value : "escalated";
  });
  await world.start({ orchestrations: [race] });
  const handle = await world.client.startOrchestration("race", race);
  expect(await handle.result(LIMIT)).toBe("escalated");
  expect(await told(world, "race")).toEqual([
    "2 ExternalSubscribed approval",
    "3 TimerCreated",
    "4 TimerFired(3)",
    "5 ExternalSubscribedCancelled(2) dropped_future",
    "6 OrchestrationCompleted",
  ]);
});

scenario("S101 an activity against an event: what is delivered first wins", async (world) => {
  const { definition, open } = gated(["late", "early"]);
  const race = defineOrchestration("Race", async (ctx, name: string) => {
    const winner = await ctx.select([
      ctx.scheduleActivity(definition, name),
      ctx.scheduleWait<string>("word"),
    ]);
    return `${winner.index} ${winner.value}`;
  });
  await world.start({ activities: [definition], orchestrations: [race] });
  const event = await world.client.startOrchestration("event-first", race, "late");
  const activity = await world.client.startOrchestration("activity-first", race, "early");
  await event.raiseEvent("word", "raised");
  open("early");
  expect(await event.result(LIMIT)).toBe("1 raised");
  expect(await activity.result(LIMIT)).toBe("0 early");
  open("late");
  expect(await activity.raiseEvent("word", "raised")).toMatchObject({ kind: "dropped" });
  expect((await told(world, "event-first")).slice(2)).toEqual([
    "4 ExternalEvent word",
    "5 ActivityCancelRequested(2) dropped_future",
    "6 OrchestrationCompleted",
  ]);
  expect((await told(world, "activity-first")).slice(2)).toEqual([
    "4 ActivityCompleted(2)",
    "5 ExternalSubscribedCancelled(3) dropped_future",
    "6 OrchestrationCompleted",
  ]);
});

scenario(
  "S102 two waits raced and both raised in one batch: the first raised wins",
  async (world) => {
    const race = defineOrchestration("Race", async (ctx) => {
      const winner = await ctx.select([ctx.scheduleWait("left"), ctx.scheduleWait("right")]);
      return winner;
    });
    const runtime = await world.start({ orchestrations: [race] });
    for (const id of ["left-first", "right-first"]) {
      await world.client.startOrchestration(id, race);
      await world.untilRecorded(id, "ExternalSubscribed", 2);
    }
    await runtime.shutdown();
    await world.client.raiseEvent("left-first", "left", 1);
    await world.client.raiseEvent("left-first", "right", 2);
    await world.client.raiseEvent("right-first", "right", 1);
    await world.client.raiseEvent("right-first", "left", 2);
    await world.start({ orchestrations: [race] });
    expect(await world.client.waitForOrchestration("left-first", LIMIT)).toMatchObject({
      output: { index: 0, value: 1 },
    });
    expect(await world.client.waitForOrchestration("right-first", LIMIT)).toMatchObject({
      output: { index: 1, value: 1 },
    });
    expect((await told(world, "right-first")).slice(2)).toEqual([
      "4 ExternalEvent right",
      "5 ExternalEvent left",
      "6 ExternalSubscribedCancelled(2) dropped_future",
      "7 OrchestrationCompleted",
    ]);
  },
);

scenario("S104 a three-way race of different kinds: the two losers are canceled", async (world) => {
  const { patient, started, stopped } = patience();
  const race = defineOrchestration("Race", async (ctx) =>
    ctx.select([
      ctx.scheduleActivity(patient),
      ctx.scheduleTimer("1h"),
      ctx.scheduleWait<number>("news"),
    ]),
  );
  await world.start({ activities: [patient], orchestrations: [race] });
  const handle = await world.client.startOrchestration("race", race);
  await started.opened;
  await handle.raiseEvent("news", 7);
  expect(await handle.result(LIMIT)).toEqual({ index: 2, value: 7 });
  await stopped.opened;
  expect((await told(world, "race")).slice(3)).toEqual([
    "5 ExternalEvent news",
    "6 ActivityCancelRequested(2) dropped_future",
    "7 TimerCancelled(3) dropped_future",
    "8 OrchestrationCompleted",
  ]);
});

scenario("S105 a race over a list of N: index and value of the winner", async (world) => {
  const names = Array.from({ length: 12 }, (_, i) => `n${i}`);
  const { definition, open } = gated(names);
  const race = defineOrchestration("Race", async (ctx) => {
    const branches: readonly Branch<string>[] = names.map((name) =>
      ctx.scheduleActivity(definition, name),
    );
    const winner = await ctx.select(branches);
    expectTypeOf(winner).toEqualTypeOf<{ readonly index: number; readonly value: string }>();
    return winner;
  });
  await world.start({ activities: [definition], orchestrations: [race] });
  const handle = await world.client.startOrchestration("race", race);
  open("n7");
  expect(await handle.result(LIMIT)).toEqual({ index: 7, value: "n7" });
  for (const name of names) open(name);
  const lines = await told(world, "race");
  expect(lines.slice(12, 13)).toEqual(["14 ActivityCompleted(9)"]);
  expect(lines.filter((line) => line.endsWith("dropped_future"))).toHaveLength(11);
});

scenario("S106 a race whose winner failed throws; the losers are canceled", async (world) => {
  const fails = defineActivity("Fails", async () => {
    throw new RangeError("won, and failed");
  });
  const race = defineOrchestration("Race", async (ctx, isCaught: boolean) => {
    try {
      return await ctx.select([ctx.scheduleTimer("1h"), ctx.scheduleActivity(fails)]);
    } catch (error) {
      if (!isCaught || !(error instanceof ActivityError)) throw error;
      return `${error.details.name}: ${error.message}`;
    }
  });
  await world.start({ activities: [fails], orchestrations: [race] });
  const caught = await world.client.startOrchestration("caught", race, true);
  expect(await caught.result(LIMIT)).toBe("RangeError: won, and failed");
  const thrown = await world.client.startOrchestration("thrown", race, false);
  await expect(thrown.result(LIMIT)).rejects.toThrow("won, and failed");
  for (const [id, end] of [
    ["caught", "OrchestrationCompleted"],
    ["thrown", "OrchestrationFailed"],
  ] as const) {
    expect((await told(world, id)).slice(2)).toEqual([
      "4 ActivityFailed(3)",
      "5 TimerCancelled(2) dropped_future",
      `6 ${end}`,
    ]);
  }
});

scenario("S108 what is scheduled after a decided race keeps its ids on replay", async (world) => {
  const { patient, stopped } = patience();
  const race = defineOrchestration("Race", async (ctx) => {
    const winner = await ctx.select2(ctx.scheduleActivity(patient), ctx.scheduleTimer(1));
    const after = await ctx.scheduleActivity(quick, "after");
    const word = await ctx.scheduleWait<string>("end");
    return [winner.index, after, word, await ctx.scheduleActivity(quick, "last")];
  });
  const definitions = { activities: [quick, patient], orchestrations: [race] };
  await world.start(definitions);
  await world.client.startOrchestration("race", race);
  await world.untilRecorded("race", "ExternalSubscribed");
  await stopped.opened;
  await world.restart();
  await world.start(definitions);
  await world.client.raiseEvent("race", "end", "now");
  expect(await world.client.waitForOrchestration("race", LIMIT)).toMatchObject({
    status: "Completed",
    output: [1, "quick after", "now", "quick last"],
  });
  expect(await told(world, "race")).toEqual([
    "2 ActivityScheduled Patient",
    "3 TimerCreated",
    "4 TimerFired(3)",
    "5 ActivityScheduled Quick",
    "6 ActivityCancelRequested(2) dropped_future",
    "7 ActivityCompleted(5)",
    "8 ExternalSubscribed end",
    "9 ExternalEvent end",
    "10 ActivityScheduled Quick",
    "11 ActivityCompleted(10)",
    "12 OrchestrationCompleted",
  ]);
});

scenario(
  "S110 async blocks raced: the first to finish wins, the loser schedules nothing more",
  async (world) => {
    const { definition, begun, open } = gated(["a1", "a2", "b1", "b2", "last"]);
    const block = (names: readonly string[]) => async (scope: OrchestrationContext) => {
      const results: string[] = [];
      for (const name of names) results.push(await scope.scheduleActivity(definition, name));
      return results.join("+");
    };
    const race = defineOrchestration("Race", async (ctx) => {
      const winner = await ctx.select([block(["a1", "a2"]), block(["b1", "b2"])]);
      return [winner, await ctx.scheduleActivity(definition, "last")];
    });
    await world.start({ activities: [definition], orchestrations: [race] });
    const handle = await world.client.startOrchestration("race", race);
    open("b1");
    await world.untilRecorded("race", "ActivityScheduled", 3);
    open("b2");
    await world.untilRecorded("race", "ActivityCancelRequested");
    // The loser's activity ends all the same; its block must not go on.
    open("a1");
    open("last");
    expect(await handle.result(LIMIT)).toEqual([{ index: 1, value: "b1+b2" }, "last"]);
    expect(begun).toEqual(["a1", "b1", "b2", "last"]);
    expect(await told(world, "race")).toEqual([
      "2 ActivityScheduled Gated",
      "3 ActivityScheduled Gated",
      "4 ActivityCompleted(3)",
      "5 ActivityScheduled Gated",
      "6 ActivityCompleted(5)",
      "7 ActivityScheduled Gated",
      "8 ActivityCancelRequested(2) dropped_future",
      "9 ActivityCompleted(7)",
      "10 OrchestrationCompleted",
    ]);
  },
);

scenario("S112 three blocks with timers raced: the shortest wins", async (world) => {
  const sleep = (name: string, delay: DurationInput) => async (scope: OrchestrationContext) => {
    await scope.scheduleTimer(1);
    await scope.scheduleTimer(delay);
    return name;
  };
  const race = defineOrchestration("Race", async (ctx) =>
    ctx.select({
      slow: sleep("slow", "2h"),
      fast: sleep("fast", 2),
      middle: sleep("middle", "1h"),
    }),
  );
  await world.start({ orchestrations: [race] });
  const handle = await world.client.startOrchestration("race", race);
  expect(await handle.result(LIMIT)).toEqual({ key: "fast", value: "fast" });
  const lines = await told(world, "race");
  expect(lines.filter((line) => line.includes("TimerCreated"))).toHaveLength(6);
  expect(lines.filter((line) => line.includes("TimerFired"))).toHaveLength(4);
  expect(lines.filter((line) => line.includes("TimerCancelled"))).toHaveLength(2);
  expect(await world.store.nextDueMs(0)).toBeUndefined();
});

scenario("S114 blocks with children raced: the child of the loser is canceled", async (world) => {
  const child = defineOrchestration("Child", async (ctx, event: string) =>
    ctx.scheduleWait<string>(event),
  );
  const run = (instanceId: string) => async (scope: OrchestrationContext) =>
    `${await scope.scheduleSubOrchestration(child, "go", { instanceId })} by ${instanceId}`;
  const race = defineOrchestration("Race", async (ctx) => {
    const winner = await ctx.select([run("first-child"), run("second-child")]);
    return winner.value;
  });
  await world.start({ orchestrations: [race, child] });
  const handle = await world.client.startOrchestration("race", race);
  await world.untilRecorded("first-child", "ExternalSubscribed");
  await world.untilRecorded("second-child", "ExternalSubscribed");
  await world.client.raiseEvent("second-child", "go", "done");
  expect(await handle.result(LIMIT)).toBe("done by second-child");
  expect(await world.client.waitForOrchestration("first-child", LIMIT)).toMatchObject({
    status: "Canceled",
    reason: "parent dropped sub-orchestration future",
  });
  expect(await told(world, "race")).toEqual([
    "2 SubOrchestrationScheduled Child",
    "3 SubOrchestrationScheduled Child",
    "4 SubOrchestrationCompleted(3)",
    "5 SubOrchestrationCancelRequested(2) dropped_future",
    "6 OrchestrationCompleted",
  ]);
});
