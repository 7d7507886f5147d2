/** Limits of ids and payloads, wherever they enter. */

import { defineActivity, defineOrchestration, isDuroxideError } from "duroxide-ts";
import { expect } from "vitest";

import { scenario } from "../support/scenario.ts";

function codeOf(error: unknown): string {
  return isDuroxideError(error) ? error.code : String(error);
}

scenario("F24 children of a parent whose id is as long as may be can be reached", async (world) => {
  const nested = defineOrchestration("Nested", async (ctx, depth: number): Promise<unknown> => {
    if (depth > 0) return ctx.scheduleSubOrchestration("Nested", depth - 1);
    await ctx.scheduleWait("go");
    return "the end";
  });
  await world.start({ orchestrations: [nested] });
  // Two bytes a letter, so that a cut may not fall into one.
  const rootId = `r${"ü".repeat(511)}x`;
  const root = await world.client.startOrchestration(rootId, nested, 40);
  let leafId = rootId;
  for (let depth = 40; depth > 0; depth -= 1) {
    await world.untilRecorded(leafId, "SubOrchestrationScheduled");
    const history = await world.client.readExecutionHistory(leafId);
    const scheduled = history.find((event) => event.kind === "SubOrchestrationScheduled");
    leafId = scheduled!.instanceId;
    expect(Buffer.byteLength(leafId)).toBeLessThanOrEqual(1024);
  }
  await world.untilRecorded(leafId, "ExternalSubscribed");
  expect(await world.client.raiseEvent(leafId, "go")).toEqual({ kind: "accepted" });
  expect(await root.result()).toBe("the end");
});

scenario("F25 payloadBytesMax holds for every value that enters", async (world) => {
  const large = "x".repeat(2_000);
  const refused: string[] = [];
  const attempt = async (what: string, work: () => unknown): Promise<void> => {
    try {
      await work();
      refused.push(`${what} entered`);
    } catch (error) {
      refused.push(`${what} ${codeOf(error)}`);
    }
  };
  const beat = defineActivity("Beat", async (_: undefined, ctx) => {
    await attempt("heartbeat", () => ctx.heartbeat(large));
    return refused.at(-1);
  });
  const greedy = defineOrchestration("Greedy", async (ctx) => {
    const seen: string[] = [];
    const look = (what: string, work: () => unknown): void => {
      try {
        work();
        seen.push(`${what} entered`);
      } catch (error) {
        seen.push(`${what} ${codeOf(error)}`);
      }
    };
    look("custom status", () => {
      ctx.setCustomStatus(large);
    });
    look("key-value", () => {
      ctx.kv.set("key", large);
    });
    look("activity input", () => ctx.scheduleActivity("Beat", large));
    look("child input", () => ctx.scheduleSubOrchestration("Greedy", large));
    look("detached input", () => {
      ctx.scheduleOrchestration("Greedy", "detached", large);
    });
    look("continue-as-new", () => ctx.continueAsNew(large));
    look("reason", () => {
      ctx.scheduleTimer("1h").cancel(large);
    });
    seen.push(String(await ctx.scheduleActivity(beat)));
    return seen;
  });
  await world.start({ orchestrations: [greedy], activities: [beat], payloadBytesMax: 1_000 });
  const handle = await world.client.startOrchestration("greedy", greedy);
  expect(await handle.result()).toEqual(
    [
      "custom status",
      "key-value",
      "activity input",
      "child input",
      "detached input",
      "continue-as-new",
      "reason",
      "heartbeat",
    ].map((what) => `${what} payload_too_large`),
  );
});
