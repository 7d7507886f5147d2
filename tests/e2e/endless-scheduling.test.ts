/** Code that schedules for ever is cut, parked, and goes on with code that does not. */

import { defineActivity, defineOrchestration } from "duroxide-ts";
import { describe, expect, test } from "vitest";

import { Fleet, SHARED_STORES } from "../support/fleet.ts";
import { eventually } from "../support/signal.ts";

describe.each(SHARED_STORES)("on $name", (kind) => {
  test("F44 F58 endless scheduling is parked as turn_stalled, others go on, other code heals it", async () => {
    const fleet = await Fleet.create(kind);
    const step = defineActivity("Step", async () => "done");
    const endless = defineOrchestration("Loop", (ctx) => {
      for (;;) void ctx.scheduleActivity(step);
    });
    const healthy = defineOrchestration("Healthy", async (ctx) => ctx.scheduleActivity(step));
    // Whatever the policy for divergences is: this is none.
    const worker = await fleet.start("one", {
      orchestrations: [endless, healthy],
      activities: [step],
      nondeterminism: "fail",
    });
    await fleet.client.startOrchestration("loop", "Loop");
    await eventually(async () => {
      const status = await fleet.client.getOrchestrationStatus("loop");
      return "blocked" in status && status.blocked?.code === "turn_stalled";
    });
    const status = await fleet.client.getOrchestrationStatus("loop");
    expect(status).toMatchObject({
      blocked: { source: expect.stringContaining(import.meta.filename) },
    });
    expect(worker.log.messages("error").join()).toContain("without waiting for one");
    await fleet.client.startOrchestration("healthy", healthy);
    expect(await fleet.finished(["healthy"])).toMatchObject([{ output: "done" }]);
    await worker.runtime.shutdown();
    const mended = defineOrchestration("Loop", async (ctx) => ctx.scheduleActivity(step));
    await fleet.start("two", { orchestrations: [mended, healthy], activities: [step] });
    expect(await fleet.finished(["loop"])).toMatchObject([{ output: "done" }]);
  });
});
