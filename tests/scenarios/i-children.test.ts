/** Scenarios of section I: sub-orchestrations and detached starts. */

import { defineActivity, defineOrchestration, SubOrchestrationError } from "duroxide-ts";
import { expect } from "vitest";

import { scenario } from "../support/scenario.ts";
import { eventually } from "../support/signal.ts";

const double = defineActivity("Double", async (n: number) => n * 2);
const childOf = defineOrchestration("Child", async (ctx, n: number) =>
  ctx.scheduleActivity(double, n),
);

scenario(
  "S166 S169 a parent gets its child's output; the child has its own id and history",
  async (world) => {
    const parent = defineOrchestration("Parent", async (ctx, n: number) =>
      ctx.scheduleSubOrchestration(childOf, n),
    );
    await world.start({ activities: [double], orchestrations: [parent, childOf] });
    const handle = await world.client.startOrchestration("parent", parent, 21);
    expect(await handle.result({ timeout: "10s" })).toBe(42);
    const history = await world.client.readExecutionHistory("parent::sub::2");
    expect(history[0]).toMatchObject({
      kind: "OrchestrationStarted",
      name: "Child",
      parent: { instanceId: "parent", executionId: 1, eventId: 2 },
    });
    expect(await world.client.readExecutionHistory("parent")).toMatchObject([
      { kind: "OrchestrationStarted" },
      { kind: "SubOrchestrationScheduled", eventId: 2, instanceId: "parent::sub::2" },
      { kind: "SubOrchestrationCompleted", eventId: 3, sourceEventId: 2, result: 42 },
      { kind: "OrchestrationCompleted", output: 42 },
    ]);
  },
);

scenario(
  "S168 S185 S186 root, middle, leaf: the value comes up, the tree and the links are right",
  async (world) => {
    const leaf = defineOrchestration("Leaf", async (_, n: number) => n + 1);
    const middle = defineOrchestration("Middle", async (ctx, n: number) =>
      ctx.scheduleSubOrchestration(leaf, n + 10),
    );
    const root = defineOrchestration("Root", async (ctx, n: number) => {
      ctx.scheduleOrchestration(leaf, "alone", 0);
      return ctx.scheduleSubOrchestration(middle, n + 100);
    });
    await world.start({ orchestrations: [leaf, middle, root] });
    const handle = await world.client.startOrchestration("root", root, 0);
    expect(await handle.result({ timeout: "10s" })).toBe(111);
    const tree = await world.client.getInstanceTree("root");
    expect(tree).toMatchObject({
      status: { instanceId: "root" },
      children: [
        {
          status: { instanceId: "root::sub::3", parentInstanceId: "root" },
          children: [{ status: { instanceId: "root::sub::3::sub::2" }, children: [] }],
        },
      ],
    });
    expect((await world.client.getInstanceInfo("root")).parentInstanceId).toBeUndefined();
    await world.client.waitForOrchestration("alone", { timeout: "10s" });
  },
);

scenario(
  "S170 two children of one turn have different ids",
  async (world) => {
    const parent = defineOrchestration("Parent", async (ctx) =>
      ctx.all([ctx.scheduleSubOrchestration(childOf, 1), ctx.scheduleSubOrchestration(childOf, 2)]),
    );
    await world.start({ activities: [double], orchestrations: [parent, childOf] });
    const handle = await world.client.startOrchestration("parent", parent);
    expect(await handle.result({ timeout: "10s" })).toEqual([2, 4]);
    const { instances } = await world.client.listInstances({ idPrefix: "parent::" });
    expect(instances.map((status) => status.instanceId).sort()).toEqual([
      "parent::sub::2",
      "parent::sub::3",
    ]);
    // Which of the two children ends first is open.
  },
  { compare: "unordered" },
);

scenario("S172 a parent can catch a failing child's message", async (world) => {
  const broken = defineOrchestration("Broken", async () => {
    throw new RangeError("out of stock");
  });
  const parent = defineOrchestration("Parent", async (ctx) => {
    try {
      await ctx.scheduleSubOrchestration(broken);
      return "no";
    } catch (error) {
      if (!(error instanceof SubOrchestrationError)) throw error;
      return `${error.code}: ${error.details.name}: ${error.message}`;
    }
  });
  await world.start({ orchestrations: [parent, broken] });
  const handle = await world.client.startOrchestration("parent", parent);
  expect(await handle.result({ timeout: "10s" })).toBe(
    "sub_orchestration_failed: RangeError: out of stock",
  );
});

scenario(
  "S173 a child that fails by nondeterminism fails its parent with the same class",
  async (world) => {
    const cheat = defineOrchestration("Cheat", async () => Math.random());
    const parent = defineOrchestration("Parent", async (ctx) => {
      try {
        return await ctx.scheduleSubOrchestration(cheat);
      } catch {
        return "user code must not see it";
      }
    });
    await world.start({ orchestrations: [parent, cheat], nondeterminism: "fail" });
    await world.client.startOrchestration("parent", parent);
    const status = await world.client.waitForOrchestration("parent", { timeout: "10s" });
    expect(status).toMatchObject({
      status: "Failed",
      error: { category: "configuration", code: "guard_violation" },
    });
  },
);

scenario("S174 S220 a child by version and one by policy run the right code", async (world) => {
  const one = defineOrchestration({ name: "Child", version: "1.0.0", run: async () => "one" });
  const two = defineOrchestration({ name: "Child", version: "2.0.0", run: async () => "two" });
  const parent = defineOrchestration("Parent", async (ctx) => {
    const old = await ctx.scheduleSubOrchestration<string>("Child", undefined, {
      version: "1.0.0",
    });
    const latest = await ctx.scheduleSubOrchestration<string>("Child");
    return [old, latest];
  });
  await world.start({ orchestrations: [one, two, parent] });
  const handle = await world.client.startOrchestration("parent", parent);
  expect(await handle.result({ timeout: "10s" })).toEqual(["one", "two"]);
});

scenario(
  "S176 U3 a child that continues as new still gives its parent the result",
  async (world) => {
    const counting = defineOrchestration("Counting", async (ctx, n: number): Promise<string> =>
      n === 3 ? `counted to ${n} in execution ${ctx.executionId}` : ctx.continueAsNew(n + 1),
    );
    const parent = defineOrchestration("Parent", async (ctx) =>
      ctx.scheduleSubOrchestration(counting, 0),
    );
    await world.start({ orchestrations: [parent, counting] });
    const handle = await world.client.startOrchestration("parent", parent);
    expect(await handle.result({ timeout: "10s" })).toBe("counted to 3 in execution 4");
  },
);

scenario(
  "S177 U1 U2 a parent on its second execution gets the result of a child with a new id",
  async (world) => {
    const parent = defineOrchestration("Parent", async (ctx, round: number): Promise<number> => {
      const value = await ctx.scheduleSubOrchestration(childOf, round);
      return round === 3 ? value : ctx.continueAsNew(round + 1);
    });
    await world.start({ activities: [double], orchestrations: [parent, childOf] });
    const handle = await world.client.startOrchestration("parent", parent, 1);
    expect(await handle.result({ timeout: "10s" })).toBe(6);
    const { instances } = await world.client.listInstances({ idPrefix: "parent::" });
    expect(instances.map((status) => status.instanceId).sort()).toEqual([
      "parent::sub::2",
      "parent::sub::2::2",
      "parent::sub::3::2",
    ]);
  },
);

scenario(
  "S178 an explicit child id that is in use is an error of the call, not a hang",
  async (world) => {
    const other = defineOrchestration("Other", async (ctx) => ctx.scheduleWait("never"));
    const parent = defineOrchestration("Parent", async (ctx) => {
      const outcome = await ctx
        .scheduleSubOrchestration(childOf, 1, { instanceId: "taken" })
        .settled();
      return outcome.status === "rejected" ? (outcome.reason as Error).message : "no";
    });
    await world.start({ activities: [double], orchestrations: [parent, childOf, other] });
    await world.client.startOrchestration("taken", other);
    await world.untilRecorded("taken", "ExternalSubscribed");
    const handle = await world.client.startOrchestration("parent", parent);
    expect(await handle.result({ timeout: "10s" })).toContain(
      "an instance with this id exists already",
    );
    expect((await world.client.getOrchestrationStatus("taken")).status).toBe("Running");
  },
);

scenario(
  "S180 S181 U8 a detached start runs alone under its exact id; an activity after it stays aligned",
  async (world) => {
    const starter = defineOrchestration("Starter", async (ctx) => {
      ctx.scheduleOrchestration(childOf, "detached-1", 5);
      return ctx.scheduleActivity(double, 1);
    });
    await world.start({ activities: [double], orchestrations: [starter, childOf] });
    const handle = await world.client.startOrchestration("starter", starter);
    expect(await handle.result({ timeout: "10s" })).toBe(2);
    expect(await world.client.waitForOrchestration("detached-1", { timeout: "10s" })).toMatchObject(
      {
        status: "Completed",
        output: 10,
        parentInstanceId: undefined,
      },
    );
  },
);

scenario(
  "S182 R8 a detached start is honoured in a turn that completes, fails, or continues as new",
  async (world) => {
    const starter = defineOrchestration("Starter", async (ctx, how: string): Promise<string> => {
      ctx.scheduleOrchestration(childOf, `detached-${how}`, 1);
      if (how === "fail") throw new Error("on purpose");
      if (how === "continue") return ctx.continueAsNew("complete");
      return how;
    });
    await world.start({ activities: [double], orchestrations: [starter, childOf] });
    for (const how of ["complete", "fail"])
      await world.client.startOrchestration(how, starter, how);
    await world.client.waitForOrchestration("complete", { timeout: "10s" });
    await world.client.startOrchestration("continue", starter, "continue");
    for (const how of ["complete", "fail", "continue"]) {
      const status = await world.client.waitForOrchestration(`detached-${how}`, { timeout: "10s" });
      expect(status).toMatchObject({ status: "Completed", output: 2 });
    }
  },
  { compare: "unordered" },
);

scenario("S184 detached instances of a canceled starter go on", async (world) => {
  const lasting = defineOrchestration("Lasting", async (ctx) => ctx.scheduleWait<string>("end"));
  const starter = defineOrchestration("Starter", async (ctx) => {
    ctx.scheduleOrchestration(lasting, "lasting");
    await ctx.scheduleWait("never");
  });
  await world.start({ orchestrations: [starter, lasting] });
  const handle = await world.client.startOrchestration("starter", starter);
  await world.untilRecorded("lasting", "ExternalSubscribed");
  await handle.cancel("stop");
  await world.client.waitForOrchestration("starter", { timeout: "10s" });
  await world.client.raiseEvent("lasting", "end", "alive");
  expect(await world.client.waitForOrchestration("lasting", { timeout: "10s" })).toMatchObject({
    output: "alive",
  });
});

scenario(
  "R2 a child scheduled and dropped in the last turn leaves no message behind",
  async (world) => {
    const parent = defineOrchestration("Parent", async (ctx) => {
      ctx.scheduleSubOrchestration(childOf, 1, { instanceId: "never-started" });
      return "done";
    });
    await world.start({ activities: [double], orchestrations: [parent, childOf] });
    const handle = await world.client.startOrchestration("parent", parent);
    expect(await handle.result({ timeout: "10s" })).toBe("done");
    expect((await world.client.getOrchestrationStatus("never-started")).status).toBe("NotFound");
  },
);

scenario(
  "R4 R5 S022 a second start of a running instance with another name does not touch it",
  async (world) => {
    const running = defineOrchestration("Running", async (ctx) => ctx.scheduleWait<string>("end"));
    await world.start({ activities: [double], orchestrations: [running, childOf] });
    const handle = await world.client.startOrchestration("one", running);
    await world.untilRecorded("one", "ExternalSubscribed");
    await expect(world.client.startOrchestration("one", childOf, 1)).rejects.toMatchObject({
      code: "instance_already_exists",
    });
    const ignored = world.client.startOrchestration("one", childOf, 1, { idReuse: "ignore" });
    await expect(ignored).rejects.toMatchObject({ code: "instance_already_exists" });
    await handle.raiseEvent("end", "fine");
    expect(await handle.result({ timeout: "10s" })).toBe("fine");
    const again = await world.client.startOrchestration("one", childOf, 4, {
      idReuse: "replaceFinished",
    });
    expect(await again.result({ timeout: "10s" })).toBe(8);
    await eventually(async () => (await again.status()).status === "Completed");
  },
);

scenario(
  "S021 S328 an instance that replaces a finished one gets children of its own",
  async (world) => {
    const parent = defineOrchestration("Parent", async (ctx, n: number) =>
      ctx.scheduleSubOrchestration(childOf, n),
    );
    await world.start({ activities: [double], orchestrations: [parent, childOf] });
    const first = await world.client.startOrchestration("again", parent, 1);
    expect(await first.result({ timeout: "10s" })).toBe(2);
    const second = await world.client.startOrchestration("again", parent, 5, {
      idReuse: "replaceFinished",
    });
    expect(await second.result({ timeout: "10s" })).toBe(10);
    const tree = await world.client.getInstanceTree("again");
    expect(tree.children).toHaveLength(1);
  },
);
