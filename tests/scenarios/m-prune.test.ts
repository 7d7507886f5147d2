/** Pruning of key-values across turns and executions. */

import { defineOrchestration } from "duroxide-ts";
import { expect } from "vitest";

import { scenario } from "../support/scenario.ts";

scenario(
  "F15 prune at now takes all that earlier executions wrote, in each of fifty quick executions",
  async (world) => {
    const rounds = defineOrchestration("Rounds", async (ctx, counts: number[]) => {
      const [round, other] = [counts.length, ctx.kv.size];
      if (round === 50) return counts;
      const pruned = ctx.kv.pruneUpdatedBefore(ctx.utcNow());
      ctx.kv.set(`a${round}`, round);
      ctx.kv.set(`b${round}`, round);
      return ctx.continueAsNew([...counts, pruned * 10 + other]);
    });
    await world.start({ orchestrations: [rounds] });
    const handle = await world.client.startOrchestration("i", rounds, []);
    expect(await handle.result({ timeout: "30s" })).toEqual([0, ...new Array(49).fill(22)]);
  },
);
