/** A workload with a bit of everything, whose results are known beforehand. */

import { appendFileSync } from "node:fs";

import { defineActivity, defineOrchestration, type Client, type RuntimeOptions } from "duroxide-ts";

export interface Workload {
  readonly activities: NonNullable<RuntimeOptions["activities"]>;
  readonly orchestrations: NonNullable<RuntimeOptions["orchestrations"]>;
}

/** @param ledgerFile - One line per run of an activity: its idempotency key */
export function createWorkload(ledgerFile: string): Workload {
  const add = defineActivity("Add", async ([a, b]: readonly [number, number], ctx) => {
    appendFileSync(ledgerFile, `${ctx.idempotencyKey}\n`);
    return a + b;
  });
  const refuse = defineActivity("Refuse", async (text: string) => {
    throw new RangeError(text);
  });

  /** 0 + 1 + ... + n by activities in sequence. */
  const chain = defineOrchestration("Chain", async (ctx, n: number) => {
    let sum = 0;
    for (let i = 1; i <= n; i += 1) sum = await ctx.scheduleActivity(add, [sum, i]);
    return sum;
  });
  /** The same by activities side by side, and a refusal that is caught. */
  const fan = defineOrchestration("Fan", async (ctx, n: number) => {
    const parts = await ctx.all(
      Array.from({ length: n }, (_, i) => ctx.scheduleActivity(add, [0, i + 1])),
    );
    const refused = await ctx.scheduleActivity(refuse, "no").settled();
    return refused.status === "rejected" ? parts.reduce((a, b) => a + b, 0) : -1;
  });
  /** The same by children. */
  const parent = defineOrchestration("Parent", async (ctx, n: number) => {
    const [a, b] = await ctx.all([
      ctx.scheduleSubOrchestration(chain, n),
      ctx.scheduleSubOrchestration(fan, n),
    ]);
    return a === b ? a : -1;
  });
  /** The same by timers and continue-as-new. */
  const loop = defineOrchestration(
    "Loop",
    async (ctx, state: { readonly left: number; readonly sum: number }): Promise<number> => {
      if (state.left === 0) return state.sum;
      await ctx.scheduleTimer(2);
      const sum = await ctx.scheduleActivity(add, [state.sum, state.left]);
      return ctx.continueAsNew({ left: state.left - 1, sum });
    },
  );
  /** The same by queue messages, with a race that a long timer loses. */
  const reader = defineOrchestration("Reader", async (ctx, n: number) => {
    let sum = 0;
    for (let i = 0; i < n; i += 1) {
      const raced = await ctx.select({
        message: ctx.dequeueEvent<number>("numbers"),
        never: ctx.scheduleTimer("1h"),
      });
      sum += raced.key === "message" ? raced.value : 0;
    }
    return sum;
  });
  return { activities: [add, refuse], orchestrations: [chain, fan, parent, loop, reader] };
}

const KINDS = ["Chain", "Fan", "Parent", "Loop", "Reader"] as const;

/** Ids of one round. */
export function idsOf(round: number): string[] {
  return KINDS.map((kind) => `${kind}-${round}`);
}

/** How many numbers each instance adds up. */
const N = 4;
export const EXPECTED_RESULT = (N * (N + 1)) / 2;

/** Starts one instance of each kind; may be repeated after a crash. */
export async function startRound(client: Client, round: number): Promise<void> {
  for (const kind of KINDS) {
    const input = kind === "Loop" ? { left: N, sum: 0 } : N;
    const handle = await client.startOrchestration(`${kind}-${round}`, kind, input, {
      idReuse: "ignore",
    });
    if (kind !== "Reader" || !handle.isNew) continue;
    for (let i = 1; i <= N; i += 1) await handle.enqueueEvent("numbers", i);
  }
}
