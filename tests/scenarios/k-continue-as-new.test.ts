/** Scenarios of section K: continue-as-new. */

import { defineActivity, defineOrchestration } from "duroxide-ts";
import { expect } from "vitest";

import { scenario } from "../support/scenario.ts";
import { eventually, gate } from "../support/signal.ts";

const echo = defineActivity("Echo", async (n: number) => n);

scenario(
  "S202 S089 a counter continues three times: four executions, each history from id 1",
  async (world) => {
    const counter = defineOrchestration("Counter", async (ctx, n: number): Promise<number> => {
      const value = await ctx.scheduleActivity(echo, n);
      return value === 3 ? value : ctx.continueAsNew(value + 1);
    });
    await world.start({ activities: [echo], orchestrations: [counter] });
    const handle = await world.client.startOrchestration("counter", counter, 0);
    expect(await handle.result({ timeout: "10s" })).toBe(3);
    const executions = await world.client.listExecutions("counter");
    expect(
      executions.map(({ executionId, status, output }) => ({ executionId, status, output })),
    ).toEqual([
      { executionId: 1, status: "ContinuedAsNew", output: 1 },
      { executionId: 2, status: "ContinuedAsNew", output: 2 },
      { executionId: 3, status: "ContinuedAsNew", output: 3 },
      { executionId: 4, status: "Completed", output: 3 },
    ]);
    for (const { executionId } of executions) {
      const history = await world.client.readExecutionHistory("counter", executionId);
      expect(history.map((event) => event.eventId)).toEqual([1, 2, 3, 4]);
    }
  },
);

scenario(
  "S204 continue called but not awaited, then return: it continues, the value is ignored",
  async (world) => {
    const hasty = defineOrchestration("Hasty", async (ctx, n: number) => {
      if (n === 0) void ctx.continueAsNew(1);
      return `returned ${n}`;
    });
    await world.start({ orchestrations: [hasty] });
    const handle = await world.client.startOrchestration("hasty", hasty, 0);
    expect(await handle.result({ timeout: "10s" })).toBe("returned 1");
  },
);

scenario(
  "S205 S206 an un-awaited activity at continue is canceled and its late result ignored",
  async (world) => {
    const release = gate();
    const slow = defineActivity("Slow", async () => {
      await release.opened;
      return "late";
    });
    const leaver = defineOrchestration("Leaver", async (ctx, round: number): Promise<string> => {
      if (round === 0) {
        ctx.scheduleActivity(slow);
        await ctx.scheduleWait("go");
        return ctx.continueAsNew(1);
      }
      return ctx.scheduleWait<string>("end");
    });
    await world.start({ activities: [slow], orchestrations: [leaver] });
    const handle = await world.client.startOrchestration("leaver", leaver, 0);
    await world.untilRecorded("leaver", "ExternalSubscribed");
    await handle.raiseEvent("go");
    await eventually(async () => {
      const status = await handle.status();
      return status.status === "Running" && status.executionId === 2;
    });
    release.open();
    await world.untilRecorded("leaver", "ExternalSubscribed");
    await handle.raiseEvent("end", "done");
    expect(await handle.result({ timeout: "10s" })).toBe("done");
    expect(await world.client.readExecutionHistory("leaver", 1)).toMatchObject([
      { kind: "OrchestrationStarted" },
      { kind: "ActivityScheduled" },
      { kind: "ExternalSubscribed" },
      { kind: "ExternalEvent" },
      { kind: "ActivityCancelRequested", reason: "orchestration_terminal_continued_as_new" },
      { kind: "OrchestrationContinuedAsNew" },
    ]);
  },
);

scenario("S208 continue with an explicit version runs that code next", async (world) => {
  const one = defineOrchestration({
    name: "Upgrading",
    version: "1.0.0",
    run: async (ctx): Promise<string> => ctx.continueAsNew("typed input", { version: "2.0.0" }),
  });
  const two = defineOrchestration({
    name: "Upgrading",
    version: "2.0.0",
    run: async (ctx, input: string) => `${ctx.orchestrationVersion} got ${input}`,
  });
  await world.start({ orchestrations: [one, two] });
  const handle = await world.client.startOrchestration("up", one, undefined, { version: "1.0.0" });
  expect(await handle.result({ timeout: "10s" })).toBe("2.0.0 got typed input");
});

scenario("S209 S041 continue without a version upgrades then, and not before", async (world) => {
  const one = defineOrchestration({
    name: "Growing",
    version: "1.0.0",
    run: async (ctx): Promise<string> => {
      await ctx.scheduleWait("go");
      return ctx.continueAsNew();
    },
  });
  const two = defineOrchestration({
    name: "Growing",
    version: "2.0.0",
    run: async () => "version 2",
  });
  await world.start({ orchestrations: [one] });
  const handle = await world.client.startOrchestration("grow", one);
  await world.untilRecorded("grow", "ExternalSubscribed");
  await world.restart();
  await world.start({ orchestrations: [one, two] });
  expect((await world.client.getInstanceInfo("grow")).version).toBe("1.0.0");
  await world.client.raiseEvent("grow", "go");
  const status = await world.client.waitForOrchestration("grow", { timeout: "10s" });
  expect(status).toMatchObject({ output: "version 2", version: "2.0.0", executionId: 2 });
  expect(handle.instanceId).toBe("grow");
});

scenario(
  "S210 continue to a missing version parks with its reason and goes on when it is registered",
  async (world) => {
    const one = defineOrchestration({
      name: "Early",
      version: "1.0.0",
      run: async (ctx): Promise<string> => ctx.continueAsNew(undefined, { version: "9.0.0" }),
    });
    await world.start({ orchestrations: [one] });
    await world.client.startOrchestration("early", one);
    const blocked = await eventually(async () => {
      const status = await world.client.getOrchestrationStatus("early");
      return status.status === "Running" ? status.blocked : undefined;
    });
    expect(blocked).toMatchObject({ code: "not_registered" });
    const nine = defineOrchestration({
      name: "Early",
      version: "9.0.0",
      run: async () => "at last",
    });
    await world.start({ orchestrations: [one, nine] });
    expect(await world.client.waitForOrchestration("early", { timeout: "10s" })).toMatchObject({
      output: "at last",
    });
  },
);

scenario(
  "S212 S213 the status between executions is Running, and custom status and key-values stay",
  async (world) => {
    const keeper = defineOrchestration("Keeper", async (ctx, round: number): Promise<unknown> => {
      if (round === 0) {
        ctx.setCustomStatus("set in the first execution");
        ctx.kv.set("counter", 41);
        return ctx.continueAsNew(1);
      }
      const counter = (ctx.kv.get("counter") as number) + 1;
      ctx.kv.set("counter", counter);
      await ctx.scheduleWait("end");
      return { status: ctx.getCustomStatus(), counter: ctx.kv.get("counter") };
    });
    await world.start({ orchestrations: [keeper] });
    const handle = await world.client.startOrchestration("keeper", keeper, 0);
    await world.untilRecorded("keeper", "ExternalSubscribed");
    expect(await handle.status()).toMatchObject({
      status: "Running",
      customStatus: "set in the first execution",
      customStatusVersion: 1,
    });
    expect(await world.client.getKvValue("keeper", "counter")).toBe(42);
    await handle.raiseEvent("end");
    expect(await handle.result({ timeout: "10s" })).toEqual({
      status: "set in the first execution",
      counter: 42,
    });
  },
);

scenario("S216 schedule calls after continue in the same turn are rejected", async (world) => {
  const late = defineOrchestration("Late", async (ctx, round: number): Promise<string> => {
    if (round === 1) return "next";
    void ctx.continueAsNew(1);
    try {
      ctx.scheduleActivity(echo, 1);
      ctx.traceWarn("no error");
    } catch (error) {
      ctx.traceWarn((error as { readonly code: string }).code);
    }
    return "ignored";
  });
  await world.start({ activities: [echo], orchestrations: [late] });
  const handle = await world.client.startOrchestration("late", late, 0);
  expect(await handle.result({ timeout: "10s" })).toBe("next");
  expect(world.log.messages("warn")).toContain("execution_ended");
});
