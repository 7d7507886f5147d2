import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { Fifo } from "./fifo.ts";

describe("Fifo", () => {
  test("behaves like an array, also across compactions", () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant("push" as const), count: fc.integer({ min: 1, max: 3_000 }) }),
      fc.record({ kind: fc.constant("shift" as const), count: fc.integer({ min: 1, max: 3_000 }) }),
      fc.record({ kind: fc.constant("drain" as const), count: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
        const fifo = new Fifo<number>();
        let model: number[] = [];
        let next = 0;
        for (const { kind, count } of operations) {
          if (kind === "drain") {
            expect(fifo.drain()).toEqual(model);
            model = [];
          }
          for (let i = 0; i < count; i += 1) {
            if (kind === "push") {
              model.push(next);
              fifo.push(next);
              next += 1;
            } else {
              expect(fifo.shift()).toBe(model[i]);
            }
          }
          if (kind === "shift") model = model.slice(count);
          expect(fifo.size).toBe(model.length);
          expect(fifo.peek()).toBe(model[0]);
        }
        expect(fifo.toArray()).toEqual(model);
      }),
      { numRuns: 50 },
    );
  });
});
