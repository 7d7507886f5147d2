import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { createSeededRandom, systemRandom } from "./random.ts";

describe("createSeededRandom()", () => {
  test("gives for ever what it gives today: histories depend on it", () => {
    const random = createSeededRandom("seed");
    expect([random.nextUint32(), random.nextUint32(), random.nextDouble(), random.nextUuid()])
      .toMatchInlineSnapshot(`
      [
        3707422717,
        3356508900,
        0.31811219090024845,
        "212f51f0-ec20-4b08-88c5-b552d46d34a2",
      ]
    `);
  });

  test("gives equal sequences for equal seeds, and others for others", () => {
    const draw = (seed: string) => {
      const random = createSeededRandom(seed);
      return Array.from({ length: 8 }, () => random.nextUint32()).join();
    };
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(draw(a)).toBe(draw(a));
        if (a !== b) expect(draw(a)).not.toBe(draw(b));
      }),
    );
  });

  test("gives UUIDs of version 4 that do not repeat", () => {
    const random = createSeededRandom("x");
    const uuids = Array.from({ length: 1_000 }, () => random.nextUuid());
    expect(new Set(uuids).size).toBe(uuids.length);
    for (const uuid of uuids)
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("spreads doubles evenly over [0, 1)", () => {
    const random = createSeededRandom("spread");
    const buckets = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i += 1) {
      // A value outside of [0, 1) would make another bucket.
      buckets[Math.floor(random.nextDouble() * 10)]! += 1;
    }
    expect(Object.keys(buckets)).toHaveLength(10);
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(600);
  });
});

describe("systemRandom", () => {
  test("gives a fresh UUID each time", () => {
    expect(systemRandom.uuid()).not.toBe(systemRandom.uuid());
  });
});
