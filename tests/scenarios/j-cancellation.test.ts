/** Scenarios of section J: cancellation. */

import { defineActivity, defineOrchestration, OrchestrationCanceledError } from "duroxide-ts";
import { expect } from "vitest";

import { scenario, type World } from "../support/scenario.ts";
import { gate } from "../support/signal.ts";

const child = defineOrchestration("Child", async (ctx) => ctx.scheduleWait("never"));

async function untilRunning(world: World, instanceId: string): Promise<void> {
  await world.untilRecorded(instanceId, "ExternalSubscribed");
}

scenario(
  "S188 S192 a canceled parent cancels its one child, and many, with `parent canceled`",
  async (world) => {
    const parent = defineOrchestration("Parent", async (ctx, count: number) =>
      ctx.all(
        Array.from({ length: count }, (_, i) =>
          ctx.scheduleSubOrchestration(child, undefined, { instanceId: `${ctx.instanceId}-${i}` }),
        ),
      ),
    );
    await world.start({ orchestrations: [parent, child] });
    for (const count of [1, 5]) {
      const handle = await world.client.startOrchestration(`parent${count}`, parent, count);
      for (let i = 0; i < count; i += 1) await untilRunning(world, `parent${count}-${i}`);
      expect(await handle.cancel("enough")).toEqual({ kind: "accepted" });
      await expect(handle.result({ timeout: "10s" })).rejects.toThrow(OrchestrationCanceledError);
      for (let i = 0; i < count; i += 1) {
        const status = await world.client.waitForOrchestration(`parent${count}-${i}`, {
          timeout: "10s",
        });
        expect(status).toMatchObject({ status: "Canceled", reason: "parent canceled" });
      }
    }
  },
);

scenario("S189 a child canceled directly: its parent sees `canceled: <reason>`", async (world) => {
  const parent = defineOrchestration("Parent", async (ctx) => {
    const outcome = await ctx
      .scheduleSubOrchestration(child, undefined, { instanceId: "the-child" })
      .settled();
    if (outcome.status === "fulfilled") return "no";
    const error = outcome.reason as {
      readonly message: string;
      readonly isCanceled: boolean;
      readonly code: string;
    };
    return `${error.code} ${error.isCanceled} ${error.message}`;
  });
  await world.start({ orchestrations: [parent, child] });
  const handle = await world.client.startOrchestration("parent", parent);
  await untilRunning(world, "the-child");
  await world.client.cancelInstance("the-child", "by hand");
  expect(await handle.result({ timeout: "10s" })).toBe(
    "sub_orchestration_failed true canceled: by hand",
  );
});

scenario("S190 cancel after completion changes nothing", async (world) => {
  const done = defineOrchestration("Done", async () => 1);
  await world.start({ orchestrations: [done] });
  const handle = await world.client.startOrchestration("done", done);
  await handle.result({ timeout: "10s" });
  expect(await handle.cancel("late")).toEqual({ kind: "dropped", reason: "finishedInstance" });
  expect(await handle.status()).toMatchObject({ status: "Completed", output: 1 });
});

scenario(
  "S192 start and cancel queued before any runtime: the instance exists and is canceled",
  async (world) => {
    const handle = await world.client.startOrchestration("early", child);
    expect((await handle.status()).status).toBe("Pending");
    expect(await handle.cancel("changed my mind")).toEqual({ kind: "accepted" });
    await world.start({ orchestrations: [child] });
    const status = await world.client.waitForOrchestration("early", { timeout: "10s" });
    expect(status).toMatchObject({ status: "Canceled", reason: "changed my mind" });
    const kinds = (await world.client.readExecutionHistory("early")).map((event) => event.kind);
    expect(kinds[0]).toBe("OrchestrationStarted");
    expect(kinds[1]).toBe("OrchestrationCancelRequested");
    expect(kinds.at(-1)).toBe("OrchestrationFailed");
  },
);

scenario("S193 three cancels: one request event, the first reason", async (world) => {
  const runtime = await world.start({ orchestrations: [child] });
  await world.client.startOrchestration("thrice", child);
  await untilRunning(world, "thrice");
  await runtime.shutdown();
  for (const reason of ["first", "second", "third"])
    await world.client.cancelInstance("thrice", reason);
  await world.start({ orchestrations: [child] });
  const status = await world.client.waitForOrchestration("thrice", { timeout: "10s" });
  expect(status).toMatchObject({ status: "Canceled", reason: "first" });
  const requests = (await world.client.readExecutionHistory("thrice")).filter(
    (event) => event.kind === "OrchestrationCancelRequested",
  );
  expect(requests).toHaveLength(1);
});

scenario(
  "S194 cancel in the second execution after continue-as-new ends that execution",
  async (world) => {
    const twice = defineOrchestration("Twice", async (ctx, round: number): Promise<unknown> =>
      round === 0 ? ctx.continueAsNew(1) : ctx.scheduleWait("never"),
    );
    await world.start({ orchestrations: [twice] });
    const handle = await world.client.startOrchestration("twice", twice, 0);
    await world.untilRecorded("twice", "ExternalSubscribed");
    await handle.cancel("now");
    const status = await world.client.waitForOrchestration("twice", { timeout: "10s" });
    expect(status).toMatchObject({ status: "Canceled", executionId: 2 });
    const executions = await world.client.listExecutions("twice");
    expect(executions.map((execution) => execution.status)).toEqual(["ContinuedAsNew", "Canceled"]);
  },
);

scenario(
  "S196 S197 cancel with a running activity: its signal fires, its late result is ignored",
  async (world) => {
    const started = gate();
    const stopped = gate();
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
    const waiter = defineOrchestration("Waiter", async (ctx) => ctx.scheduleActivity(patient));
    await world.start({ activities: [patient], orchestrations: [waiter], activityConcurrency: 1 });
    const handle = await world.client.startOrchestration("waiter", waiter);
    await started.opened;
    await handle.cancel("stop it");
    await stopped.opened;
    expect((await world.client.waitForOrchestration("waiter", { timeout: "10s" })).status).toBe(
      "Canceled",
    );
    const kinds = (await world.client.readExecutionHistory("waiter")).map((event) => event.kind);
    expect(kinds).toEqual([
      "OrchestrationStarted",
      "ActivityScheduled",
      "OrchestrationCancelRequested",
      "ActivityCancelRequested",
      "OrchestrationFailed",
    ]);
  },
  { compare: "exact" },
);

scenario(
  "S198 an activity that ignores its signal: after the grace its slot is free, its result dropped",
  async (world) => {
    const started = gate();
    const deaf = defineActivity("Deaf", () => {
      started.open();
      return new Promise<string>(() => undefined);
    });
    const quick = defineActivity("Quick", async () => "quick");
    const waiter = defineOrchestration("Waiter", async (ctx, name: string) =>
      ctx.scheduleActivity(name),
    );
    await world.start({
      activities: [deaf, quick],
      orchestrations: [waiter],
      activityConcurrency: 1,
      cancellationGrace: 10,
    });
    const stuck = await world.client.startOrchestration("stuck", waiter, "Deaf");
    await started.opened;
    const next = await world.client.startOrchestration("next", waiter, "Quick");
    await stuck.cancel("stop");
    expect(await next.result({ timeout: "10s" })).toBe("quick");
    // Where several nodes have slots, the next one may end first.
    const { status } = await world.client.waitForOrchestration("stuck", { timeout: "10s" });
    expect(status).toBe("Canceled");
  },
);

scenario("S200 cancel while a system call has been made: canceled", async (world) => {
  const guid = defineOrchestration("Guid", async (ctx) => {
    const id = ctx.newGuid();
    await ctx.scheduleWait("never");
    return id;
  });
  await world.start({ orchestrations: [guid] });
  const handle = await world.client.startOrchestration("guid", guid);
  await untilRunning(world, "guid");
  await handle.cancel("x");
  expect((await world.client.waitForOrchestration("guid", { timeout: "10s" })).status).toBe(
    "Canceled",
  );
});

scenario("S201 R9 a parent that fails cancels its running children", async (world) => {
  const parent = defineOrchestration("Parent", async (ctx) => {
    ctx.scheduleSubOrchestration(child, undefined, { instanceId: "orphan" });
    await ctx.scheduleWait("fail");
    throw new Error("parent broke");
  });
  await world.start({ orchestrations: [parent, child] });
  const handle = await world.client.startOrchestration("parent", parent);
  await untilRunning(world, "orphan");
  await handle.raiseEvent("fail");
  await expect(handle.result({ timeout: "10s" })).rejects.toThrow("parent broke");
  const status = await world.client.waitForOrchestration("orphan", { timeout: "10s" });
  expect(status).toMatchObject({ status: "Canceled", reason: "parent failed" });
});

scenario(
  "S201 R9 a parent that fails by nondeterminism cancels its running children",
  async (world) => {
    const options = { nondeterminism: "fail", guards: "off" } as const;
    const before = defineOrchestration("Parent", async (ctx) => {
      ctx.scheduleSubOrchestration(child, undefined, { instanceId: "orphan" });
      await ctx.scheduleWait("go");
    });
    const after = defineOrchestration("Parent", async (ctx) => {
      await ctx.scheduleTimer(1);
    });
    await world.start({ ...options, orchestrations: [before, child] });
    await world.client.startOrchestration("parent", before);
    await untilRunning(world, "orphan");
    await world.untilRecorded("parent", "ExternalSubscribed");
    await world.restart();
    await world.start({ ...options, orchestrations: [after, child] });
    await world.client.raiseEvent("parent", "go");
    const parent = await world.client.waitForOrchestration("parent", { timeout: "10s" });
    expect(parent).toMatchObject({
      status: "Failed",
      error: { code: "nondeterminism", category: "configuration" },
    });
    const status = await world.client.waitForOrchestration("orphan", { timeout: "10s" });
    expect(status).toMatchObject({ status: "Canceled", reason: "parent failed" });
  },
);
