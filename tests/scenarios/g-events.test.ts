/** Scenarios of section G: ephemeral external events. */

import { defineActivity, defineEvent, defineOrchestration, ValidationError } from "duroxide-ts";
import { expect } from "vitest";
import { z } from "zod";

import { scenario } from "../support/scenario.ts";
import { eventually } from "../support/signal.ts";

const note = defineActivity("Note", async (text: string) => text);

scenario(
  "S132 an event raised before the wait is lost; the arrival stays in history",
  async (world) => {
    const late = defineOrchestration("Late", async (ctx) => {
      await ctx.scheduleWait("go");
      const won = await ctx.select({
        early: ctx.scheduleWait("early"),
        timeout: ctx.scheduleTimer(5),
      });
      return won.key;
    });
    await world.start({ orchestrations: [late] });
    const handle = await world.client.startOrchestration("late", late);
    await world.untilRecorded("late", "ExternalSubscribed");
    expect(await world.client.raiseEvent("late", "early", 1)).toEqual({ kind: "accepted" });
    await world.untilRecorded("late", "ExternalEvent");
    await world.client.raiseEvent("late", "go");
    expect(await handle.result({ timeout: "10s" })).toBe("timeout");
    const history = await world.client.readExecutionHistory("late");
    expect(
      history.filter((event) => event.kind === "ExternalEvent").map((event) => event.name),
    ).toEqual(["early", "go"]);
  },
);

scenario(
  "S133 a dropped early event, raised again after the subscription, is delivered",
  async (world) => {
    const twice = defineOrchestration("Twice", async (ctx) => {
      await ctx.scheduleWait("go");
      return ctx.scheduleWait<string>("data");
    });
    await world.start({ orchestrations: [twice] });
    const handle = await world.client.startOrchestration("twice", twice);
    await world.untilRecorded("twice", "ExternalSubscribed");
    await world.client.raiseEvent("twice", "data", "first");
    await world.untilRecorded("twice", "ExternalEvent");
    await world.client.raiseEvent("twice", "go");
    await world.untilRecorded("twice", "ExternalSubscribed", 2);
    await world.client.raiseEvent("twice", "data", "second");
    expect(await handle.result({ timeout: "10s" })).toBe("second");
  },
);

scenario("S134 S036 two waits of one name in sequence take two identical raises", async (world) => {
  const pair = defineOrchestration("Pair", async (ctx) => {
    const first = await ctx.scheduleWait<string>("tick");
    const second = await ctx.scheduleWait<string>("tick");
    return [first, second];
  });
  await world.start({ orchestrations: [pair] });
  const handle = await world.client.startOrchestration("pair", pair);
  await world.untilRecorded("pair", "ExternalSubscribed");
  await world.client.raiseEvent("pair", "tick", "same");
  await world.untilRecorded("pair", "ExternalSubscribed", 2);
  await world.client.raiseEvent("pair", "tick", "same");
  expect(await handle.result({ timeout: "10s" })).toEqual(["same", "same"]);
});

scenario(
  "S136 a wait that lost to a timer leaves its event to the second wait of the name",
  async (world) => {
    const retry = defineOrchestration("Retry", async (ctx) => {
      const first = await ctx.select({
        event: ctx.scheduleWait("ev"),
        timeout: ctx.scheduleTimer(5),
      });
      const second = await ctx.scheduleWait<string>("ev");
      return [first.key, second];
    });
    await world.start({ orchestrations: [retry] });
    const handle = await world.client.startOrchestration("retry", retry);
    await world.untilRecorded("retry", "ExternalSubscribedCancelled");
    await world.client.raiseEvent("retry", "ev", "late");
    expect(await handle.result({ timeout: "10s" })).toEqual(["timeout", "late"]);
  },
);

// In one batch what arrived comes before what became due: an answer beats its own timeout. The other
// order, which the numbers are about, is pinned down in tests/replay.
scenario(
  "S137 U5 R6 an event and the timer it races in one batch: the event wins, and the second wait is free",
  async (world) => {
    const retry = defineOrchestration("Retry", async (ctx) => {
      const first = await ctx.select({
        event: ctx.scheduleWait("ev"),
        timeout: ctx.scheduleTimer(900) /* Longer than the shutdown below takes. */,
      });
      const second = await ctx.scheduleWait<string>("ev");
      return [first.key, second];
    });
    const runtime = await world.start({ orchestrations: [retry] });
    await world.client.startOrchestration("batch", retry);
    await world.untilRecorded("batch", "TimerCreated");
    await runtime.shutdown();
    await world.client.raiseEvent("batch", "ev", "with the timer");
    const created = (await world.client.readExecutionHistory("batch")).find(
      (event) => event.kind === "TimerCreated",
    );
    await eventually(() => world.store.nowMs() > (created?.fireAtMs ?? 0));
    await world.start({ orchestrations: [retry] });
    await world.untilRecorded("batch", "ExternalSubscribed", 2);
    await world.client.raiseEvent("batch", "ev", "again");
    const status = await world.client.waitForOrchestration("batch", { timeout: "10s" });
    expect(status).toMatchObject({ status: "Completed", output: ["event", "again"] });
  },
);

scenario("S138 an event for a finished instance changes nothing", async (world) => {
  const done = defineOrchestration("Done", async () => "over");
  await world.start({ orchestrations: [done] });
  const handle = await world.client.startOrchestration("done", done);
  await handle.result({ timeout: "10s" });
  const before = await world.client.readExecutionHistory("done");
  expect(await world.client.raiseEvent("done", "late")).toEqual({
    kind: "dropped",
    reason: "finishedInstance",
  });
  expect(await world.client.readExecutionHistory("done")).toEqual(before);
});

scenario("S140 waits named per document: only the matching document proceeds", async (world) => {
  const approve = defineOrchestration("ApproveDocument", async (ctx, documentId: string) => {
    const who = await ctx.scheduleWait<string>(`Approval_${documentId}`);
    return `${documentId} by ${who}`;
  });
  await world.start({ orchestrations: [approve] });
  const a = await world.client.startOrchestration("doc-a", approve, "a");
  await world.client.startOrchestration("doc-b", approve, "b");
  await world.untilRecorded("doc-a", "ExternalSubscribed");
  await world.untilRecorded("doc-b", "ExternalSubscribed");
  await world.client.raiseEvent("doc-b", "Approval_a", "nobody");
  await world.client.raiseEvent("doc-a", "Approval_a", "Ann");
  expect(await a.result({ timeout: "10s" })).toBe("a by Ann");
  await world.untilRecorded("doc-b", "ExternalEvent");
  expect((await world.client.getOrchestrationStatus("doc-b")).status).toBe("Running");
});

scenario("S141 S100 the manager times out, the director decides without a limit", async (world) => {
  const approval = defineOrchestration("Document", async (ctx, documentId: string) => {
    const manager = await ctx.select({
      timeout: ctx.scheduleTimer(5),
      approval: ctx.scheduleWait<string>(`Manager_${documentId}`),
    });
    if (manager.key === "approval") return manager.value;
    await ctx.scheduleActivity(note, "escalated");
    return ctx.scheduleWait<string>(`Director_${documentId}`);
  });
  await world.start({ activities: [note], orchestrations: [approval] });
  const handle = await world.client.startOrchestration("doc", approval, "7");
  await world.untilRecorded("doc", "ExternalSubscribed", 2);
  await world.client.raiseEvent("doc", "Director_7", "director says yes");
  expect(await handle.result({ timeout: "10s" })).toBe("director says yes");
});

scenario(
  "S142 a typed event: a valid payload is decoded, an invalid one is a catchable error",
  async (world) => {
    const decision = defineEvent("decision", z.object({ isApproved: z.boolean() }));
    const typed = defineOrchestration("Typed", async (ctx) => {
      const first = await ctx.scheduleWait(decision);
      const second = await ctx.scheduleWait(decision).settled();
      const code = second.status === "rejected" ? (second.reason as ValidationError).code : "none";
      return { isApproved: first.isApproved, code };
    });
    await world.start({ orchestrations: [typed] });
    const handle = await world.client.startOrchestration("typed", typed);
    await world.untilRecorded("typed", "ExternalSubscribed");
    await expect(
      world.client.raiseEvent("typed", decision, { isApproved: "yes" } as never),
    ).rejects.toThrow(ValidationError);
    await world.client.raiseEvent("typed", decision, { isApproved: true });
    await world.untilRecorded("typed", "ExternalSubscribed", 2);
    // By name nobody checks at the door; the wait does.
    await world.client.raiseEvent("typed", "decision", { isApproved: 3 });
    expect(await handle.result({ timeout: "10s" })).toEqual({
      isApproved: true,
      code: "validation_failed",
    });
  },
);

scenario("S144 an empty payload is delivered as empty", async (world) => {
  const empty = defineOrchestration("Empty", async (ctx) => {
    const nothing = await ctx.scheduleWait("nothing");
    const text = await ctx.scheduleWait("text");
    return { isUndefined: nothing === undefined, text };
  });
  await world.start({ orchestrations: [empty] });
  const handle = await world.client.startOrchestration("empty", empty);
  await world.untilRecorded("empty", "ExternalSubscribed");
  await world.client.raiseEvent("empty", "nothing");
  await world.untilRecorded("empty", "ExternalSubscribed", 2);
  await world.client.raiseEvent("empty", "text", "");
  expect(await handle.result({ timeout: "10s" })).toEqual({ isUndefined: true, text: "" });
});

scenario("S145 events of different names are independent", async (world) => {
  const both = defineOrchestration("Both", async (ctx) =>
    ctx.all([ctx.scheduleWait<number>("a"), ctx.scheduleWait<number>("b")]),
  );
  await world.start({ orchestrations: [both] });
  const handle = await world.client.startOrchestration("both", both);
  await world.untilRecorded("both", "ExternalSubscribed", 2);
  await world.client.raiseEvent("both", "b", 2);
  await world.untilRecorded("both", "ExternalEvent");
  await world.client.raiseEvent("both", "a", 1);
  expect(await handle.result({ timeout: "10s" })).toEqual([1, 2]);
});

scenario(
  "S146 an actor that waits for a command and continues as new handles slow commands",
  async (world) => {
    const actor = defineOrchestration(
      "Actor",
      async (ctx, handled: string[]): Promise<string[]> => {
        const command = await ctx.scheduleWait<string>("command");
        const all = [...handled, command];
        return command === "stop" ? all : ctx.continueAsNew(all);
      },
    );
    await world.start({ orchestrations: [actor] });
    const handle = await world.client.startOrchestration("actor", actor, []);
    let execution = 0;
    for (const command of ["one", "two", "stop"]) {
      execution += 1;
      await eventually(async () => {
        const status = await world.client.getOrchestrationStatus("actor");
        if (status.status !== "Running" || status.executionId !== execution) return undefined;
        const history = await world.client.readExecutionHistory("actor").catch(() => []);
        return history.some((event) => event.kind === "ExternalSubscribed") ? true : undefined;
      });
      await world.client.raiseEvent("actor", "command", command);
    }
    expect(await handle.result({ timeout: "10s" })).toEqual(["one", "two", "stop"]);
  },
);
