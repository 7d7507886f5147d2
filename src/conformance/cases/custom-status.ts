/** The custom status of an instance and its version. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { continued, DONE, historyRow } from "../effects.ts";
import { expectEqual, expectMatch } from "../expectation.ts";

export const customStatus: readonly ConformanceCase[] = concern("custom status", {
  "is absent at first, with version 0": async (store) => {
    await store.begin("a");
    const expected = { customStatus: undefined, customStatusVersion: 0 };
    expectMatch(await store.row("a"), expected, "the row");
  },

  "is set, kept, and reset, each change with a new version": async (store) => {
    const claim = await store.begin("a");
    await store.land(claim, { change: { customStatus: { value: "1" } } });
    await store.land(claim, { history: [historyRow(1)], change: { version: "1.0.0" } });
    await store.land(claim, { history: [historyRow(2)] });
    const kept = { customStatus: "1", customStatusVersion: 1 };
    expectMatch(await store.row("a"), kept, "the row after turns without a change");
    await store.land(claim, { change: { customStatus: { value: undefined } } });
    const reset = { customStatus: undefined, customStatusVersion: 2 };
    expectMatch(await store.row("a"), reset, "the row after a reset");
    await store.land(claim, { change: { customStatus: { value: "1" } } });
    await store.land(claim, { change: { customStatus: { value: "1" } } });
    const again = { customStatus: "1", customStatusVersion: 4 };
    expectMatch(await store.row("a"), again, "the row after the same value twice");
  },

  "may come with the first turn and with the last": async (store) => {
    const claim = await store.begin("a", { change: { customStatus: { value: "first" } } });
    const first = { customStatus: "first", customStatusVersion: 1 };
    expectMatch(await store.row("a"), first, "the row after the first turn");
    await store.land(claim, { change: { ...DONE, customStatus: { value: "last" } } });
    const last = { ...DONE, customStatus: "last", customStatusVersion: 2 };
    expectMatch(await store.row("a"), last, "the row after the last turn");
  },

  "stays when the instance continues as new, and when it ends": async (store) => {
    const claim = await store.begin("a", { change: { customStatus: { value: "1" } } });
    await store.land(claim, { continued: continued() });
    const expected = { customStatus: "1", customStatusVersion: 1 };
    expectMatch(await store.row("a"), expected, "the row of the next execution");
    await store.land(claim, { executionId: 2, change: DONE });
    expectMatch(await store.row("a"), expected, "the row after the end");
  },

  "of one instance is none of another's": async (store) => {
    await store.begin("a", { change: { customStatus: { value: "1" } } });
    await store.begin("b");
    expectEqual((await store.row("b")).customStatus, undefined, "the custom status of the other");
  },
});
