/**
 * Key-values in two layers: what the current execution found, which a replay begins with, and what
 * it has changed since. Clients read both merged.
 */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { continued, DONE, keyValues, valuesOf } from "../effects.ts";
import { expectEqual, expectThat } from "../expectation.ts";
import type { StoreUnderTest } from "../store-under-test.ts";
import type { InstanceClaim } from "../../provider/provider.ts";

/** What clients see. */
async function merged(store: StoreUnderTest): Promise<Record<string, unknown>> {
  return valuesOf(await store.provider.readKeyValues("a"));
}

/** What a replay of the current execution begins with; takes the instance over. */
async function snapshot(
  store: StoreUnderTest,
  claim: InstanceClaim,
): Promise<readonly [Record<string, unknown>, InstanceClaim]> {
  await store.send("a", "look");
  await store.release(claim);
  const claimed = await store.claimOne();
  return [valuesOf(claimed.keyValues), claimed.claim];
}

export const keyValueLayers: readonly ConformanceCase[] = concern("key-values", {
  "are set, overwritten and cleared": async (store) => {
    const claim = await store.begin("a", keyValues({ x: "1", y: "2", z: "3" }));
    expectEqual(await merged(store), { x: "1", y: "2", z: "3" }, "the values");
    await store.land(claim, keyValues({ x: "4", y: undefined, unknown: undefined }));
    expectEqual(await merged(store), { x: "4", z: "3" }, "the values");
    const map = await store.provider.readKeyValues("a");
    expectEqual(map?.size, 2, "the number of keys");
    expectEqual(map?.get("x"), { value: "4", updatedMs: 7 }, "a value with its time");
    await store.land(claim, keyValues({ y: "5" }));
    expectEqual(await merged(store), { x: "4", y: "5", z: "3" }, "the values");
  },

  "apply the changes of one turn in their order": async (store) => {
    const change = (key: string, value?: string) => ({
      ...{ key, updatedMs: 7 },
      ...(value !== undefined && { value }),
    });
    const changes = [change("a", "1"), change("b", "1"), change("a"), change("b", "2")];
    await store.begin("a", { keyValues: { isCleared: false, changes } });
    expectEqual(await merged(store), { b: "2" }, "the values");
  },

  "take odd keys and large values as they are": async (store) => {
    const values = { "": "", " ": " ", "ö💥": "ä", A: "1", a: "2", big: "x".repeat(65_536) };
    await store.begin("a", keyValues(values));
    expectEqual(await merged(store), values, "the values");
  },

  "are none for an instance that has set none": async (store) => {
    await store.begin("a");
    expectEqual(await store.provider.readKeyValues("a"), new Map(), "the values");
  },

  "of the current execution are not what a replay begins with": async (store) => {
    const claim = await store.begin("a", keyValues({ x: "1" }));
    const [found] = await snapshot(store, claim);
    expectEqual(found, {}, "the snapshot");
    expectEqual(await merged(store), { x: "1" }, "the values");
  },

  "become the snapshot when the instance continues as new": async (store) => {
    const first = await store.begin("a", keyValues({ keep: "1", change: "1", clear: "1" }));
    await store.land(first, { continued: continued() });
    const turn = { executionId: 2, ...keyValues({ change: "2", clear: undefined }) };
    await store.land(first, turn);
    const [before, second] = await snapshot(store, first);
    expectEqual(before, { keep: "1", change: "1", clear: "1" }, "the snapshot of execution 2");
    expectEqual(await merged(store), { keep: "1", change: "2" }, "the values");
    const last = { executionId: 2, continued: continued(2), ...keyValues({ added: "9" }) };
    await store.land(second, last);
    const [after] = await snapshot(store, second);
    expectEqual(after, { keep: "1", change: "2", added: "9" }, "the snapshot of execution 3");
    expectEqual(await merged(store), after, "the values of execution 3");
  },

  "are all hidden by clear all, and what is set after it survives": async (store) => {
    const first = await store.begin("a", keyValues({ old: "1", again: "1" }));
    await store.land(first, { continued: continued() });
    await store.land(first, { executionId: 2, ...keyValues({ young: "2" }) });
    await store.land(first, { executionId: 2, ...keyValues({ again: "3", new: "3" }, true) });
    expectEqual(await merged(store), { again: "3", new: "3" }, "the values");
    const [before, second] = await snapshot(store, first);
    expectEqual(before, { old: "1", again: "1" }, "the snapshot");
    await store.land(second, { executionId: 2, continued: continued(2) });
    const [after] = await snapshot(store, second);
    expectEqual(after, { again: "3", new: "3" }, "the next snapshot");
  },

  "are none after clear all alone": async (store) => {
    const claim = await store.begin("a", keyValues({ x: "1" }));
    await store.land(claim, { continued: continued() });
    await store.land(claim, { executionId: 2, ...keyValues({}, true) });
    expectEqual(await merged(store), {}, "the values");
    expectEqual((await store.provider.readKeyValues("a"))?.size, 0, "the number of keys");
  },

  "are still there when the instance has ended": async (store) => {
    const claim = await store.begin("a", keyValues({ x: "1", y: "1" }));
    await store.land(claim, { continued: continued() });
    const last = { executionId: 2, change: DONE, ...keyValues({ y: undefined, z: "2" }) };
    await store.land(claim, last);
    expectEqual(await merged(store), { x: "1", z: "2" }, "the values");
  },

  "belong to one instance": async (store) => {
    const link = { instanceId: "a", executionId: 1, eventId: 1 };
    await store.begin("a", keyValues({ x: "1", y: "1" }));
    await store.begin("b", keyValues({ x: "2" }, true), { parent: link });
    expectEqual(await merged(store), { x: "1", y: "1" }, "the values");
    const others = valuesOf(await store.provider.readKeyValues("b"));
    expectEqual(others, { x: "2" }, "the values of the other");
  },

  "of a refused turn are not kept (P2)": async (store) => {
    const claim = await store.begin("a", keyValues({ x: "1" }));
    const outcome = await store.commit({ ...claim, epoch: 9 }, keyValues({ x: "2", y: "2" }, true));
    expectThat(outcome.kind === "claimLost", "the turn to be refused");
    expectEqual(await merged(store), { x: "1" }, "the values");
  },
});
