/**
 * What may grow without making a step dearer: five curves, each with a store of a given size and a
 * piece of work whose cost must not depend on it. Tests count; `bench/growth.ts` measures time as well.
 */

import { defineActivity, defineEvent, defineOrchestration, type Client } from "duroxide-ts";

export interface GrowthWorld {
  readonly client: Client;
  /** Stores so many instances that have ended. */
  fill(count: number): Promise<void>;
}

/** Work that has been prepared, and in how many units its cost is to be divided. */
export interface GrowthWork {
  readonly unitCount: number;
  run(): Promise<void>;
}

export interface GrowthCurve {
  /** What grows. */
  readonly name: string;
  readonly unit: string;
  prepare(world: GrowthWorld, size: number): Promise<GrowthWork>;
}

/** How often orchestration code of these curves went on: replayed steps count again. */
export const stepsRun = { count: 0 };

const UNITS = 50;
const PATIENCE = { timeout: "300s" } as const;

const echo = defineActivity("Echo", (value: number) => value);
const go = defineEvent<number>("Go");

const oneActivity = defineOrchestration("OneActivity", async (ctx, value: number) => {
  const result = await ctx.scheduleActivity(echo, value);
  stepsRun.count += 1;
  return result;
});

const longThenMore = defineOrchestration("LongThenMore", async (ctx, length: number) => {
  for (let i = 0; i < length; i += 1) {
    await ctx.scheduleActivity(echo, i);
    stepsRun.count += 1;
  }
  ctx.setCustomStatus("waiting");
  await ctx.scheduleWait(go);
  for (let i = 0; i < UNITS; i += 1) {
    await ctx.scheduleActivity(echo, i);
    stepsRun.count += 1;
  }
  return length;
});

const waiting = defineOrchestration("Waiting", async (ctx) => {
  const value = await ctx.scheduleWait(go);
  stepsRun.count += 1;
  return value;
});

const fanOut = defineOrchestration("FanOut", async (ctx, width: number) => {
  const values = await ctx.all(
    Array.from({ length: width }, (_, i) => ctx.scheduleActivity(echo, i)),
  );
  stepsRun.count += values.length;
  return values.length;
});

const child = defineOrchestration("Child", (_ctx, value: number) => Promise.resolve(value));

const parent = defineOrchestration("Parent", async (ctx, width: number) => {
  const values = await ctx.all(
    Array.from({ length: width }, (_, i) => ctx.scheduleSubOrchestration(child, i)),
  );
  stepsRun.count += values.length;
  return values.length;
});

/** What a runtime needs for the curves. */
export const growthCode = {
  activities: [echo],
  orchestrations: [oneActivity, longThenMore, waiting, fanOut, child, parent],
};

async function runOneActivities(client: Client, prefix: string, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const handle = await client.startOrchestration(`${prefix}-${i}`, oneActivity, i);
    await handle.result(PATIENCE);
  }
}

export const historyLength: GrowthCurve = {
  name: "history length",
  unit: "activity",
  async prepare({ client }, size) {
    const handle = await client.startOrchestration("long", longThenMore, size);
    await client.waitForStatusChange("long", 0, PATIENCE);
    return {
      unitCount: UNITS,
      async run() {
        await client.raiseEvent("long", go, 0);
        await handle.result(PATIENCE);
      },
    };
  },
};

export const storedInstances: GrowthCurve = {
  name: "stored instances",
  unit: "orchestration",
  async prepare({ client, fill }, size) {
    await fill(size);
    await runOneActivities(client, "warm-up", UNITS);
    return { unitCount: UNITS, run: () => runOneActivities(client, "one", UNITS) };
  },
};

export const waitingInstances: GrowthCurve = {
  name: "waiting instances",
  unit: "event",
  async prepare({ client }, size) {
    let next = 0;
    const startSome = async (): Promise<void> => {
      while (next < size) {
        const index = next;
        next += 1;
        await client.startOrchestration(`waiting-${index}`, waiting);
      }
    };
    await Promise.all(Array.from({ length: 500 }, startSome));
    return {
      unitCount: UNITS,
      async run() {
        // The newest are in memory, however many there are.
        for (let i = size - UNITS; i < size; i += 1) {
          await client.raiseEvent(`waiting-${i}`, go, i);
          await client.getHandle(`waiting-${i}`, waiting).result(PATIENCE);
        }
      },
    };
  },
};

export const fanOutWidth: GrowthCurve = {
  name: "width of a fan-out",
  unit: "branch",
  prepare({ client }, size) {
    return Promise.resolve({
      unitCount: size,
      async run() {
        const handle = await client.startOrchestration("wide", fanOut, size);
        await handle.result(PATIENCE);
      },
    });
  },
};

export const childrenCount: GrowthCurve = {
  name: "children of one parent",
  unit: "child",
  prepare({ client }, size) {
    return Promise.resolve({
      unitCount: size,
      async run() {
        const handle = await client.startOrchestration("parent", parent, size);
        await handle.result(PATIENCE);
      },
    });
  },
};
