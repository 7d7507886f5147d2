/**
 * Scenarios of section C, end to end and under both policies: a deploy that does not fit parks the
 * run and rolling it back heals it; under the policy "fail" the run fails. The tables of all
 * mismatches are in tests/replay.
 */

import {
  defineActivity,
  defineOrchestration,
  type OrchestrationContext,
  type OrchestrationDefinition,
} from "duroxide-ts";
import { describe, expect } from "vitest";

import { scenario, type World } from "../support/scenario.ts";
import { eventually } from "../support/signal.ts";

const echo = defineActivity("Echo", async (text: string) => text);
const child = defineOrchestration("Child", async (_, n: number) => n);

type Code = (ctx: OrchestrationContext) => Promise<unknown>;

/** What was deployed first: it ends once "go" has been raised. */
function deploy(code: Code): OrchestrationDefinition {
  return defineOrchestration("Deployed", async (ctx) => code(ctx));
}

interface Mismatch {
  readonly title: string;
  readonly before: Code;
  readonly after: Code;
  readonly code?: string;
}

const go = async (ctx: OrchestrationContext): Promise<unknown> => ctx.scheduleWait("go");

const MISMATCHES: readonly Mismatch[] = [
  {
    title: "S052 a timer where history has an activity",
    before: async (ctx) => [await ctx.scheduleActivity(echo, "a"), await go(ctx)],
    after: async (ctx) => [await ctx.scheduleTimer(1), await go(ctx)],
  },
  {
    title: "S052 an activity where history has a timer",
    before: async (ctx) => [await ctx.scheduleTimer(1), await go(ctx)].length,
    after: async (ctx) => [await ctx.scheduleActivity(echo, "a"), await go(ctx)],
  },
  {
    title: "S053 the same activity with another input",
    before: async (ctx) => [await ctx.scheduleActivity(echo, "a"), await go(ctx)],
    after: async (ctx) => [await ctx.scheduleActivity(echo, "b"), await go(ctx)],
  },
  {
    title: "S056 another wait name",
    before: async (ctx) => [await ctx.select([ctx.scheduleWait("x"), ctx.scheduleWait("go")])],
    after: async (ctx) => [await ctx.select([ctx.scheduleWait("y"), ctx.scheduleWait("go")])],
  },
  {
    title: "S057 another queue name",
    before: async (ctx) => [await ctx.select([ctx.dequeueEvent("x"), ctx.scheduleWait("go")])],
    after: async (ctx) => [await ctx.select([ctx.dequeueEvent("y"), ctx.scheduleWait("go")])],
  },
  {
    title: "S058 a child with another input",
    before: async (ctx) => [await ctx.scheduleSubOrchestration(child, 1), await go(ctx)],
    after: async (ctx) => [await ctx.scheduleSubOrchestration(child, 2), await go(ctx)],
  },
  {
    title: "S060 R13 the code returns where history has a schedule",
    before: async (ctx) => [await ctx.scheduleActivity(echo, "a"), await go(ctx)],
    after: async () => "early",
  },
  {
    title: "S076 R13 a removed key-value set",
    before: async (ctx) => {
      ctx.kv.set("key", 1);
      return go(ctx);
    },
    after: async (ctx) => go(ctx),
  },
  {
    title: "S073 a key-value set with another value",
    before: async (ctx) => {
      ctx.kv.set("key", 1);
      return go(ctx);
    },
    after: async (ctx) => {
      ctx.kv.set("key", 2);
      return go(ctx);
    },
  },
  {
    title: "S077 branching by Math.random, guards off",
    before: async (ctx) => [await ctx.scheduleActivity(echo, "0"), await go(ctx)],
    after: async (ctx) => [
      await ctx.scheduleActivity(echo, String(1 + Math.random())),
      await go(ctx),
    ],
  },
  {
    title: "S078 an await of a plain network promise",
    before: async (ctx) => go(ctx),
    after: async (ctx) => {
      await go(ctx);
      return new Promise(() => undefined);
    },
    code: "foreign_await",
  },
];

async function runBefore(world: World, code: Code): Promise<void> {
  const definition = deploy(code);
  const runtime = await world.start({
    activities: [echo],
    orchestrations: [definition, child],
    guards: "off",
  });
  await world.client.startOrchestration("run", definition);
  await world.untilRecorded("run", "ExternalSubscribed");
  await runtime.shutdown();
}

describe("the policy park (G6)", () => {
  for (const { title, before, after, code = "nondeterminism" } of MISMATCHES) {
    scenario(`${title}: parked with a reason, healed by the roll-back`, async (world) => {
      await runBefore(world, before);
      await world.client.raiseEvent("run", "go", "gone");
      const bad = await world.start({
        activities: [echo],
        orchestrations: [deploy(after), child],
        guards: "off",
      });
      const blocked = await eventually(async () => {
        const status = await world.client.getOrchestrationStatus("run");
        return status.status === "Running" ? status.blocked : undefined;
      });
      expect(blocked.code).toBe(code);
      expect(blocked.message).toContain('"run"');
      if (code === "nondeterminism") {
        expect(blocked.eventId).toBeGreaterThan(1);
        expect(blocked.expected).not.toBe(blocked.actual);
      }
      await bad.shutdown();
      await world.start({
        activities: [echo],
        orchestrations: [deploy(before), child],
        guards: "off",
      });
      const healed = await world.client.waitForOrchestration("run", { timeout: "10s" });
      expect(healed.status).toBe("Completed");
    });
  }
});

describe("the policy fail", () => {
  for (const { title, before, after, code = "nondeterminism" } of MISMATCHES) {
    scenario(
      `${title}: fails with a configuration error`,
      async (world) => {
        await runBefore(world, before);
        await world.client.raiseEvent("run", "go", "gone");
        await world.start({
          activities: [echo],
          orchestrations: [deploy(after), child],
          guards: "off",
          nondeterminism: "fail",
        });
        const status = await world.client.waitForOrchestration("run", { timeout: "10s" });
        expect(status).toMatchObject({
          status: "Failed",
          error: { category: "configuration", code },
        });
        // S077: the text of a random number differs from run to run.
      },
      { compare: title.startsWith("S077") ? "none" : "exact" },
    );
  }
});

scenario("S062 a timer with another delay is accepted; the recorded time counts", async (world) => {
  const code =
    (delayMs: number): Code =>
    async (ctx) =>
      [await ctx.scheduleTimer(delayMs), await go(ctx)].length;
  await runBefore(world, code(1));
  await world.client.raiseEvent("run", "go");
  await world.start({ orchestrations: [deploy(code(86_400_000)), child], guards: "off" });
  expect(await world.client.waitForOrchestration("run", { timeout: "10s" })).toMatchObject({
    output: 2,
  });
});

scenario("S074 another custom status text is accepted", async (world) => {
  const code =
    (text: string): Code =>
    async (ctx) => {
      ctx.setCustomStatus(text);
      return go(ctx);
    };
  await runBefore(world, code("before"));
  await world.client.raiseEvent("run", "go", "fine");
  await world.start({ orchestrations: [deploy(code("after")), child] });
  expect(await world.client.waitForOrchestration("run", { timeout: "10s" })).toMatchObject({
    output: "fine",
  });
});

scenario("S070 a finished history does not change when a message arrives", async (world) => {
  const done = defineOrchestration("Done", async () => 1);
  await world.start({ orchestrations: [done] });
  const handle = await world.client.startOrchestration("done", done);
  await handle.result({ timeout: "10s" });
  const before = await world.client.readExecutionHistory("done");
  await handle.raiseEvent("late");
  await handle.cancel("late");
  expect(await world.client.readExecutionHistory("done")).toEqual(before);
});

scenario(
  "S077 Math.random, the clock and timers are caught in the act, with the line and what to use",
  async (world) => {
    const cheats: readonly (readonly [string, Code, string])[] = [
      ["random", async () => Math.random(), "ctx.random()"],
      ["now", async () => Date.now(), "ctx.utcNowMs()"],
      ["date", async () => new Date().getTime(), "ctx.utcNow()"],
      ["timer", async () => setTimeout(() => undefined, 0), "ctx.scheduleTimer"],
      ["fetch", async () => fetch("http://127.0.0.1:1"), "an activity"],
      ["uuid", async () => crypto.randomUUID(), "ctx.newGuid()"],
    ];
    const definitions = cheats.map(([name, code]) =>
      defineOrchestration(name, async (ctx) => code(ctx)),
    );
    await world.start({ orchestrations: definitions });
    for (const [name, , instead] of cheats) {
      await world.client.startOrchestration(name, name);
      const blocked = await eventually(async () => {
        const status = await world.client.getOrchestrationStatus(name);
        return status.status === "Running" || status.status === "Pending"
          ? status.blocked
          : undefined;
      });
      expect(blocked.code).toBe("guard_violation");
      expect(blocked.message).toContain(instead);
      expect(blocked.source).toContain("c-nondeterminism.test.ts");
    }
  },
);
