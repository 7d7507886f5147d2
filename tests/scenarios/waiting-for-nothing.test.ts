/** F34: a wait that ends by its timeout names what is missing, and never says that something goes on. */

import { defineActivity, defineOrchestration, TimeoutError } from "duroxide-ts";
import { expect } from "vitest";

import { MODES, scenario, type World } from "../support/scenario.ts";
import { eventually } from "../support/signal.ts";

const charge = defineActivity("Charge", () => 1);
const pays = defineOrchestration("Pays", async (ctx) => ctx.scheduleActivity(charge));
const parent = defineOrchestration("Parent", async (ctx) =>
  ctx.scheduleSubOrchestration("Pays", undefined, { instanceId: "kid" }),
);
const lostChild = defineOrchestration("LostChild", async (ctx) =>
  ctx.scheduleSubOrchestration("Unknown", undefined, { instanceId: "lost kid" }),
);
const oldChild = defineOrchestration("OldChild", async (ctx) =>
  ctx.scheduleSubOrchestration("Pays", undefined, { instanceId: "old kid", version: "7.0.0" }),
);
const waits = defineOrchestration("Waits", async (ctx) => {
  await ctx.scheduleWait("approved");
  return ctx.select([
    ctx.scheduleWait("signed"),
    ctx.dequeueEvent("answers"),
    ctx.scheduleTimer("9d"),
    ctx.scheduleWait("sealed"),
  ]);
});
const orchestrations = [pays, parent, lostChild, oldChild, waits];

async function whatIsSaid(world: World, id: string): Promise<string> {
  const error: unknown = await world.client
    .waitForOrchestration(id, { timeout: 1 })
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TimeoutError);
  const { message } = error as Error;
  expect(message).not.toContain("goes on");
  return message.replace(/^Cannot wait longer for the end of .*: 1 ms have passed and it is /, "");
}

/** What is said once it is no longer something else: turns are under way. */
async function untilSaid(world: World, id: string, wanted: string): Promise<void> {
  let said = "";
  await eventually(async () => {
    said = await whatIsSaid(world, id);
    return said.startsWith(wanted);
  }).catch(() => undefined);
  expect(said).toContain(wanted);
}

const CHARGE =
  'it waits for activity "Charge", which no running runtime has registered: register it, or start a runtime that does';

scenario(
  "F34 the timeout of a wait names what is missing",
  async (world) => {
    const { client } = world;
    await client.startOrchestration("early", pays);
    expect(await whatIsSaid(world, "early")).toBe(
      "Pending; no runtime has taken it yet, and none is running on this store: start one",
    );
    const runtime = await world.start({ orchestrations });
    await untilSaid(world, "early", `Running; ${CHARGE}`);
    await eventually(async () =>
      world.log
        .messages("warn")
        .includes(
          'Cannot run activity "Charge": this runtime does not know it; register it, or start a runtime that does',
        ),
    );
    await client.startOrchestration("parent", parent);
    await untilSaid(
      world,
      "parent",
      `Running; it waits for child "kid", which is Running: ${CHARGE}`,
    );
    await client.startOrchestration("lost", lostChild);
    await untilSaid(
      world,
      "lost",
      'Running; it waits for child "lost kid", which is blocked, not_registered: Cannot run orchestration "Unknown"',
    );
    await client.startOrchestration("old", oldChild);
    await untilSaid(
      world,
      "old",
      'Running; it waits for child "old kid", which is blocked, not_registered: Cannot run orchestration "Pays" version "7.0.0"',
    );
    await client.startOrchestration("waits", waits);
    await untilSaid(world, "waits", 'Running; it waits for event "approved"; wait again');
    await client.raiseEvent("waits", "approved");
    await untilSaid(
      world,
      "waits",
      'Running; it waits for event "signed", a message of queue "answers", a timer until ',
    );
    expect(await whatIsSaid(world, "waits")).toMatch(/Z and 1 more; wait again$/);
    await runtime.shutdown();
    expect(await whatIsSaid(world, "waits")).toBe(
      "Running; no runtime is running on this store: start one",
    );
  },
  { compare: "none", modes: MODES.filter(({ name }) => name.endsWith("resident")) },
);
