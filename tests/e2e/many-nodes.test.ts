/** Many nodes on one store: who gets which work, who may write, and what happens when one dies. */

import {
  Client,
  defineActivity,
  defineOrchestration,
  type ActivityDefinition,
  type OrchestrationDefinition,
  type Provider,
} from "duroxide-ts";
import { describe, expect, test } from "vitest";

import type { WriteOperation, WriteOutcome } from "../../src/provider/provider.ts";
import { Fleet, numbered, SHARED_STORES, type NodeHooks } from "../support/fleet.ts";
import { turnsOf } from "../support/hooked-store.ts";
import { eventually, gate } from "../support/signal.ts";

/** Who ran what, in order. */
type Runs = [node: string, what: string][];

function activityOf(node: string, name: string, runs: Runs): ActivityDefinition {
  return defineActivity(name, (value: number, ctx) => {
    expect(ctx.attempt).toBe(1); // Work that went to the wrong node counts nothing.
    runs.push([node, name]);
    return value;
  });
}

/** Runs one activity by its name. */
function orchestrationOf(
  node: string,
  code: { readonly name: string; readonly version: string; readonly activity: string },
  runs: Runs,
): OrchestrationDefinition {
  return defineOrchestration({
    name: code.name,
    version: code.version,
    run: async (ctx, value: number) => {
      if (!ctx.isReplaying) runs.push([node, `${code.name}@${code.version}`]);
      return ctx.scheduleActivity<number>(code.activity, value);
    },
  });
}

/** Notes what the store hands to a node. */
function noteClaims(crashes: number[]): NodeHooks {
  return {
    others: (inner) => ({
      claimInstances: async (request) => {
        const claimed = await inner.claimInstances(request);
        crashes.push(...claimed.map((one) => one.crashes));
        return claimed;
      },
    }),
  };
}

const echo = defineOrchestration("Echo", async (_ctx, value: number) => value);

describe.each(SHARED_STORES)("on $name", (kind) => {
  describe("code", () => {
    test("each node gets the names, versions and activities that it has, and nothing else", async () => {
      const fleet = await Fleet.create(kind);
      const runs: Runs = [];
      const crashes: number[] = [];
      // What "one" schedules runs on "two", and the other way round.
      const codeOf = (node: string, version: string, other: string) => ({
        orchestrations: [
          orchestrationOf(node, { name: "Mixed", version, activity: `of ${other}` }, runs),
          orchestrationOf(node, { name: node, version: "1.0.0", activity: `of ${node}` }, runs),
        ],
        activities: [activityOf(node, `of ${node}`, runs)],
      });
      const one = await fleet.start("one", codeOf("one", "1.0.0", "two"), noteClaims(crashes));
      const two = await fleet.start("two", codeOf("two", "2.0.0", "one"), noteClaims(crashes));
      const ids = numbered("i", 60);
      await Promise.all(
        ids.map((id, i) => {
          const which = i % 4;
          if (which < 2) return fleet.client.startOrchestration(id, which === 0 ? "one" : "two", i);
          const version = which === 2 ? "1.0.0" : "2.0.0";
          return fleet.client.startOrchestration(id, "Mixed", i, { version });
        }),
      );
      const statuses = await fleet.finished(ids);
      expect(statuses).toEqual(ids.map((_, i) => expect.objectContaining({ output: i })));
      const counts: Record<string, number> = {};
      for (const [node, what] of runs)
        counts[`${node}: ${what}`] = (counts[`${node}: ${what}`] ?? 0) + 1;
      expect(counts).toEqual({
        "one: one@1.0.0": 15,
        "one: Mixed@1.0.0": 15,
        "one: of one": 30,
        "two: two@1.0.0": 15,
        "two: Mixed@2.0.0": 15,
        "two: of two": 30,
      });
      expect(new Set(crashes)).toEqual(new Set([0]));
      for (const { log } of [one, two]) {
        expect(log.messages("warn")).toEqual([]);
        expect(log.messages("error")).toEqual([]);
      }
      await fleet.expectOrder();
    });

    test("what nobody has code for is parked for all to see, and goes on with the node that has it", async () => {
      const fleet = await Fleet.create(kind);
      const runs: Runs = [];
      await fleet.start("one", { orchestrations: [echo] });
      const ids = numbered("i", 20);
      for (const id of ids) await fleet.client.startOrchestration(id, "Late", 7);
      await eventually(async () => {
        const statuses = await Promise.all(
          ids.map((id) => fleet.client.getOrchestrationStatus(id)),
        );
        return statuses.every((it) => it.status === "Pending" && it.blocked !== undefined);
      });
      expect(await fleet.client.getOrchestrationStatus("i0")).toMatchObject({
        blocked: { code: "not_registered", message: expect.stringContaining('"Late"') as string },
      });
      const crashes: number[] = [];
      const code = { name: "Late", version: "1.0.0", activity: "Step" };
      await fleet.start(
        "two",
        {
          orchestrations: [orchestrationOf("two", code, runs)],
          activities: [activityOf("two", "Step", runs)],
        },
        noteClaims(crashes),
      );
      const statuses = await fleet.finished(ids);
      expect(statuses).toEqual(ids.map(() => expect.objectContaining({ output: 7 })));
      expect(new Set(crashes)).toEqual(new Set([0]));
      await fleet.expectOrder();
    });

    test("an activity that came back from a node without its code is free for the node that has it", async () => {
      const fleet = await Fleet.create(kind);
      const runs: Runs = [];
      const half = { name: "Half", version: "1.0.0", activity: "Other" };
      const one = await fleet.start("one", {
        orchestrations: [orchestrationOf("one", half, runs)],
      });
      const ids = numbered("i", 20);
      for (const id of ids) await fleet.client.startOrchestration(id, "Half", 7);
      await eventually(
        () =>
          one.log.messages("warn").filter((line) => line.includes('run activity "Other"')).length >=
          ids.length,
      );
      await fleet.start("two", { activities: [activityOf("two", "Other", runs)] });
      await fleet.finished(ids);
      expect(runs.filter(([, what]) => what === "Other")).toHaveLength(ids.length);
      await fleet.expectOrder();
    });

    test("an owner that has gone idle keeps its work: others do not park it", async () => {
      const fleet = await Fleet.create(kind);
      const runs: Runs = [];
      const code = { name: "Owned", version: "1.0.0", activity: "Step" };
      await fleet.start("owner", {
        lease: "200ms",
        orchestrations: [orchestrationOf("owner", code, runs)],
        activities: [activityOf("owner", "Step", runs)],
      });
      const other = await fleet.start("other", { orchestrations: [echo] });
      for (const id of numbered("i", 4)) {
        await fleet.untilIdle();
        await fleet.client.startOrchestration(`${id} of other`, echo, 1); // It is awake first.
        await fleet.client.startOrchestration(id, "Owned", 7);
        const { status } = await fleet.client.waitForOrchestration(id, { timeout: "60s" });
        expect(status).toBe("Completed");
      }
      expect(other.log.messages("error")).toEqual([]);
      expect(other.log.messages("warn")).toEqual([]);
    });
  });

  describe("G4 a node that others took for dead", () => {
    interface StaleCase {
      readonly operation: WriteOperation["kind"];
      /** Every turn from the store. @default false */
      readonly isCold?: boolean;
      readonly hasActivity?: boolean;
    }
    const CASES: readonly StaleCase[] = [
      { operation: "startInstance" },
      { operation: "commitTurn" },
      { operation: "completeActivity", isCold: true },
      { operation: "heartbeatActivity" },
      { operation: "releaseActivity", hasActivity: false },
      { operation: "releaseInstance", isCold: true },
    ];

    test.each(CASES)(
      "has no effect with $operation, learns why, and its work goes on elsewhere",
      async ({ operation, isCold = false, hasActivity = true }) => {
        const fleet = await Fleet.create(kind);
        const reached = gate();
        const release = gate();
        const answers: (WriteOutcome | undefined)[] = [];
        let isHeld = false;
        const work = defineActivity("Work", async (value: number, ctx) => {
          await ctx.heartbeat(value);
          return value + 1;
        });
        const task = defineOrchestration("Task", async (ctx, value: number) =>
          ctx.scheduleActivity(work, value),
        );
        const options = { orchestrations: [task], activities: [work], cancellationGrace: 0 };
        const stale = await fleet.start(
          "stale",
          {
            ...options,
            ...(!hasActivity && { activities: [] }),
            residency: { evictAfterEveryTurn: isCold },
          },
          {
            async onWrite(operations, next) {
              const at = operations.findIndex((it) => it.kind === operation);
              if (at < 0 || isHeld) return next();
              isHeld = true;
              reached.open();
              await release.opened;
              const outcomes = await next();
              answers.push(outcomes[at]);
              return outcomes;
            },
            // It would come back at once, and take its own work again.
            others: (inner) => ({
              claimInstances: async (request) => (isHeld ? [] : inner.claimInstances(request)),
              claimActivities: async (request) => (isHeld ? [] : inner.claimActivities(request)),
            }),
          },
        );
        const isStart = operation === "startInstance";
        const starter = isStart ? new Client(stale.store.provider) : fleet.client;
        const started = starter.startOrchestration("task", task, 1);
        await reached.opened;
        await fleet.start("healthy", options);
        await fleet.declareDead("stale");
        if (!isStart) await fleet.finished(["task"]); // While the stale one still wants to write.
        release.open();
        await started;
        await eventually(() => answers[0]);
        expect(answers[0]).toMatchObject({
          kind: "claimLost",
          reason: expect.any(String) as string,
        });
        await eventually(() =>
          stale.log.messages("warn").some((line) => line.startsWith("Lost the lease")),
        );
        const [status] = await fleet.finished(["task"]);
        expect(status).toMatchObject({ status: "Completed", output: 2 });
        const history = await fleet.client.readExecutionHistory("task");
        const kinds = history.map((event) => event.kind);
        expect(kinds).toEqual([
          "OrchestrationStarted",
          "ActivityScheduled",
          "ActivityCompleted",
          "OrchestrationCompleted",
        ]);
        await fleet.expectOrder();
      },
    );

    test("many instances: each goes on elsewhere and completes once", async () => {
      const fleet = await Fleet.create(kind);
      const release = gate();
      const ended: number[] = [];
      // By attempt and not by runtime: the stale one comes back as a new node, and may take some again.
      const slow = defineActivity("Slow", async (_: undefined, ctx) => {
        if (ctx.attempt === 1) await release.opened;
        ended.push(ctx.attempt);
        return ctx.attempt;
      });
      const task = defineOrchestration("Task", async (ctx) =>
        ctx.scheduleActivity(slow, undefined),
      );
      const options = { orchestrations: [task], activities: [slow] };
      const stale = await fleet.start("stale", options);
      const ids = numbered("i", 50);
      for (const id of ids) await fleet.client.startOrchestration(id, task);
      await eventually(async () => {
        const { instances } = await fleet.client.listInstances({ status: "Running" });
        return instances.length === ids.length;
      });
      await fleet.start("healthy", options);
      await fleet.declareDead("stale");
      const statuses = await fleet.finished(ids);
      release.open();
      await eventually(() => ended.length >= 2 * ids.length);
      expect(new Set(statuses.map((it) => "output" in it && it.output))).toEqual(new Set([2]));
      await eventually(() =>
        stale.log.messages("warn").some((line) => line.startsWith("Lost the lease")),
      );
      await fleet.expectOrder();
    });
  });

  test("a cancel that comes late does not meet the instance that has the child's id by now", async () => {
    const fleet = await Fleet.create(kind);
    const child = defineOrchestration("Child", async (ctx) => ctx.scheduleWait("Finish"));
    const parent = defineOrchestration("Parent", async (ctx) => {
      const called = ctx.scheduleSubOrchestration(child, undefined, { instanceId: "c" });
      await ctx.select([called, ctx.scheduleWait("Go")]);
    });
    const stranger = defineOrchestration("Stranger", async (ctx) => ctx.scheduleWait("Finish"));
    const reached = gate();
    const release = gate();
    await fleet.start(
      "parents",
      { orchestrations: [parent] },
      {
        async onWrite(operations, next) {
          if (turnsOf(operations).some((turn) => turn.effects.messages.length > 0)) {
            reached.open();
            await release.opened;
          }
          return next();
        },
      },
    );
    await fleet.start("children", { orchestrations: [child, stranger] });
    const { client } = fleet;
    const untilRunning = (id: string): Promise<unknown> =>
      eventually(async () => (await client.getOrchestrationStatus(id)).status === "Running");
    await client.startOrchestration("p", parent);
    await untilRunning("c");
    await client.raiseEvent("p", "Go", 1);
    await reached.opened; // The cancel is on its way.
    await client.raiseEvent("c", "Finish", 1);
    await fleet.finished(["c"]);
    await client.startOrchestration("c", stranger, undefined, { idReuse: "replaceFinished" });
    await untilRunning("c");
    release.open();
    await fleet.finished(["p"]);
    await client.raiseEvent("c", "Finish", 2);
    const [status] = await fleet.finished(["c"]);
    expect(status).toMatchObject({ status: "Completed", name: "Stranger", output: 2 });
    await fleet.expectOrder();
  });

  describe("free work", () => {
    test("300 instances and activities at once: none of three nodes starves", async () => {
      const fleet = await Fleet.create(kind);
      const NODES = ["one", "two", "three"];
      const turns = new Map<string, number>();
      const runs = new Map<string, number>();
      const note = (counts: Map<string, number>, node: string): void => {
        counts.set(node, (counts.get(node) ?? 0) + 1);
      };
      const ids = numbered("i", 300);
      for (const id of ids) await fleet.client.startOrchestration(id, "Fair");
      const allHaveRun = gate();
      const work = defineActivity("Work", async (_: undefined, ctx) => {
        note(runs, ctx.workerId);
        if (runs.size === NODES.length) allHaveRun.open();
        await allHaveRun.opened; // One that starves would stop everything.
      });
      // The first claims come at the same moment, whoever started first.
      const allHaveAsked = gate();
      const asked = new Set<string>();
      const together = (node: string): NodeHooks => ({
        others: (inner: Provider) => ({
          claimInstances: async (request) => {
            asked.add(node);
            if (asked.size === NODES.length) allHaveAsked.open();
            await allHaveAsked.opened;
            return inner.claimInstances(request);
          },
        }),
      });
      await Promise.all(
        NODES.map((node) => {
          const fair = defineOrchestration("Fair", async (ctx) => {
            if (!ctx.isReplaying) note(turns, node);
            await ctx.scheduleActivity(work, undefined);
          });
          const options = {
            orchestrations: [fair],
            activities: [work],
            orchestrationConcurrency: 20,
            activityConcurrency: 10,
          };
          return fleet.start(node, options, together(node));
        }),
      );
      await fleet.finished(ids);
      for (const counts of [turns, runs]) {
        expect([...counts.keys()].sort()).toEqual([...NODES].sort());
        for (const count of counts.values()) expect(count).toBeGreaterThanOrEqual(10);
      }
      await fleet.expectOrder();
    });
  });
});
