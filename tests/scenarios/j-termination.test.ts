/** Scenarios of section J: ending instances without their code. */

import {
  defineActivity,
  defineOrchestration,
  OrchestrationCanceledError,
  type InstanceTree,
} from "duroxide-ts";
import { expect } from "vitest";

import { scenario, type World } from "../support/scenario.ts";
import { eventually, gate } from "../support/signal.ts";

const waiting = defineOrchestration("Waiting", async (ctx) => ctx.scheduleWait("never"));
const other = defineOrchestration("Other", async () => "other");
const TERMINATED = { status: "Canceled", reason: "enough", isTerminated: true };

/** It has ended, nothing of it is left to claim, and its id is free for a new run. */
async function expectGone(world: World, instanceId: string): Promise<void> {
  const { client, store } = world;
  const status = await client.getOrchestrationStatus(instanceId);
  expect(status).toMatchObject({ status: "Canceled" });
  expect(await store.readMessages(instanceId)).toEqual([]);
  const [first] = await client.readExecutionHistory(instanceId);
  expect(first).toMatchObject({ kind: "OrchestrationStarted", eventId: 1 });
  const again = await client.startOrchestration(instanceId, "Other", undefined, {
    idReuse: "replaceFinished",
  });
  expect(again.isNew).toBe(true);
}

async function untilBlocked(world: World, instanceId: string, code: string): Promise<void> {
  await eventually(async () => {
    const status = await world.client.getOrchestrationStatus(instanceId);
    return "blocked" in status && status.blocked?.code === code;
  });
}

for (const verb of ["terminateInstance", "cancelInstance"] as const) {
  const outcome = verb === "terminateInstance" ? { kind: "terminated" } : { kind: "accepted" };
  const ended = { ...TERMINATED, isTerminated: verb === "terminateInstance" };

  scenario(`F19 F50 ${verb} ends an instance whose name nobody knows, at once`, async (world) => {
    await world.start({ orchestrations: [other] });
    await world.client.startOrchestration("lost", "Unknown", { a: 1 });
    await untilBlocked(world, "lost", "not_registered");
    const waiter = world.client.waitForOrchestration("lost");
    expect(await world.client[verb]("lost", "enough")).toEqual(outcome);
    expect(await waiter).toMatchObject(ended);
    await expectGone(world, "lost");
  });

  scenario(`F50 ${verb} ends an instance whose version nobody knows, at once`, async (world) => {
    await world.start({ orchestrations: [other, waiting] });
    const options = { version: "7.0.0" };
    await world.client.startOrchestration("lost", "Waiting", undefined, options);
    await untilBlocked(world, "lost", "not_registered");
    expect(await world.client[verb]("lost", "enough")).toEqual(outcome);
    expect(await world.client.getOrchestrationStatus("lost")).toMatchObject(ended);
    await expectGone(world, "lost");
  });

  scenario(`F50 ${verb} ends a continue-as-new to a missing version, at once`, async (world) => {
    const renewed = defineOrchestration("Renewed", async (ctx) =>
      ctx.continueAsNew(undefined, { version: "9.0.0" }),
    );
    await world.start({ orchestrations: [other, renewed] });
    await world.client.startOrchestration("renewed", renewed);
    await untilBlocked(world, "renewed", "not_registered");
    expect(await world.client[verb]("renewed", "enough")).toEqual(outcome);
    const status = await world.client.getOrchestrationStatus("renewed");
    expect(status).toMatchObject({ ...ended, executionId: 2 });
    await expectGone(world, "renewed");
  });

  scenario(`F49 ${verb} ends a delayed start at once, and runs no code`, async (world) => {
    let runCount = 0;
    const later = defineOrchestration("Later", async () => {
      runCount += 1;
    });
    await world.start({ orchestrations: [later, other] });
    await world.client.startOrchestration("later", later, undefined, { startAfter: "1h" });
    const waiter = world.client.waitForOrchestration("later");
    expect(await world.client[verb]("later", "enough")).toEqual(outcome);
    expect(await waiter).toMatchObject(ended);
    await expectGone(world, "later");
    expect(runCount).toBe(0);
  });

  scenario(
    `F49 ${verb} ends an instance that is parked for a difference, at once`,
    async (world) => {
      const before = defineOrchestration("Changing", async (ctx) => ctx.scheduleWait("go"));
      const after = defineOrchestration("Changing", async (ctx) => ctx.scheduleTimer("1h"));
      await world.start({ orchestrations: [before] });
      await world.client.startOrchestration("parked", before);
      await world.untilRecorded("parked", "ExternalSubscribed");
      await world.stop();
      await world.start({
        orchestrations: [after, other],
        parkedRetryMin: "1h",
        parkedRetryMax: "1h",
      });
      await world.client.raiseEvent("parked", "go");
      await untilBlocked(world, "parked", "nondeterminism");
      expect(await world.client[verb]("parked", "enough")).toEqual(outcome);
      expect(await world.client.getOrchestrationStatus("parked")).toMatchObject(ended);
      await expectGone(world, "parked");
    },
  );
}

scenario(
  "F19 terminateInstance needs no live runtime, children and grandchildren neither",
  async (world) => {
    const parent = defineOrchestration("Parent", async (ctx, depth: number): Promise<unknown> =>
      depth === 0
        ? ctx.scheduleWait("never")
        : ctx.scheduleSubOrchestration("Parent", depth - 1, { instanceId: `depth-${depth - 1}` }),
    );
    const runtime = await world.start({ orchestrations: [parent] });
    await world.client.startOrchestration("depth-2", parent, 2);
    await world.untilRecorded("depth-0", "ExternalSubscribed");
    await runtime.shutdown();
    expect(await world.client.terminateInstance("depth-2", "enough")).toEqual({
      kind: "terminated",
    });
    const tree = await world.client.getInstanceTree("depth-2");
    const statuses = (node: InstanceTree): unknown[] => [
      node.status,
      ...node.children.flatMap(statuses),
    ];
    const below = { status: "Canceled", reason: "parent terminated", isTerminated: true };
    expect(statuses(tree)).toMatchObject([TERMINATED, below, below]);
  },
);

scenario(
  "F19 terminateInstance stops running code, and tells its activities to stop",
  async (world) => {
    const started = gate();
    const stopped = gate();
    let isGoingOn = false;
    const patient = defineActivity("Patient", async (_: undefined, ctx) => {
      started.open();
      await new Promise<void>((resolve) => {
        ctx.signal.addEventListener("abort", () => {
          resolve();
        });
      });
      stopped.open();
      return "too late";
    });
    const waiter = defineOrchestration("Waiter", async (ctx) => {
      await ctx.scheduleActivity(patient);
      isGoingOn = true;
    });
    await world.start({ activities: [patient], orchestrations: [waiter, other] });
    const handle = await world.client.startOrchestration("waiter", waiter);
    await started.opened;
    expect(await handle.terminate("enough")).toEqual({ kind: "terminated" });
    await expect(handle.result()).rejects.toThrow(OrchestrationCanceledError);
    await stopped.opened;
    await expectGone(world, "waiter");
    expect(isGoingOn).toBe(false);
  },
);

scenario(
  "F19 terminateInstance of an instance that never rests ends it, and no window begins afterwards",
  async (world) => {
    let windowCount = 0;
    const step = defineActivity("Step", async () => 1);
    const busy = defineOrchestration("Busy", async (ctx) => {
      for (;;) {
        await ctx.scheduleActivity(step);
        windowCount += 1;
      }
    });
    await world.start({ activities: [step], orchestrations: [busy, other] });
    await world.client.startOrchestration("busy", busy);
    await eventually(() => windowCount > 20);
    expect(await world.client.terminateInstance("busy", "enough")).toEqual({ kind: "terminated" });
    expect(await world.client.getOrchestrationStatus("busy")).toMatchObject(TERMINATED);
    if (world.mode.nodeCount === undefined) {
      const seen = windowCount;
      await (await world.client.startOrchestration("other", other)).result();
      expect(windowCount).toBe(seen);
    }
    await expectGone(world, "busy");
  },
  { compare: "none" }, // How far it gets depends on the machine.
);

scenario("F19 terminateInstance says who came first", async (world) => {
  await world.start({ orchestrations: [other, waiting] });
  await (await world.client.startOrchestration("done", other)).result();
  const { client } = world;
  expect(await client.terminateInstance("done")).toEqual({
    kind: "alreadyFinished",
    status: "Completed",
  });
  expect(await client.terminateInstance("nobody")).toEqual({ kind: "unknownInstance" });
  await client.startOrchestration("twice", waiting);
  await world.untilRecorded("twice", "ExternalSubscribed");
  const outcomes = await Promise.all([
    client.terminateInstance("twice", "enough"),
    client.terminateInstance("twice", "enough"),
  ]);
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["alreadyFinished", "terminated"]);
  expect(await client.terminateInstance("twice")).toEqual({
    kind: "alreadyFinished",
    status: "Canceled",
  });
});

scenario(
  "F19 terminateInstance beside a cancel: the instance ends once, with one of the two",
  async (world) => {
    await world.start({ orchestrations: [waiting] });
    await world.client.startOrchestration("both", waiting);
    await world.untilRecorded("both", "ExternalSubscribed");
    await Promise.all([
      world.client.cancelInstance("both", "asked"),
      world.client.terminateInstance("both", "enough"),
    ]);
    const status = await world.client.waitForOrchestration("both");
    expect(status.status).toBe("Canceled");
    const history = await world.client.readExecutionHistory("both");
    expect(history.filter(({ kind }) => kind === "OrchestrationFailed")).toHaveLength(1);
  },
  { compare: "none" }, // Which of the two comes first depends on the machine.
);

scenario("F49 a parked child ends with its parent, at once", async (world) => {
  const parent = defineOrchestration("Parent", async (ctx) =>
    ctx.scheduleSubOrchestration("Unknown", undefined, { instanceId: "the-child" }),
  );
  await world.start({ orchestrations: [parent], parkedRetryMin: "1h", parkedRetryMax: "1h" });
  await world.client.startOrchestration("parent", parent);
  await untilBlocked(world, "the-child", "not_registered");
  await world.client.cancelInstance("parent", "enough");
  const status = await world.client.waitForOrchestration("the-child");
  expect(status).toMatchObject({ status: "Canceled", reason: "parent canceled" });
});

scenario("F19 the parent of a terminated child gets its failure", async (world) => {
  const parent = defineOrchestration("Parent", async (ctx) => {
    const outcome = await ctx
      .scheduleSubOrchestration(waiting, undefined, { instanceId: "the-child" })
      .settled();
    return outcome.status === "rejected" && (outcome.reason as Error).message;
  });
  await world.start({ orchestrations: [parent, waiting] });
  const handle = await world.client.startOrchestration("parent", parent);
  await world.untilRecorded("the-child", "ExternalSubscribed");
  await world.client.terminateInstance("the-child", "enough");
  expect(await handle.result()).toContain("canceled: enough");
});
