/** Scenarios of section N: GUIDs, time, randomness. */

import { defineActivity, defineOrchestration } from "duroxide-ts";
import { expect } from "vitest";

import { scenario } from "../support/scenario.ts";

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

interface Sample {
  readonly guid: string;
  readonly nowMs: number;
  readonly random: number;
}

const echo = defineActivity("Echo", async (sample: Sample) => sample);

scenario(
  "S253 U9 guid, time and random are the same on replay",
  async (world) => {
    const sampler = defineOrchestration("Sampler", async (ctx) => {
      const before: Sample = { guid: ctx.newGuid(), nowMs: ctx.utcNowMs(), random: ctx.random() };
      await ctx.scheduleWait("go");
      return before;
    });
    await world.start({ orchestrations: [sampler] });
    const handle = await world.client.startOrchestration("sampler", sampler);
    await world.untilRecorded("sampler", "ExternalSubscribed");
    const [started] = await world.client.readExecutionHistory("sampler");
    await world.restart();
    await world.start({ orchestrations: [sampler] });
    await world.client.raiseEvent("sampler", "go");
    const status = await world.client.waitForOrchestration("sampler", { timeout: "10s" });
    const output = (status.status === "Completed" ? status.output : undefined) as Sample;
    expect(output.guid).toMatch(UUID_V4);
    expect(output.nowMs).toBe(started?.timestampMs);
    expect(output.random).toBeGreaterThanOrEqual(0);
    expect(output.random).toBeLessThan(1);
    expect(handle.instanceId).toBe("sampler");
    // GUIDs and times differ from run to run by their nature.
  },
  { compare: "none" },
);

scenario(
  "S254 R23 two guids of one execution, and of two instances, are different",
  async (world) => {
    const pair = defineOrchestration("Pair", async (ctx) => [ctx.newGuid(), ctx.newGuid()]);
    await world.start({ orchestrations: [pair] });
    const a = await world.client.startOrchestration("a", pair);
    const b = await world.client.startOrchestration("b", pair);
    const all = [...(await a.result({ timeout: "10s" })), ...(await b.result({ timeout: "10s" }))];
    expect(new Set(all).size).toBe(4);
    for (const guid of all) expect(guid).toMatch(UUID_V4);
  },
  { compare: "none" },
);

scenario(
  "S256 guid and time as activity input match on replay",
  async (world) => {
    const user = defineOrchestration("User", async (ctx) => {
      const sent: Sample = {
        guid: ctx.newGuid(),
        nowMs: ctx.utcNow().getTime(),
        random: ctx.random(),
      };
      const received = await ctx.scheduleActivity(echo, sent);
      const again = await ctx.scheduleActivity(echo, received);
      return JSON.stringify(again) === JSON.stringify(sent);
    });
    await world.start({ activities: [echo], orchestrations: [user] });
    const handle = await world.client.startOrchestration("user", user);
    expect(await handle.result({ timeout: "10s" })).toBe(true);
  },
  { compare: "none" },
);

scenario("S257 system calls inside branches of select and join", async (world) => {
  const brancher = defineOrchestration("Brancher", async (ctx) => {
    const [a, b] = await ctx.all([
      async (scope) => {
        await scope.scheduleTimer(1);
        return scope.newGuid();
      },
      async (scope) => scope.newGuid(),
    ]);
    const won = await ctx.select({
      guid: async (scope) => scope.newGuid(),
      never: ctx.scheduleWait("never"),
    });
    return { distinct: new Set([a, b, won.value]).size, key: won.key };
  });
  await world.start({ orchestrations: [brancher] });
  const handle = await world.client.startOrchestration("brancher", brancher);
  expect(await handle.result({ timeout: "10s" })).toEqual({ distinct: 3, key: "guid" });
});

scenario("S258 system calls need no activity worker", async (world) => {
  const alone = defineOrchestration("Alone", async (ctx) => ctx.newGuid().length);
  await world.start({ orchestrations: [alone], activityConcurrency: 0 });
  const handle = await world.client.startOrchestration("alone", alone);
  expect(await handle.result({ timeout: "10s" })).toBe(36);
});
