/**
 * The cost of a step depends on nothing that grows: counted in statements, rows, commits and steps of
 * orchestration code, so that no machine is too slow for it and no walk is too quick to be noticed.
 */

import { Client, Runtime, silentLogger, SqliteProvider, type RuntimeOptions } from "duroxide-ts";
import { describe, expect, test } from "vitest";

import { countsSince, createCountingBinding } from "../support/counting-sqlite.ts";
import {
  childrenCount,
  fanOutWidth,
  growthCode,
  historyLength,
  stepsRun,
  storedInstances,
  waitingInstances,
  type GrowthCurve,
} from "../support/growth-curves.ts";
import { effects, historyRow, request } from "../support/sqlite-store.ts";

type Costs = Readonly<Record<string, number>>;

interface Measured {
  readonly costs: Costs;
  readonly unitCount: number;
  readonly walks: readonly string[];
}

/** What comes and goes with time and not with work, in all: renewals, looks at what is due. */
const NOISE = 60;
const GROWTH_MAX = 1.1;

async function fill(provider: SqliteProvider, count: number): Promise<void> {
  const node = await provider.registerNode({ label: "filler", leaseMs: 60_000 });
  const change = { version: "1.0.0", status: "Completed", output: '"done"' } as const;
  await provider.write(
    Array.from({ length: count }, (_, i) => ({
      kind: "startInstance" as const,
      request: request(`stored-${i}`),
      firstTurn: { node, effects: effects({ history: [historyRow(1)], change }) },
    })),
  );
  await provider.removeNode(node);
}

/** @returns What a unit of the work costs at this size, and the walks that were seen */
async function measureCosts(
  curve: GrowthCurve,
  size: number,
  options: Partial<RuntimeOptions> = {},
): Promise<Measured> {
  const counting = await createCountingBinding();
  const provider = await SqliteProvider.inMemory({ binding: counting.binding });
  const runtime = await Runtime.start({
    store: provider,
    logger: silentLogger,
    ...growthCode,
    ...options,
  });
  const client = new Client(provider);
  try {
    const work = await curve.prepare({ client, fill: (count) => fill(provider, count) }, size);
    const before = counting.counts();
    const stepsBefore = stepsRun.count;
    await work.run();
    const total = {
      ...countsSince(before, counting.counts()),
      steps: stepsRun.count - stepsBefore,
    };
    const costs = Object.fromEntries(
      Object.entries(total).map(([what, count]) => [what, count / work.unitCount]),
    );
    return { costs, unitCount: work.unitCount, walks: counting.walks() };
  } finally {
    await runtime.shutdown();
    await provider.close();
  }
}

/** Names each cost that is higher at the larger size, with both values. */
function findGrowth(small: Measured, large: Measured): string[] {
  return Object.entries(large.costs)
    .map(([what, cost]) => [what, small.costs[what] ?? 0, cost] as const)
    .filter(([, before, cost]) => cost > before * GROWTH_MAX + NOISE / large.unitCount)
    .map(([what, before, cost]) => `${what}: ${before} became ${cost}`);
}

async function findGrowthOf(
  curve: GrowthCurve,
  sizes: readonly number[],
  options: Partial<RuntimeOptions> = {},
): Promise<string[]> {
  const smallest = await measureCosts(curve, sizes[0] ?? 0, options);
  const found: string[] = [];
  for (const size of sizes.slice(1)) {
    found.push(...findGrowth(smallest, await measureCosts(curve, size, options)));
  }
  return found;
}

describe("the cost of a step", () => {
  test("is the same however long the history is", async () => {
    expect(await findGrowthOf(historyLength, [50, 100, 400, 1_600])).toEqual([]);
  });

  test("is the same however many instances are stored", async () => {
    expect(await findGrowthOf(storedInstances, [50, 100, 1_000, 10_000])).toEqual([]);
  });

  test("is the same however many instances wait", async () => {
    expect(await findGrowthOf(waitingInstances, [50, 100, 400, 1_600])).toEqual([]);
  });

  test("is the same however wide a fan-out is", async () => {
    expect(await findGrowthOf(fanOutWidth, [50, 100, 400, 1_600])).toEqual([]);
    // Those that do not fit into memory wait in the store and are claimed: a row more, and no more.
    expect(await findGrowthOf(fanOutWidth, [8_000, 16_000])).toEqual([]);
  });

  test("F54 is the same however many children a parent has", async () => {
    expect(await findGrowthOf(childrenCount, [500, 1_000, 2_000, 4_000])).toEqual([]);
  });

  test("is a small share of a commit where many branches end side by side", async () => {
    const { costs } = await measureCosts(fanOutWidth, 1_600);
    expect(costs["commits"]).toBeLessThan(0.1);
  });

  test("grows in a runtime that forgets after every turn, and this check sees it", async () => {
    const found = await findGrowthOf(historyLength, [50, 400], {
      residency: { evictAfterEveryTurn: true },
    });
    expect(found.map((it) => it.split(":")[0])).toEqual(["rowsRead", "steps"]);
  });
});

describe("the statements of a store", () => {
  test("never walk over what grows", async () => {
    const curves = [historyLength, storedInstances, waitingInstances, fanOutWidth];
    const walks = new Set<string>();
    for (const curve of curves) {
      for (const walk of (await measureCosts(curve, 50)).walks) walks.add(walk);
    }
    expect([...walks]).toMatchInlineSnapshot(`
      [
        "SCAN sqlite_master: select count(*) as count from sqlite_schema",
        "SCAN o: select n.code = '' or not exists (select 1 from nodes o where o.code <> n.code) as is_any, not exists (select 1 from nodes o where o.code = '') as takes_orphans from nodes n where n.id = ?",
        "SCAN nodes: select id, label, lease_ms, renewals, host, pid, process_start from nodes order by id",
        "SCAN activities: update activities set owner = null where owner = ?",
      ]
    `);
  });
});
