/**
 * Scenarios of section B: recovery, within one process. A dead process is a runtime whose store no
 * longer answers; real ones are killed in tests/chaos. What is replayed is in b-replay.
 */

import { Client, defineActivity, defineOrchestration, type ActivityContext } from "duroxide-ts";
import { expect } from "vitest";

import { encodeMessage } from "../../src/history/message.ts";
import { StoreHub } from "../../src/provider/hub.ts";
import type { ClaimedActivity } from "../../src/provider/provider.ts";
import { broken, busy, finishesActivity, hooked, turnsOf } from "../support/hooked-store.ts";
import { scenario, type World } from "../support/scenario.ts";
import { gate } from "../support/signal.ts";
import { told } from "../support/told.ts";

const LIMIT = { timeout: "10s" } as const;

const step = defineActivity("Step", async (n: number) => n + 1);

/** Takes every node off the list, as the survivors do when the lease of a dead one has run out. */
async function buryAll(world: World): Promise<void> {
  for (const node of await world.store.listNodes()) await world.store.removeNode(node.id);
}

/** Claims what is queued for a worker of the test's own. */
async function claimByHand(world: World, limit = 10): Promise<readonly ClaimedActivity[]> {
  const node = await world.store.registerNode({ label: "by hand", leaseMs: 60_000 });
  return world.store.claimActivities({ node, limit });
}

function completionOf(claimed: ClaimedActivity, result: unknown): string {
  const { executionId, activityId } = claimed.claim;
  return encodeMessage({
    kind: "activityCompleted",
    executionId,
    sourceEventId: activityId,
    result: JSON.stringify(result),
  });
}

scenario("S028 what one runtime has begun, another on the same store finishes", async (world) => {
  const inputs: number[] = [];
  const noted = defineActivity("Noted", async (n: number) => {
    inputs.push(n);
    return n + 1;
  });
  const halves = defineOrchestration("Halves", async (ctx, n: number) => {
    const first = await ctx.scheduleActivity(noted, n);
    const added = await ctx.scheduleWait<number>("second half");
    return ctx.scheduleActivity(noted, first + added);
  });
  const definitions = { activities: [noted], orchestrations: [halves] };
  const first = await world.start({ ...definitions, workerId: "first" });
  await world.client.startOrchestration("halves", halves, 1);
  await world.untilRecorded("halves", "ExternalSubscribed");
  await first.shutdown();
  await world.client.raiseEvent("halves", "second half", 10);
  await world.start({ ...definitions, workerId: "second" });
  const status = await world.client.waitForOrchestration("halves", LIMIT);
  expect(status).toMatchObject({ status: "Completed", output: 13 });
  expect(inputs).toEqual([1, 12]);
  expect(await told(world, "halves")).toEqual([
    "2 ActivityScheduled Noted",
    "3 ActivityCompleted(2)",
    "4 ExternalSubscribed second half",
    "5 ExternalEvent second half",
    "6 ActivityScheduled Noted",
    "7 ActivityCompleted(6)",
    "8 OrchestrationCompleted",
  ]);
});

scenario("S029 instances at different points: all complete after a restart", async (world) => {
  const child = defineOrchestration("Child", async (ctx) => ctx.scheduleWait<string>("child"));
  const points = defineOrchestration("Points", async (ctx, point: string): Promise<unknown> => {
    const before = await ctx.scheduleActivity(step, 0);
    if (point === "event") return [before, await ctx.scheduleWait("go")];
    if (point === "queue") return [before, await ctx.dequeueEvent("inbox")];
    if (point === "child") {
      const options = { instanceId: "the-child" };
      return [before, await ctx.scheduleSubOrchestration(child, undefined, options)];
    }
    if (point === "timer") await ctx.scheduleTimer(40);
    if (point === "activity") return [before, await ctx.scheduleActivity("Missing at first", 1)];
    return [before, point];
  });
  const late = defineActivity("Missing at first", async (n: number) => n * 10);
  const orchestrations = [points, child];
  const ids = ["event", "queue", "child", "timer", "activity", "done"];
  await world.start({ activities: [step], orchestrations, parkedRetryMin: 5 });
  for (const id of ids) await world.client.startOrchestration(id, points, id);
  await world.untilRecorded("event", "ExternalSubscribed");
  await world.untilRecorded("queue", "QueueSubscribed");
  await world.untilRecorded("the-child", "ExternalSubscribed");
  await world.untilRecorded("timer", "TimerCreated");
  await world.untilRecorded("activity", "ActivityScheduled", 2);
  await world.untilRecorded("done", "OrchestrationCompleted");
  await world.restart();
  await world.client.raiseEvent("event", "go", "raised");
  await world.client.enqueueEvent("queue", "inbox", "queued");
  await world.start({ activities: [step, late], orchestrations, parkedRetryMin: 5 });
  await world.client.raiseEvent("the-child", "child", "grown");
  const outputs = await Promise.all(
    ids.map(async (id) => world.client.waitForOrchestration(id, LIMIT)),
  );
  expect(outputs.map((status) => (status.status === "Completed" ? status.output : status))).toEqual(
    [
      [1, "raised"],
      [1, "queued"],
      [1, "grown"],
      [1, "timer"],
      [1, 10],
      [1, "done"],
    ],
  );
});

scenario(
  "S030 a worker that dies with an activity: another runs it again when the lease is over",
  async (world) => {
    const deliveries: { input: string; attempt: number; key: string; workerId: string }[] = [];
    const first = gate();
    const release = gate();
    const pay = defineActivity("Pay", async (input: string, ctx: ActivityContext) => {
      const { attempt, idempotencyKey: key, workerId } = ctx;
      deliveries.push({ input, attempt, key, workerId });
      if (attempt > 1) return "second delivery";
      first.open();
      await release.opened;
      return "first delivery";
    });
    const order = defineOrchestration("Order", async (ctx, item: string) =>
      ctx.scheduleActivity(pay, item),
    );
    const definitions = { activities: [pay], orchestrations: [order], lease: "200ms" } as const;
    const doomed = hooked(world.store);
    await world.start({ ...definitions, store: doomed.provider, workerId: "doomed" });
    await new Client(doomed.provider).startOrchestration("order", order, "a book");
    await first.opened;
    doomed.die();
    await world.start({ ...definitions, workerId: "heir" });
    const status = await world.client.waitForOrchestration("order", LIMIT);
    expect(status).toMatchObject({ status: "Completed", output: "second delivery" });
    release.open();
    const key = deliveries[0]?.key;
    expect(deliveries).toEqual([
      { input: "a book", attempt: 1, key, workerId: "doomed" },
      { input: "a book", attempt: 2, key, workerId: "heir" },
    ]);
    expect(world.log.messages("info")).toContain("Took over the work of a node that has died");
    expect(await told(world, "order")).toEqual([
      "2 ActivityScheduled Pay",
      "3 ActivityCompleted(2)",
      "4 OrchestrationCompleted",
    ]);
  },
);

for (const [title, toError] of [
  ["once because the store is busy", busy],
  ["once for good", broken],
] as const) {
  scenario(`S032 a completion whose commit fails ${title}: recorded once`, async (world) => {
    let runCount = 0;
    const counted = defineActivity("Counted", async () => {
      runCount += 1;
      return runCount;
    });
    const twice = defineOrchestration("Twice", async (ctx) => [
      await ctx.scheduleActivity(counted),
      await ctx.scheduleActivity(counted),
    ]);
    let failureCount = 0;
    const store = hooked(world.store, async (operations, next) => {
      if (failureCount > 0 || !finishesActivity(operations)) return next();
      failureCount += 1;
      throw toError();
    });
    await world.start({
      activities: [counted],
      orchestrations: [twice],
      store: store.provider,
      parkedRetryMin: 5,
    });
    const handle = await new Client(store.provider).startOrchestration("twice", twice);
    expect(await handle.result(LIMIT)).toEqual([1, 2]);
    expect(failureCount).toBe(1);
    expect(runCount).toBe(2);
    expect(await told(world, "twice")).toEqual([
      "2 ActivityScheduled Counted",
      "3 ActivityCompleted(2)",
      "4 ActivityScheduled Counted",
      "5 ActivityCompleted(4)",
      "6 OrchestrationCompleted",
    ]);
  });
}

const oneAndGo = defineOrchestration("OneAndGo", async (ctx) => {
  const result = await ctx.scheduleActivity<string>("By hand");
  const word = await ctx.scheduleWait<string>("go");
  return `${result} ${word}`;
});
const ONE_AND_GO = [
  "2 ActivityScheduled By hand",
  "3 ActivityCompleted(2)",
  "4 ExternalSubscribed go",
  "5 ExternalEvent go",
  "6 OrchestrationCompleted",
];

scenario("S033 a completion delivered again in a later turn: one event", async (world) => {
  await world.start({ orchestrations: [oneAndGo], activityConcurrency: 0 });
  const handle = await world.client.startOrchestration("again", oneAndGo);
  const [claimed] = await claimByHand(world);
  const hub = StoreHub.of(world.store);
  const { claim } = claimed!;
  await hub.write({ kind: "completeActivity", claim, body: completionOf(claimed!, "first") });
  await world.untilRecorded("again", "ExternalSubscribed");
  const repeated = { instanceId: "again", body: completionOf(claimed!, "second") };
  await hub.write({ kind: "sendMessage", message: repeated });
  await handle.raiseEvent("go", "on");
  expect(await handle.result(LIMIT)).toBe("first on");
  expect(await told(world, "again")).toEqual(ONE_AND_GO);
  const dropped = world.log.lines.filter((line) => line.message === "A message was not recorded");
  expect(dropped.map((line) => line.fields["reason"])).toEqual(["duplicate"]);
});

scenario("S034 a completion twice in one batch: one event, the first result", async (world) => {
  const runtime = await world.start({ orchestrations: [oneAndGo], activityConcurrency: 0 });
  const handle = await world.client.startOrchestration("batch", oneAndGo);
  await world.untilRecorded("batch", "ActivityScheduled");
  await runtime.shutdown();
  const [claimed] = await claimByHand(world);
  const body = completionOf(claimed!, "second");
  await world.store.write([
    { kind: "completeActivity", claim: claimed!.claim, body: completionOf(claimed!, "first") },
    { kind: "sendMessage", message: { instanceId: "batch", body } },
  ]);
  await world.start({ orchestrations: [oneAndGo], activityConcurrency: 0 });
  await world.untilRecorded("batch", "ExternalSubscribed");
  await handle.raiseEvent("go", "on");
  expect(await handle.result(LIMIT)).toBe("first on");
  expect(await told(world, "batch")).toEqual(ONE_AND_GO);
});

scenario(
  "S036 identical raised events: two arrivals, in one batch and in two",
  async (world) => {
    const listen = defineOrchestration("Listen", async (ctx) => {
      const first = await ctx.scheduleWait<string>("tick");
      await ctx.scheduleWait("end");
      return first;
    });
    const runtime = await world.start({ orchestrations: [listen] });
    const handle = await world.client.startOrchestration("listen", listen);
    await world.untilRecorded("listen", "ExternalSubscribed");
    await runtime.shutdown();
    await handle.raiseEvent("tick", "same");
    await handle.raiseEvent("tick", "same");
    await world.start({ orchestrations: [listen] });
    await world.untilRecorded("listen", "ExternalSubscribed", 2);
    await handle.raiseEvent("tick", "same");
    await world.untilRecorded("listen", "ExternalEvent", 3);
    await handle.raiseEvent("end");
    expect(await handle.result(LIMIT)).toBe("same");
    expect(await told(world, "listen")).toEqual([
      "2 ExternalSubscribed tick",
      "3 ExternalEvent tick",
      "4 ExternalEvent tick",
      "5 ExternalSubscribed end",
      "6 ExternalEvent tick",
      "7 ExternalEvent end",
      "8 OrchestrationCompleted",
    ]);
  },
  { isForOneNode: true },
);

for (const [title, isLanding] of [
  ["S037 a crash before the commit of a turn: the turn is redone from the same history", false],
  ["S038 a crash after the commit and before anything came of it: nothing is duplicated", true],
] as const) {
  scenario(title, async (world) => {
    const runs: string[] = [];
    let secondHalfCount = 0;
    const log = defineActivity("Log", async (text: string) => {
      runs.push(text);
      return text;
    });
    const pair = defineOrchestration("Pair", async (ctx) => {
      const first = await ctx.scheduleActivity(log, "one");
      secondHalfCount += 1;
      const second = await ctx.scheduleActivity(log, "two");
      return `${first} ${second}`;
    });
    const crashed = gate();
    const doomed = hooked(world.store, async (operations, next) => {
      const isSecondTurn = turnsOf(operations).some(
        ({ effects }) => effects.newActivities.length > 0,
      );
      if (!isSecondTurn) return next();
      if (isLanding) await next();
      doomed.die();
      crashed.open();
      throw busy();
    });
    const definitions = { activities: [log], orchestrations: [pair] };
    await world.start({ ...definitions, store: doomed.provider });
    await new Client(doomed.provider).startOrchestration("pair", pair);
    await crashed.opened;
    expect(secondHalfCount).toBe(1);
    expect(await told(world, "pair")).toHaveLength(isLanding ? 3 : 1);
    await buryAll(world);
    await world.start(definitions);
    const status = await world.client.waitForOrchestration("pair", LIMIT);
    expect(status).toMatchObject({ status: "Completed", output: "one two" });
    // Evicted, the instance had its outcome of "one" in the queue; resident, the outcome is lost with
    // the commit that was to record it. What a landed turn scheduled is begun once.
    const isOneLost = !isLanding && !world.mode.isCold;
    expect(runs).toEqual(isOneLost ? ["one", "one", "two"] : ["one", "two"]);
    expect(secondHalfCount).toBeGreaterThan(1);
    expect(await told(world, "pair")).toEqual([
      "2 ActivityScheduled Log",
      "3 ActivityCompleted(2)",
      "4 ActivityScheduled Log",
      "5 ActivityCompleted(4)",
      "6 OrchestrationCompleted",
    ]);
  });
}
