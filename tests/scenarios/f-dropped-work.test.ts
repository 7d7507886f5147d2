/** Scenarios of section F: work that is no longer needed. */

import {
  Client,
  defineActivity,
  defineOrchestration,
  type ActivityContext,
  type OrchestrationContext,
} from "duroxide-ts";
import { expect } from "vitest";

import { encodeMessage } from "../../src/history/message.ts";
import { StoreHub } from "../../src/provider/hub.ts";
import type { TurnEffects, WriteOperation } from "../../src/provider/provider.ts";
import { hooked } from "../support/hooked-store.ts";
import { scenario, type World } from "../support/scenario.ts";
import { gate } from "../support/signal.ts";
import { told } from "../support/told.ts";

const LIMIT = { timeout: "10s" } as const;

const quick = defineActivity("Quick", async (text: string) => text);

/** An activity that ends when its signal fires, with the reason that the signal gives. */
function patience() {
  const started = gate();
  const stopped = gate();
  const reasons: unknown[] = [];
  const patient = defineActivity("Patient", async (_: undefined, ctx: ActivityContext) => {
    started.open();
    await new Promise<void>((resolve) => {
      ctx.signal.addEventListener("abort", () => {
        resolve();
      });
    });
    reasons.push((ctx.signal.reason as { readonly details: unknown }).details);
    stopped.open();
    return "too late";
  });
  return { patient, started, stopped, reasons };
}

/** What the turns of these batches decided. */
function effectsOf(batches: readonly (readonly WriteOperation[])[]): TurnEffects[] {
  return batches.flat().flatMap((operation) => {
    if (operation.kind === "commitTurn") return [operation.effects];
    const first = operation.kind === "startInstance" ? operation.firstTurn : undefined;
    return first === undefined ? [] : [first.effects];
  });
}

/** What a worker could get now. */
async function claimable(world: World): Promise<string[]> {
  const node = await world.store.registerNode({ label: "by hand", leaseMs: 60_000 });
  const claimed = await world.store.claimActivities({ node, limit: 100 });
  await world.store.removeNode(node);
  return claimed.map((activity) => activity.name);
}

const slowRace = defineOrchestration("SlowRace", async (ctx) => {
  const winner = await ctx.select({
    work: ctx.scheduleActivity<string>("Patient"),
    stop: ctx.scheduleWait<string>("stop"),
  });
  return winner.value;
});
const SLOW_RACE = [
  "2 ActivityScheduled Patient",
  "3 ExternalSubscribed stop",
  "4 ExternalEvent stop",
  "5 ActivityCancelRequested(2) dropped_future",
  "6 OrchestrationCompleted",
];

scenario("S120 a race lost by a running activity: its signal fires", async (world) => {
  const { patient, started, stopped, reasons } = patience();
  // With such a lease nobody looks for lost activities: the turn itself has to tell.
  await world.start({ activities: [patient], orchestrations: [slowRace], lease: "1h" });
  const handle = await world.client.startOrchestration("race", slowRace);
  await started.opened;
  await handle.raiseEvent("stop", "stopped");
  expect(await handle.result(LIMIT)).toBe("stopped");
  await stopped.opened;
  expect(reasons).toEqual([{ reason: "canceled" }]);
  expect(await told(world, "race")).toEqual(SLOW_RACE);
});

scenario(
  "S120 the same when another runtime runs the activity: it finds out at its next look",
  async (world) => {
    const { patient, started, stopped, reasons } = patience();
    const turns = hooked(world.store);
    await world.start({
      orchestrations: [slowRace],
      store: turns.provider,
      activityConcurrency: 0,
    });
    const client = new Client(turns.provider);
    const handle = await client.startOrchestration("race", slowRace);
    const worker = { activities: [patient], orchestrations: [slowRace], lease: "200ms" } as const;
    await world.start(worker);
    await started.opened;
    await handle.raiseEvent("stop", "stopped");
    await stopped.opened;
    expect(reasons).toEqual([{ reason: "canceled" }]);
    await world.untilRecorded("race", "OrchestrationCompleted");
    expect(await told(world, "race")).toEqual(SLOW_RACE);
  },
);

scenario(
  "S121 a lost activity that ends all the same: its result is not recorded and changes nothing",
  async (world) => {
    const release = gate();
    const ended = gate();
    const deaf = defineActivity("Deaf", async () => {
      await release.opened;
      ended.open();
      return "late result";
    });
    const race = defineOrchestration("Race", async (ctx) => {
      const winner = await ctx.select([ctx.scheduleActivity(deaf), ctx.scheduleTimer(1)]);
      const word = await ctx.scheduleWait<string>("end");
      return `${winner.index} ${word}`;
    });
    await world.start({ activities: [deaf], orchestrations: [race] });
    const handle = await world.client.startOrchestration("race", race);
    await world.untilRecorded("race", "ActivityCancelRequested");
    release.open();
    await ended.opened;
    // Another worker's completion that was on its way when the race was decided.
    const body = encodeMessage({
      kind: "activityCompleted",
      executionId: 1,
      sourceEventId: 2,
      result: '"late result"',
    });
    await StoreHub.of(world.store).write({
      kind: "sendMessage",
      message: { instanceId: "race", body },
    });
    await handle.raiseEvent("end", "fine");
    expect(await handle.result(LIMIT)).toBe("1 fine");
    expect(await told(world, "race")).toEqual([
      "2 ActivityScheduled Deaf",
      "3 TimerCreated",
      "4 TimerFired(3)",
      "5 ExternalSubscribed end",
      "6 ActivityCancelRequested(2) dropped_future",
      "7 ExternalEvent end",
      "8 OrchestrationCompleted",
    ]);
  },
);

scenario(
  "S122 an explicit cancel: one breadcrumb, one removal, not repeated by later turns",
  async (world) => {
    const store = hooked(world.store);
    const canceling = defineOrchestration("Canceling", async (ctx) => {
      const handle = ctx.scheduleActivity<string>("Nobody runs this");
      await ctx.scheduleWait("cancel");
      handle.cancel("changed my mind");
      handle.cancel("a second time");
      const outcome = await handle.settled();
      await ctx.scheduleTimer(1);
      await ctx.scheduleWait("end");
      if (outcome.status === "fulfilled") return "fulfilled";
      const { code, message } = outcome.reason as { code: string; message: string };
      return [code, message.includes("changed my mind")];
    });
    const options = { orchestrations: [canceling], activityConcurrency: 0, store: store.provider };
    const runtime = await world.start(options);
    const client = new Client(store.provider);
    const handle = await client.startOrchestration("canceling", canceling);
    await runtime.shutdown();
    expect(await claimable(world)).toEqual(["Nobody runs this"]);
    await world.start(options);
    await handle.raiseEvent("cancel");
    await world.untilRecorded("canceling", "ExternalSubscribed", 2);
    expect(await claimable(world)).toEqual([]);
    await handle.raiseEvent("end");
    expect(await handle.result(LIMIT)).toEqual(["operation_canceled", true]);
    const removals = effectsOf(store.batches).flatMap((effects) => effects.cancelledActivities);
    expect(removals).toEqual([{ executionId: 1, activityId: 2 }]);
    const breadcrumbs = (await told(world, "canceling")).filter((line) =>
      line.includes("ActivityCancelRequested"),
    );
    expect(breadcrumbs).toEqual(["6 ActivityCancelRequested(2) changed my mind"]);
  },
);

scenario("S124 scheduled and canceled in one turn: nothing is queued", async (world) => {
  const store = hooked(world.store);
  let runCount = 0;
  const counted = defineActivity("Counted", async () => {
    runCount += 1;
  });
  const hasty = defineOrchestration("Hasty", async (ctx) => {
    ctx.scheduleActivity(counted).cancel("never mind");
    ctx.scheduleTimer("1h").cancel();
    await ctx.scheduleWait("end");
  });
  const options = { activities: [counted], orchestrations: [hasty], store: store.provider };
  await world.start(options);
  const handle = await new Client(store.provider).startOrchestration("hasty", hasty);
  expect(await told(world, "hasty")).toEqual([
    "2 ActivityScheduled Counted",
    "3 TimerCreated",
    "4 ExternalSubscribed end",
    "5 ActivityCancelRequested(2) never mind",
    "6 TimerCancelled(3) dropped_future",
  ]);
  await handle.raiseEvent("end");
  await handle.result(LIMIT);
  expect(runCount).toBe(0);
  for (const effects of effectsOf(store.batches)) {
    const { newActivities, cancelledActivities, newTimers, cancelledTimers } = effects;
    expect([newActivities, cancelledActivities, newTimers, cancelledTimers].flat()).toEqual([]);
  }
});

scenario(
  "S125 the scope of a completed operation ends: nothing is canceled for it",
  async (world) => {
    const store = hooked(world.store);
    const scoped = defineOrchestration("Scoped", async (ctx) => {
      const unread = ctx.scheduleActivity(quick, "unread");
      await ctx.select([
        async (scope: OrchestrationContext) => {
          await scope.scheduleActivity(quick, "in the branch");
          await scope.scheduleWait("never");
        },
        ctx.scheduleWait("leave"),
      ]);
      unread.cancel("it has ended long since");
      await ctx.scheduleWait("end");
    });
    await world.start({ activities: [quick], orchestrations: [scoped], store: store.provider });
    const handle = await new Client(store.provider).startOrchestration("scoped", scoped);
    await world.untilRecorded("scoped", "ActivityCompleted", 2);
    await world.untilRecorded("scoped", "ExternalSubscribed", 2);
    await handle.raiseEvent("leave");
    await world.untilRecorded("scoped", "ExternalSubscribedCancelled");
    await handle.raiseEvent("end");
    await handle.result(LIMIT);
    const cancels = (await told(world, "scoped")).filter((line) => line.includes("Cancel"));
    expect(cancels).toHaveLength(1);
    expect(cancels[0]).toMatch(/ExternalSubscribedCancelled\(\d+\) dropped_future$/);
    expect(effectsOf(store.batches).flatMap((effects) => effects.cancelledActivities)).toEqual([]);
    // Which of the two activities ends first is open.
  },
  { compare: "unordered" },
);

type Ending = "completed" | "failed" | "continued_as_new";

/** Ends in each way, in its first turn or later, and leaves things open. */
function leaving(open: (ctx: OrchestrationContext) => void) {
  return defineOrchestration(
    "Leaving",
    async (ctx, { ending, isAtOnce }: { ending: Ending; isAtOnce: boolean }): Promise<unknown> => {
      if (ctx.executionId === 2) return "second execution";
      open(ctx);
      if (!isAtOnce) await ctx.scheduleWait("end");
      if (ending === "failed") throw new Error("on purpose");
      return ending === "completed" ? "done" : ctx.continueAsNew({ ending, isAtOnce });
    },
  );
}

const ENDINGS: readonly Ending[] = ["completed", "failed", "continued_as_new"];

scenario(
  "S126 an orchestration that ends with activities nobody awaits: canceled, and not run any more",
  async (world) => {
    const runs: string[] = [];
    const note = defineActivity("Note", async (text: string) => {
      runs.push(text);
    });
    const ending = leaving((ctx) => {
      ctx.scheduleActivity(note, "left open");
    });
    const observer = defineOrchestration("Observer", async (ctx) =>
      ctx.scheduleActivity(note, "observer"),
    );
    const orchestrations = [ending, observer];
    await world.start({ orchestrations, activityConcurrency: 0 });
    for (const how of ENDINGS) {
      await world.client.startOrchestration(`${how} at once`, ending, {
        ending: how,
        isAtOnce: true,
      });
      const later = await world.client.startOrchestration(how, ending, {
        ending: how,
        isAtOnce: false,
      });
      await later.raiseEvent("end");
      await world.client.waitForOrchestration(`${how} at once`, LIMIT);
      await world.client.waitForOrchestration(how, LIMIT);
      const reason = `orchestration_terminal_${how}`;
      expect((await told(world, `${how} at once`, 1)).slice(0, 2)).toEqual([
        "2 ActivityScheduled Note",
        `3 ActivityCancelRequested(2) ${reason}`,
      ]);
      expect((await told(world, how, 1)).slice(0, 4)).toEqual([
        "2 ActivityScheduled Note",
        "3 ExternalSubscribed end",
        "4 ExternalEvent end",
        `5 ActivityCancelRequested(2) ${reason}`,
      ]);
    }
    expect(await claimable(world)).toEqual([]);
    await world.start({ activities: [note], orchestrations });
    const handle = await world.client.startOrchestration("observer", observer);
    await handle.result(LIMIT);
    expect(runs).toEqual(["observer"]);
  },
);

scenario(
  "S126 activities that wait in memory for a slot are not run either",
  async (world) => {
    const runs: string[] = [];
    const blocking = gate();
    const release = gate();
    const note = defineActivity("Note", async (text: string) => {
      runs.push(text);
      if (text !== "blocker") return;
      blocking.open();
      await release.opened;
    });
    const ending = leaving((ctx) => {
      ctx.scheduleActivity(note, "left open");
    });
    const noting = defineOrchestration("Noting", async (ctx, text: string) =>
      ctx.scheduleActivity(note, text),
    );
    const orchestrations = [ending, noting];
    await world.start({ activities: [note], orchestrations, activityConcurrency: 1, lease: "1h" });
    await world.client.startOrchestration("blocker", noting, "blocker");
    await blocking.opened;
    const input = { ending: "completed", isAtOnce: false } as const;
    const handle = await world.client.startOrchestration("ending", ending, input);
    await handle.raiseEvent("end");
    expect(await handle.result(LIMIT)).toBe("done");
    release.open();
    const last = await world.client.startOrchestration("last", noting, "last");
    await last.result(LIMIT);
    expect(runs).toEqual(["blocker", "last"]);
    expect((await world.client.waitForOrchestration("blocker", LIMIT)).status).toBe("Completed");
  },
  { isForOneNode: true },
);

scenario(
  "S126 a running activity that nobody awaits is told when its instance ends",
  async (world) => {
    const { patient, started, stopped } = patience();
    const ending = leaving((ctx) => {
      ctx.scheduleActivity(patient);
    });
    await world.start({ activities: [patient], orchestrations: [ending] });
    const input = { ending: "completed", isAtOnce: false } as const;
    const handle = await world.client.startOrchestration("ending", ending, input);
    await started.opened;
    await handle.raiseEvent("end");
    expect(await handle.result(LIMIT)).toBe("done");
    await stopped.opened;
    expect(await told(world, "ending")).toEqual([
      "2 ActivityScheduled Patient",
      "3 ExternalSubscribed end",
      "4 ExternalEvent end",
      "5 ActivityCancelRequested(2) orchestration_terminal_completed",
      "6 OrchestrationCompleted",
    ]);
  },
);

for (const [order, reason] of [
  ["first by drop", "parent dropped sub-orchestration future"],
  ["first by the user", "by hand"],
] as const) {
  scenario(
    `S128 a child canceled by drop and by the user, ${order}: one failure, the first reason`,
    async (world) => {
      const child = defineOrchestration("Child", async (ctx) => ctx.scheduleWait("never"));
      const parent = defineOrchestration("Parent", async (ctx) => {
        const options = { instanceId: "the-child" };
        const race = [
          ctx.scheduleSubOrchestration(child, undefined, options),
          ctx.scheduleWait("drop"),
        ] as const;
        try {
          await ctx.select(race);
        } catch {
          // The child was canceled: its failure won.
        }
        return ctx.scheduleWait("end");
      });
      // No runtime knows the child's code: it has not begun, and its first cancellation ends it.
      await world.start({ orchestrations: [parent], parkedRetryMin: 5 });
      const handle = await world.client.startOrchestration("parent", parent);
      await world.untilRecorded("parent", "SubOrchestrationScheduled");
      if (order === "first by drop") await handle.raiseEvent("drop");
      else await world.client.cancelInstance("the-child", "by hand");
      const status = await world.client.waitForOrchestration("the-child", LIMIT);
      expect(status).toMatchObject({ status: "Canceled", reason });
      if (order === "first by drop") await world.client.cancelInstance("the-child", "by hand");
      expect(await told(world, "the-child")).toEqual([
        `2 OrchestrationCancelRequested ${reason}`,
        "3 OrchestrationFailed",
      ]);
      const dropped =
        order === "first by drop"
          ? "SubOrchestrationCancelRequested"
          : "ExternalSubscribedCancelled";
      await world.untilRecorded("parent", dropped);
      await handle.raiseEvent("end");
      await world.client.waitForOrchestration("parent", LIMIT);
      expect(await told(world, "parent")).toEqual([
        "2 SubOrchestrationScheduled Child",
        "3 ExternalSubscribed drop",
        ...(order === "first by drop"
          ? [
              "4 ExternalEvent drop",
              "5 ExternalSubscribed end",
              "6 SubOrchestrationCancelRequested(2) dropped_future",
            ]
          : [
              "4 SubOrchestrationFailed(2)",
              "5 ExternalSubscribed end",
              "6 ExternalSubscribedCancelled(3) dropped_future",
            ]),
        "7 ExternalEvent end",
        "8 OrchestrationCompleted",
      ]);
    },
  );
}

scenario(
  "S129 waits without an answer at completion, failure and continue-as-new: one breadcrumb each",
  async (world) => {
    const ending = leaving((ctx) => {
      ctx.scheduleWait("open event");
      ctx.dequeueEvent("open queue");
      ctx.scheduleWait("another open event");
    });
    await world.start({ orchestrations: [ending] });
    for (const how of ENDINGS) {
      const input = { ending: how, isAtOnce: false };
      const handle = await world.client.startOrchestration(how, ending, input);
      await handle.raiseEvent("end");
      await world.client.waitForOrchestration(how, LIMIT);
      expect((await told(world, how, 1)).slice(0, 8)).toEqual([
        "2 ExternalSubscribed open event",
        "3 QueueSubscribed open queue",
        "4 ExternalSubscribed another open event",
        "5 ExternalSubscribed end",
        "6 ExternalEvent end",
        "7 ExternalSubscribedCancelled(2) orchestration_terminal",
        "8 ExternalSubscribedCancelled(4) orchestration_terminal",
        "9 QueueSubscribedCancelled(3) orchestration_terminal",
      ]);
      expect(await told(world, how, 1)).toHaveLength(9);
    }
  },
);

scenario("S129 the same when the instance is canceled", async (world) => {
  const waiting = defineOrchestration("Waiting", async (ctx) =>
    ctx.all([ctx.scheduleWait("event"), ctx.dequeueEvent("queue")]),
  );
  await world.start({ orchestrations: [waiting] });
  const handle = await world.client.startOrchestration("waiting", waiting);
  await handle.cancel("enough");
  await world.client.waitForOrchestration("waiting", LIMIT);
  expect(await told(world, "waiting")).toEqual([
    "2 ExternalSubscribed event",
    "3 QueueSubscribed queue",
    "4 OrchestrationCancelRequested enough",
    "5 ExternalSubscribedCancelled(2) orchestration_terminal",
    "6 QueueSubscribedCancelled(3) orchestration_terminal",
    "7 OrchestrationFailed",
  ]);
});

scenario(
  "S130 a child that completed before its handle was dropped gets no cancel",
  async (world) => {
    const store = hooked(world.store);
    const child = defineOrchestration("Child", async (_, n: number) => n);
    const parent = defineOrchestration("Parent", async (ctx) => {
      await ctx.select([
        async (scope: OrchestrationContext) => {
          await scope.scheduleSubOrchestration(child, 1, { instanceId: "the-child" });
          await scope.scheduleWait("never");
        },
        ctx.scheduleWait("leave"),
      ]);
      return "left";
    });
    await world.start({ orchestrations: [parent, child], store: store.provider });
    const handle = await new Client(store.provider).startOrchestration("parent", parent);
    await world.untilRecorded("parent", "ExternalSubscribed", 2);
    await handle.raiseEvent("leave");
    expect(await handle.result(LIMIT)).toBe("left");
    expect(await told(world, "parent")).toEqual([
      "2 ExternalSubscribed leave",
      "3 SubOrchestrationScheduled Child",
      "4 SubOrchestrationCompleted(3)",
      "5 ExternalSubscribed never",
      "6 ExternalEvent leave",
      "7 ExternalSubscribedCancelled(5) dropped_future",
      "8 OrchestrationCompleted",
    ]);
    expect(await told(world, "the-child")).toEqual(["2 OrchestrationCompleted"]);
    const sent = effectsOf(store.batches).flatMap((effects) => effects.messages);
    expect(sent.map((message) => message.instanceId)).toEqual(["parent"]);
  },
);
