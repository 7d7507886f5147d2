/**
 * Growth. Question: does a step cost the same however long its history is, however many instances are
 * stored, however many wait, however wide a fan-out is? One curve each, in time and in statements.
 *
 * `tests/e2e/growth.test.ts` holds the counts; here are the times that go with them.
 */

import {
  fanOutWidth,
  growthCode,
  historyLength,
  storedInstances,
  waitingInstances,
  type GrowthCurve,
} from "../tests/support/growth-curves.ts";
import type { Bench, Sample, Workload } from "./workload.ts";
import { count, openWorld, timeMs } from "./world.ts";

/** The largest size beside the cheapest of the others; times vary more than counts. */
const GROWTH_MAX = 1.5;
/** Repetitions of a work that ends too soon to be timed. */
const UNITS_MIN = 50;

interface Sizes {
  readonly curve: GrowthCurve;
  readonly full: readonly number[];
  readonly quick: readonly number[];
}

const CURVES: readonly Sizes[] = [
  { curve: historyLength, full: [100, 1_000, 10_000, 50_000], quick: [50, 200, 800, 3_200] },
  {
    curve: storedInstances,
    full: [1_000, 10_000, 100_000, 1_000_000],
    quick: [100, 1_000, 10_000, 50_000],
  },
  {
    curve: waitingInstances,
    full: [1_000, 5_000, 20_000, 80_000],
    quick: [100, 400, 1_600, 5_000],
  },
  { curve: fanOutWidth, full: [100, 1_000, 5_000, 20_000], quick: [100, 400, 1_600, 5_000] },
];

interface Point {
  readonly size: number;
  readonly unitMs: number;
  readonly statements: number | undefined;
}

async function measurePoint(bench: Bench, curve: GrowthCurve, size: number): Promise<Point> {
  const world = await openWorld(bench, growthCode, { isCounted: true });
  const { client, store } = world;
  const fill = (n: number) => bench.kind.fillInstances(store.address, n);
  const work = await curve.prepare({ client, fill }, Math.max(size, UNITS_MIN));
  const before = store.statementCount();
  const ms = await timeMs(() => work.run());
  const after = store.statementCount();
  await world.close();
  return {
    size,
    unitMs: ms / work.unitCount,
    statements:
      before === undefined || after === undefined ? undefined : (after - before) / work.unitCount,
  };
}

function toSamples({ curve }: Sizes, points: readonly Point[]): Sample[] {
  const lower = { better: "lower" } as const;
  const times = points.map((point) => point.unitMs);
  return [
    ...points.flatMap(({ size, unitMs, statements }): Sample[] => {
      const name = `growth by ${curve.name}, ${count(size)}`;
      const counted =
        statements === undefined
          ? []
          : [
              {
                figure: `${name}: statements`,
                unit: `per ${curve.unit}`,
                value: statements,
                ...lower,
              },
            ];
      return [
        { figure: `${name}: time`, unit: `ms/${curve.unit}`, value: unitMs, ...lower },
        ...counted,
      ];
    }),
    {
      figure: `growth by ${curve.name}: largest beside the cheapest of the others`,
      unit: "x",
      value: (times.at(-1) ?? Number.NaN) / Math.min(...times.slice(0, -1)),
      ...lower,
      target: GROWTH_MAX,
    },
  ];
}

export const growth: Workload = {
  id: "growth",
  question: "Does a step cost the same whatever else there is?",
  async run(bench) {
    const samples: Sample[] = [];
    for (const sizes of CURVES) {
      const points: Point[] = [];
      const all = bench.isQuick ? sizes.quick : sizes.full;
      await measurePoint(bench, sizes.curve, all[0] ?? 0); // So that no size is the coldest.
      for (const size of all) {
        points.push(await measurePoint(bench, sizes.curve, size));
      }
      samples.push(...toSamples(sizes, points));
    }
    return samples;
  },
};
