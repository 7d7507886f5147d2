/** Scenarios of section B: what is replayed, and that replay is sound. */

import { Client, defineActivity, defineOrchestration, type HistoryEvent } from "duroxide-ts";
import fc from "fast-check";
import { expect } from "vitest";

import { encodeEvents, HISTORY_FORMAT } from "../../src/history/codec.ts";
import type { RecordedEvent } from "../../src/history/event.ts";
import { encodeActivityRequest } from "../../src/history/message.ts";
import { hooked } from "../support/hooked-store.ts";
import { scenario } from "../support/scenario.ts";
import { eventually } from "../support/signal.ts";
import { activity, effects, historyRow, request } from "../support/sqlite-store.ts";
import { countOf, told } from "../support/told.ts";

const LIMIT = { timeout: "10s" } as const;

const step = defineActivity("Step", async (n: number) => n + 1);

const deployed = (version: string) =>
  defineOrchestration({
    name: "Deployed",
    version,
    run: async (ctx, round: number): Promise<unknown> => {
      if (round > 0) return ctx.continueAsNew(round - 1);
      const result = await ctx.scheduleActivity(step, 10);
      return `${version} ${ctx.orchestrationVersion} execution ${ctx.executionId}: ${result}`;
    },
  });

for (const [title, rounds] of [
  ["S040 an orchestration begun at 1.0.2 is replayed at 1.0.2 although 2.0.0 is the latest", 0],
  ["S041 the same in its second execution, with the version and the input stamped there", 1],
] as const) {
  scenario(title, async (world) => {
    const old = deployed("1.0.2");
    const runtime = await world.start({ orchestrations: [old], activityConcurrency: 0 });
    await world.client.startOrchestration("long", old, rounds);
    await world.untilRecorded("long", "ActivityScheduled");
    await runtime.shutdown();
    await world.restart();
    await world.start({ activities: [step], orchestrations: [old, deployed("2.0.0")] });
    const status = await world.client.waitForOrchestration("long", LIMIT);
    const executionId = rounds + 1;
    expect(status).toMatchObject({
      status: "Completed",
      output: `1.0.2 1.0.2 execution ${executionId}: 11`,
      version: "1.0.2",
    });
    const [started] = await world.client.readExecutionHistory("long", executionId);
    expect(started).toMatchObject({ version: "1.0.2", input: 0, executionId });
    const fresh = await world.client.startOrchestration("fresh", "Deployed", 0);
    expect(await fresh.result(LIMIT)).toBe("2.0.0 2.0.0 execution 1: 11");
  });
}

scenario(
  "S041 continue-as-new into another version: that one is stamped and kept",
  async (world) => {
    const old = defineOrchestration({
      name: "Deployed",
      version: "1.0.2",
      run: async (ctx, _: number) => ctx.continueAsNew(0, { version: "2.0.0" }),
    });
    const definitions = { orchestrations: [old, deployed("2.0.0")] };
    const runtime = await world.start({ ...definitions, activityConcurrency: 0 });
    await world.client.startOrchestration("moving", old, 7, { version: "1.0.2" });
    await world.untilRecorded("moving", "ActivityScheduled");
    await runtime.shutdown();
    await world.restart();
    await world.start({
      activities: [step],
      orchestrations: [...definitions.orchestrations, deployed("3.0.0")],
    });
    const status = await world.client.waitForOrchestration("moving", LIMIT);
    expect(status).toMatchObject({ output: "2.0.0 2.0.0 execution 2: 11", version: "2.0.0" });
    const [first] = await world.client.readExecutionHistory("moving", 1);
    const [second] = await world.client.readExecutionHistory("moving", 2);
    expect(first).toMatchObject({ version: "1.0.2", input: 7 });
    expect(second).toMatchObject({ version: "2.0.0", input: 0 });
  },
);

scenario("S042 a history with gaps between its ids: new ids follow the highest", async (world) => {
  const chain = defineOrchestration("Chain", async (ctx, n: number) => {
    const first = await ctx.scheduleActivity(step, n);
    const second = await ctx.scheduleActivity(step, first);
    return ctx.scheduleActivity(step, second);
  });
  const seed = "seed of the gaps";
  const timestampMs = world.store.nowMs();
  const events: RecordedEvent[] = [
    {
      kind: "OrchestrationStarted",
      eventId: 1,
      timestampMs,
      name: "Chain",
      version: "1.0.0",
      input: "1",
      instanceId: "gaps",
      executionId: 1,
      seed,
    },
    { kind: "ActivityScheduled", eventId: 5, timestampMs, name: "Step", input: "1" },
    { kind: "ActivityCompleted", eventId: 9, timestampMs, sourceEventId: 5, result: "2" },
    { kind: "ActivityScheduled", eventId: 20, timestampMs, name: "Step", input: "2" },
  ];
  const node = await world.store.registerNode({ label: "of old", leaseMs: 60_000 });
  const row = historyRow(1, {
    lastEventId: 20,
    eventCount: events.length,
    timestampMs,
    format: HISTORY_FORMAT,
    data: encodeEvents(events),
  });
  const body = encodeActivityRequest({
    orchestrationName: "Chain",
    orchestrationVersion: "1.0.0",
    seed,
    input: "2",
  });
  const firstTurn = effects({
    history: [row],
    change: { name: "Chain", version: "1.0.0", status: "Running" },
    newActivities: [activity(20, { name: "Step", body })],
  });
  const start = request("gaps", { name: "Chain", runId: seed });
  await world.store.write([
    { kind: "startInstance", request: start, firstTurn: { node, effects: firstTurn } },
  ]);
  await world.store.removeNode(node);
  await world.start({ activities: [step], orchestrations: [chain] });
  const status = await world.client.waitForOrchestration("gaps", LIMIT);
  expect(status).toMatchObject({ status: "Completed", output: 4 });
  expect(await told(world, "gaps")).toEqual([
    "5 ActivityScheduled Step",
    "9 ActivityCompleted(5)",
    "20 ActivityScheduled Step",
    "21 ActivityCompleted(20)",
    "22 ActivityScheduled Step",
    "23 ActivityCompleted(22)",
    "24 OrchestrationCompleted",
  ]);
});

scenario(
  "S044 S045 trace lines appear once each, also those of turns that scheduled nothing",
  async (world) => {
    const chatty = defineOrchestration("Chatty", async (ctx) => {
      ctx.traceInfo("line begin");
      const [a, b] = [ctx.scheduleWait<string>("a"), ctx.scheduleWait<string>("b")];
      await a;
      // Nothing is scheduled between here and the next wait: only this turn knows of the line.
      ctx.traceInfo("line after a");
      await b;
      ctx.traceWarn("line after b", { n: 1 });
      for (let n = 0; n < 3; n += 1) {
        await ctx.scheduleActivity(step, n);
        ctx.traceInfo(`line step ${n}`);
      }
      await ctx.scheduleWait("end");
      ctx.traceInfo("line end");
    });
    const definitions = { activities: [step], orchestrations: [chatty] };
    await world.start(definitions);
    const handle = await world.client.startOrchestration("chatty", chatty);
    await world.untilRecorded("chatty", "ExternalSubscribed", 2);
    await handle.raiseEvent("a");
    await world.untilRecorded("chatty", "ExternalEvent");
    await handle.raiseEvent("b");
    await world.untilRecorded("chatty", "ExternalSubscribed", 3);
    await world.restart();
    await world.start(definitions);
    await world.client.raiseEvent("chatty", "end");
    await world.client.waitForOrchestration("chatty", LIMIT);
    const lines = world.log.lines.filter((line) => line.message.startsWith("line "));
    expect(lines.map((line) => line.message)).toEqual([
      "line begin",
      "line after a",
      "line after b",
      "line step 0",
      "line step 1",
      "line step 2",
      "line end",
    ]);
    expect(lines[2]).toMatchObject({
      level: "warn",
      fields: { n: 1, instanceId: "chatty", executionId: 1, orchestrationName: "Chatty" },
    });
  },
  { isForOneNode: true }, // Lines are logged after the commit, perhaps by a runtime whose client is another one.
);

scenario("S046 isReplaying: true only where the code has been before", async (world) => {
  const marks: string[] = [];
  const marked = defineOrchestration("Marked", async (ctx) => {
    marks.push(`start ${ctx.isReplaying}`);
    await ctx.scheduleActivity(step, 1);
    marks.push(`after activity ${ctx.isReplaying}`);
    await ctx.scheduleWait("go");
    marks.push(`after event ${ctx.isReplaying}`);
  });
  const definitions = { activities: [step], orchestrations: [marked] };
  await world.start(definitions);
  await world.client.startOrchestration("marked", marked);
  await world.untilRecorded("marked", "ExternalSubscribed");
  await world.restart();
  const again = world.mode.isCold ? ["start true"] : [];
  expect(marks).toEqual(["start false", ...again, "after activity false"]);
  marks.length = 0;
  await world.start(definitions);
  await world.client.raiseEvent("marked", "go");
  await world.client.waitForOrchestration("marked", LIMIT);
  expect(marks).toEqual(["start true", "after activity true", "after event false"]);
});

/** What holds for the history of every execution. */
function expectSound(history: readonly HistoryEvent[]): void {
  expect(history[0]).toMatchObject({ kind: "OrchestrationStarted", eventId: 1 });
  const ids = history.map((event) => event.eventId);
  expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
  const terminal = history.filter((event) =>
    /^Orchestration(Completed|Failed|ContinuedAsNew)$/.test(event.kind),
  );
  expect(terminal).toEqual(terminal.length === 0 ? [] : [history.at(-1)]);
  const scheduled = history.filter((event) => event.kind === "ActivityScheduled");
  const sources = history.flatMap((event) =>
    event.kind === "ActivityCompleted" || event.kind === "ActivityFailed"
      ? [event.sourceEventId]
      : [],
  );
  expect(sources).toEqual([...new Set(sources)]);
  const known = new Set(scheduled.map((event) => event.eventId));
  expect(sources.filter((id) => !known.has(id))).toEqual([]);
}

scenario(
  "S048 an execution read through the client, running, continued and ended",
  async (world) => {
    const rounds = defineOrchestration("Rounds", async (ctx, left: number): Promise<unknown> => {
      const next = await ctx.scheduleActivity(step, left);
      if (left > 0) return ctx.continueAsNew(left - 1);
      await ctx.scheduleWait("end");
      return next;
    });
    await world.start({ activities: [step], orchestrations: [rounds] });
    const handle = await world.client.startOrchestration("rounds", rounds, 2);
    await world.untilRecorded("rounds", "ExternalSubscribed");
    const running = await world.client.readExecutionHistory("rounds");
    expectSound(running);
    expect(running.at(-1)?.kind).toBe("ExternalSubscribed");
    await handle.raiseEvent("end");
    await handle.result(LIMIT);
    const last: (string | undefined)[] = [];
    for (const { executionId, eventCount } of await world.client.listExecutions("rounds")) {
      const history = await world.client.readExecutionHistory("rounds", executionId);
      expectSound(history);
      expect(history).toHaveLength(eventCount);
      last.push(history.at(-1)?.kind);
    }
    expect(last).toEqual([
      "OrchestrationContinuedAsNew",
      "OrchestrationContinuedAsNew",
      "OrchestrationCompleted",
    ]);
    await expect(world.client.readExecutionHistory("rounds", 4)).rejects.toMatchObject({
      code: "instance_not_found",
    });
  },
);

// One seed for all four ways, so that their histories can be compared.
const SEED = Date.now() % 1_000_000_000;

type Move =
  | { readonly kind: "one" }
  | { readonly kind: "failing" }
  | { readonly kind: "many"; readonly count: number };

const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("one" as const) }),
    fc.record({ kind: fc.constant("failing" as const) }),
    fc.record({ kind: fc.constant("many" as const), count: fc.nat(6) }),
  ),
  { maxLength: 8 },
);

scenario(
  "S049 random sequences of activities: ids grow, one result each, no event too many",
  async (world) => {
    console.info(`S049, ${world.mode.name}: fast-check seed ${SEED}`);
    const failing = defineActivity("Failing", async () => {
      throw new Error("on purpose");
    });
    const play = defineOrchestration("Play", async (ctx, list: readonly Move[]) => {
      let sum = 0;
      for (const move of list) {
        if (move.kind === "one") sum += await ctx.scheduleActivity(step, 0);
        else if (move.kind === "failing") await ctx.scheduleActivity(failing).settled();
        else {
          const many = Array.from({ length: move.count }, () => ctx.scheduleActivity(step, 0));
          sum += (await ctx.all(many)).reduce((total, n) => total + n, 0);
        }
      }
      return sum;
    });
    await world.start({ activities: [step, failing], orchestrations: [play] });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(moves, async (list) => {
        const id = `play-${runs}`;
        runs += 1;
        const handle = await world.client.startOrchestration(id, play, list);
        const successes = list.map((move) => (move.kind === "many" ? move.count : 1));
        const count = successes.reduce((sum, n) => sum + n, 0);
        const failures = list.filter((move) => move.kind === "failing").length;
        expect(await handle.result(LIMIT)).toBe(count - failures);
        const history = await world.client.readExecutionHistory(id);
        expectSound(history);
        expect(history).toHaveLength(2 + 2 * count);
      }),
      { seed: SEED, numRuns: 10 },
    );
    // Joined activities end in any order.
  },
  { compare: "unordered" },
);

// Evicted after every turn, each turn replays everything, by design: only residents are counted here.
scenario(
  "S050 a thousand events: each turn is one commit and reads nothing; a cold turn reads them once",
  async (world) => {
    const LENGTH = 500;
    let stepsRun = 0;
    let readRows = 0;
    const marathon = defineOrchestration("Marathon", async (ctx) => {
      for (let n = 0; n < LENGTH; n += 1) {
        await ctx.scheduleActivity(step, n);
        stepsRun += 1;
      }
      await ctx.scheduleWait("end");
      return ctx.historyLength;
    });
    const definitions = { activities: [step], orchestrations: [marathon] };
    const store = hooked(world.store, (_, next) => next(), {
      claimInstances: async (asked) => {
        const claimed = await world.store.claimInstances(asked);
        for (const { history = [] } of claimed) readRows += history.length;
        return claimed;
      },
      readHistory: async (instanceId, executionId) => {
        const rows = await world.store.readHistory(instanceId, executionId);
        readRows += rows?.length ?? 0;
        return rows;
      },
    });
    const first = await world.start({ ...definitions, store: store.provider });
    await new Client(store.provider).startOrchestration("marathon", marathon);
    await eventually(async () => (await countOf(world, "marathon", "ExternalSubscribed")) === 1);
    expect(await told(world, "marathon")).toHaveLength(2 * LENGTH + 1);
    expect(stepsRun).toBe(LENGTH);
    expect(readRows).toBe(0);
    expect(store.batches.length).toBe(LENGTH + 1);
    await first.shutdown();
    stepsRun = 0;
    await world.start({ ...definitions, store: store.provider });
    const client = new Client(store.provider);
    await client.raiseEvent("marathon", "end");
    const status = await client.waitForOrchestration("marathon", LIMIT);
    expect(status).toMatchObject({ status: "Completed", output: 2 * LENGTH + 3 });
    expect(stepsRun).toBe(LENGTH);
    expect(readRows).toBe(LENGTH + 1);
  },
  {
    modes: [
      { name: "memory, resident", store: "memory", isCold: false },
      { name: "file, resident", store: "file", isCold: false },
    ],
  },
);
