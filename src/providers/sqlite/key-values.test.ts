import { describe, expect, test } from "vitest";

import type { KeyValueChanges } from "../../provider/provider.ts";
import { BACKINGS, DONE, StoreUnderTest } from "../../../tests/support/sqlite-store.ts";

const continued = {
  executionId: 1,
  name: "order",
  version: "1.0.0",
  output: undefined,
  startedMs: 1,
  body: "go on",
};

/** Sets and, with `undefined`, clears. */
function changes(
  values: Readonly<Record<string, string | undefined>>,
  isCleared = false,
): { readonly keyValues: KeyValueChanges } {
  const list = Object.entries(values).map(([key, value]) => ({
    key,
    updatedMs: 7,
    ...(value !== undefined && { value }),
  }));
  return { keyValues: { isCleared, changes: list } };
}

async function merged(store: StoreUnderTest): Promise<Record<string, unknown>> {
  const map = (await store.provider.readKeyValues("a")) ?? new Map<string, { value: string }>();
  return Object.fromEntries([...map].map(([key, { value }]) => [key, value]));
}

/** What a replay of the current execution would begin with. */
async function snapshot(store: StoreUnderTest): Promise<Record<string, unknown>> {
  await store.send("a", "look");
  const [held] = await store.claim();
  const values = Object.fromEntries([...held!.keyValues].map(([key, { value }]) => [key, value]));
  await store.release(held!.claim);
  return values;
}

describe.each(BACKINGS)("key-values of a %s store (semantics 20, 31 KV)", (backing) => {
  test("are set, overwritten and cleared", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", changes({ x: "1", y: "2", "": "", "ö💥": "odd" }));
    await store.commit(claim, changes({ x: "3", y: undefined, unknown: undefined }));
    expect(await merged(store)).toEqual({ x: "3", "": "", "ö💥": "odd" });
    expect(await store.provider.readKeyValues("a")).toHaveProperty("size", 3);
    expect(await store.provider.readKeyValues("nobody")).toBeUndefined();
  });

  test("of the current execution are not in the snapshot", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", changes({ x: "1" }));
    await store.release(claim);
    expect(await snapshot(store)).toEqual({});
    expect(await merged(store)).toEqual({ x: "1" });
  });

  test("merge into the snapshot when the instance continues as new", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", changes({ keep: "1", change: "1", clear: "1" }));
    await store.commit(claim, { continued });
    await store.commit(claim, { executionId: 2, ...changes({ change: "2", clear: undefined }) });
    await store.release(claim);
    expect(await snapshot(store)).toEqual({ keep: "1", change: "1", clear: "1" });
    expect(await merged(store)).toEqual({ keep: "1", change: "2" });
    const [held] = await store.claim();
    const next = { ...continued, executionId: 2 };
    await store.commit(held!.claim, {
      executionId: 2,
      continued: next,
      ...changes({ added: "9" }),
    });
    await store.release(held!.claim);
    expect(await snapshot(store)).toEqual({ keep: "1", change: "2", added: "9" });
  });

  test("are all hidden by clear all, and a set after it survives", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a", changes({ old: "1", again: "1" }));
    await store.commit(claim, { continued });
    await store.commit(claim, { executionId: 2, ...changes({ young: "2" }) });
    await store.commit(claim, { executionId: 2, ...changes({ again: "3", new: "3" }, true) });
    expect(await merged(store)).toEqual({ again: "3", new: "3" });
    await store.release(claim);
    expect(await snapshot(store)).toEqual({ old: "1", again: "1" });
    const [held] = await store.claim();
    const next = { ...continued, executionId: 2 };
    await store.commit(held!.claim, { executionId: 2, continued: next });
    await store.release(held!.claim);
    expect(await snapshot(store)).toEqual({ again: "3", new: "3" });
  });

  test("are still there when the instance has ended, and belong to it alone", async () => {
    const store = await StoreUnderTest.open(backing);
    const value = "x".repeat(65_536);
    const claim = await store.begin("a", changes({ big: value }));
    await store.begin("b", changes({ big: "other" }));
    await store.commit(claim, { change: DONE });
    expect(await merged(store)).toEqual({ big: value });
  });
});
