/** What falls silent and comes back has not crashed: only crashes make poison. */

import { defineActivity, defineOrchestration } from "duroxide-ts";
import { describe, expect, test } from "vitest";

import { Fleet, SHARED_STORES } from "../support/fleet.ts";
import { eventually, gate } from "../support/signal.ts";

/** More often than work may crash. */
const ROUNDS = 5;
const MAX_CRASHES = 2;

describe.each(SHARED_STORES)("on $name", (kind) => {
  test("F53 an activity whose node is taken for dead again and again, and lives, is no poison", async () => {
    const fleet = await Fleet.create(kind);
    const attempts: number[] = [];
    const release = gate();
    const patient = defineActivity("Patient", async (_: undefined, ctx) => {
      attempts.push(ctx.attempt);
      await release.opened;
      return ctx.idempotencyKey;
    });
    const task = defineOrchestration("Task", async (ctx) => ctx.scheduleActivity(patient));
    const options = {
      orchestrations: [task],
      activities: [patient],
      poisonAfterCrashes: MAX_CRASHES,
    };
    await fleet.start("one", options);
    await fleet.client.startOrchestration("task", task);
    for (let round = 0; round < ROUNDS; round += 1) {
      await eventually(() => attempts.length === round + 1);
      await fleet.takeForCrashed("one");
    }
    await eventually(() => attempts.length === ROUNDS + 1);
    release.open();
    const [status] = await fleet.finished(["task"]);
    expect(status).toMatchObject({ status: "Completed" });
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6]);
    await fleet.expectOrder();
  });

  test("F53 an instance whose node is taken for dead in each of its turns, and lives, is no poison", async () => {
    const fleet = await Fleet.create(kind);
    let commitCount = 0;
    const task = defineOrchestration("Task", async () => "done");
    await fleet.start(
      "one",
      { orchestrations: [task], poisonAfterCrashes: MAX_CRASHES },
      {
        // Its turn is over, and its node is off the list before it lands.
        onWrite: async (operations, next) => {
          if (operations.some(({ kind: it }) => it === "commitTurn") && commitCount < ROUNDS) {
            commitCount += 1;
            await fleet.takeForCrashed("one");
          }
          return next();
        },
      },
    );
    await fleet.client.startOrchestration("task", task);
    const [status] = await fleet.finished(["task"]);
    expect(status).toMatchObject({ status: "Completed", output: "done" });
    expect(commitCount).toBe(ROUNDS);
    await fleet.expectOrder();
  });

  test("F53 the result of an activity counts although its node was taken for dead, and another runs it", async () => {
    const fleet = await Fleet.create(kind);
    const attempts: number[] = [];
    const [first, second] = [gate(), gate()];
    const slow = defineActivity("Slow", async (_: undefined, ctx) => {
      attempts.push(ctx.attempt);
      await (ctx.attempt === 1 ? first : second).opened;
      return ctx.attempt;
    });
    const task = defineOrchestration("Task", async (ctx) => ctx.scheduleActivity(slow));
    const options = { orchestrations: [task], activities: [slow] };
    const one = await fleet.start("one", options);
    await fleet.client.startOrchestration("task", task);
    await eventually(() => attempts.length === 1);
    await fleet.takeForCrashed("one");
    await eventually(() => attempts.length === 2);
    await eventually(() =>
      one.log.messages("warn").some((line) => line.startsWith("Lost the lease")),
    );
    first.open();
    const [status] = await fleet.finished(["task"]);
    expect(status).toMatchObject({ status: "Completed", output: 1 });
    second.open();
    await fleet.expectOrder();
  });
});
