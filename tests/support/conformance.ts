/** Runs the conformance kit under vitest, and the harnesses of our own stores. */

import process from "node:process";

import { describe, expect, test } from "vitest";

import type { Clock } from "../../src/foundation/clock.ts";
import {
  conformanceCases,
  type ConformanceHarness,
  ReferenceStore,
} from "../../src/conformance/index.ts";
import type { Provider } from "../../src/provider/provider.ts";

/** A clock that stands still until it is moved. */
export class HandClock implements Clock {
  #ms = 1_000_000_000;

  readonly advance = (ms: number): void => {
    this.#ms += ms;
  };

  nowMs(): number {
    return this.#ms;
  }

  monotonicMs(): number {
    return this.#ms;
  }
}

/** Rounds of the cases about contention; `DUROXIDE_ROUNDS` overrides. */
export function roundsOr(standard: number): number {
  return Number(process.env["DUROXIDE_ROUNDS"] ?? standard);
}

/** Each case of the kit as a test; the reasons of skipped ones are printed. */
export function describeConformance(name: string, harness: ConformanceHarness): void {
  describe(`the contract of stores, kept by ${name}`, () => {
    const printed = new Set<string>();
    const print = (reason: string): void => {
      if (!printed.has(reason)) console.log(`${name}: ${reason}`);
      printed.add(reason);
    };
    for (const { concern, name: sentence, run } of conformanceCases()) {
      test(`${concern} ${sentence}`, async (context) => {
        const outcome = await run(harness);
        if (outcome.kind === "passed") return;
        print(`skipped: ${outcome.reason}`);
        context.skip(outcome.reason);
      });
    }
    test("names each case once", () => {
      const titles = conformanceCases().map(
        ({ concern, name: sentence }) => `${concern} ${sentence}`,
      );
      expect(new Set(titles).size).toBe(titles.length);
    });
  });
}

/** A harness of the reference store, or of something made of it. */
export function referenceHarness(
  wrap: (store: ReferenceStore) => Provider = (store) => store,
  some: Pick<ConformanceHarness, "contentionRounds" | "patienceMs"> = {},
): ConformanceHarness {
  return {
    ...some,
    open: async () => {
      const clock = new HandClock();
      let isLost = false;
      const isAnswerLost = (): boolean => {
        const wasLost = isLost;
        isLost = false;
        return wasLost;
      };
      const store = new ReferenceStore({ clock, isAnswerLost });
      return {
        provider: wrap(store),
        connect: async () => wrap(store.connect()),
        advanceClock: clock.advance,
        loseNextAnswer: () => {
          isLost = true;
        },
      };
    },
  };
}
