/** An activity hears of its cancellation soon, wherever the turn was that no longer wants it. */

import {
  Client,
  type ActivityDefinition,
  defineActivity,
  defineEvent,
  defineOrchestration,
  Runtime,
} from "duroxide-ts";
import { describe, expect, onTestFinished, test } from "vitest";

import { Fleet, SHARED_STORES } from "../support/fleet.ts";
import { eventually, gate } from "../support/signal.ts";

const stop = defineEvent("Stop");

/** Runs until it is told to stop. */
function endless(): {
  readonly activity: ActivityDefinition;
  readonly begun: ReturnType<typeof gate>;
  readonly aborted: ReturnType<typeof gate>;
} {
  const [begun, aborted] = [gate(), gate()];
  const activity = defineActivity("Endless", async (_: undefined, ctx): Promise<string> => {
    begun.open();
    ctx.signal.addEventListener("abort", () => {
      aborted.open();
    });
    await aborted.opened;
    return (ctx.signal.reason as { details: { reason: string } }).details.reason;
  });
  return { activity, begun, aborted };
}

const task = defineOrchestration("Task", async (ctx) => {
  await ctx.select2(ctx.scheduleActivity("Endless"), ctx.scheduleWait(stop));
  await ctx.scheduleWait("End"); // The instance goes on.
});

describe.each(SHARED_STORES)("on $name", (kind) => {
  test("F28 an activity in another process hears of it without waiting for its lease", async () => {
    const fleet = await Fleet.create(kind);
    const { activity, begun, aborted } = endless();
    await fleet.start("turns", { orchestrations: [task], activityConcurrency: 0 });
    // A third of this lease is longer than any test: only the notice can be what it hears of it by.
    await fleet.start("works", { activities: [activity], lease: "10h" });
    await fleet.client.startOrchestration("task", task);
    await begun.opened;
    await fleet.client.raiseEvent("task", stop);
    await aborted.opened;
  });

  test("F28 a runtime that runs nothing asks nothing, however much others change", async () => {
    const fleet = await Fleet.create(kind);
    let askCount = 0;
    const { activity } = endless();
    await fleet.start("turns", {
      orchestrations: [defineOrchestration("Quick", async () => "done")],
      activityConcurrency: 0,
    });
    await fleet.start(
      "works",
      { activities: [activity], lease: "10h" },
      {
        others: (inner) => ({
          findLostActivities: (claims) => {
            askCount += 1;
            return inner.findLostActivities(claims);
          },
        }),
      },
    );
    for (let i = 0; i < 20; i += 1) {
      await fleet.client.startOrchestration(`i${i}`, "Quick");
      await fleet.finished([`i${i}`]);
    }
    expect(askCount).toBe(0);
  });

  test("F28 an activity in another runtime of the same process hears of it at once", async () => {
    const fleet = await Fleet.create(kind);
    const store = await fleet.open();
    const { activity, begun, aborted } = endless();
    const options = { store, lease: "10h", logger: { log: () => undefined } } as const;
    const turns = await Runtime.start({
      ...options,
      orchestrations: [task],
      activityConcurrency: 0,
    });
    const works = await Runtime.start({ ...options, activities: [activity] });
    onTestFinished(async () => {
      await Promise.all([turns.shutdown({ timeout: 0 }), works.shutdown({ timeout: 0 })]);
    });
    const client = new Client(store);
    await client.startOrchestration("task", task);
    await begun.opened;
    await eventually(async () => (await client.readExecutionHistory("task")).length > 1);
    await client.raiseEvent("task", stop);
    await aborted.opened;
  });
});
