/** The orchestrations that several workloads and their worker processes run. */

import { type Client, defineActivity, defineEvent, defineOrchestration } from "duroxide-ts";

import { assertEqual, callInLoop, PATIENCE } from "./world.ts";

export const echo = defineActivity("Echo", (value: number) => value);

export const oneActivity = defineOrchestration("OneActivity", async (ctx, value: number) => {
  return await ctx.scheduleActivity(echo, value);
});

export const increment = defineActivity("Increment", (value: number) => value + 1);

export const chain = defineOrchestration("Chain", async (ctx, length: number) => {
  let value = 0;
  while (value < length) value = await ctx.scheduleActivity(increment, value);
  return value;
});

export const go = defineEvent<number>("Go");

/** Takes its steps and then waits, so that its history can be as long as one likes. */
export const chainThenWait = defineOrchestration("ChainThenWait", async (ctx, length: number) => {
  let value = 0;
  while (value < length) value = await ctx.scheduleActivity(increment, value);
  return value + (await ctx.scheduleWait(go));
});

/** A step, and then one whose activity a test may keep from ending. */
export const twoSteps = defineOrchestration("TwoSteps", async (ctx, value: number) => {
  const next = await ctx.scheduleActivity(increment, value);
  return await ctx.scheduleActivity(echo, next);
});

/** Says that it is there, and waits. */
export const waiting = defineOrchestration("Waiting", async (ctx, isTelling: boolean) => {
  if (isTelling) ctx.setCustomStatus("waiting");
  return await ctx.scheduleWait(go);
});

/** One-activity orchestrations in closed loop, checked. */
export function runOneActivities(
  client: Client,
  {
    prefix,
    total,
    callers,
  }: { readonly prefix: string; readonly total: number; readonly callers: number },
): Promise<void> {
  return callInLoop(total, callers, async (value) => {
    const handle = await client.startOrchestration(`${prefix}-${value}`, oneActivity, value);
    assertEqual(await handle.result(PATIENCE), value, "OneActivity");
  });
}
