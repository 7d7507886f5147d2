import { expect, test } from "vitest";

import { silentLogger } from "../observability/logger.ts";
import { defineOrchestration } from "../orchestration/define.ts";
import type { Provider } from "../provider/provider.ts";
import { createExecution } from "./intake.ts";
import { fromTimer } from "./inbox.ts";
import { toSettings } from "./options.ts";
import { Resident, ResidentCache } from "./resident.ts";

const store = { write: () => undefined } as unknown as Provider;
const settings = toSettings({ store, logger: silentLogger }, "test");
const definition = defineOrchestration("Order", async () => undefined);

function resident(key: number, bytes = 0): Resident {
  const execution = createExecution(settings, definition, `i${key}`);
  const created = new Resident(`i${key}`, { key, node: 1, epoch: 1 }, execution);
  created.bytes = bytes;
  return created;
}

const keys = (residents: Iterable<Resident>): unknown[] => [...residents].map(({ key }) => key);

test("bounded by count: the least recently used go first", () => {
  const cache = new ResidentCache({ instancesMax: 2, bytesMax: 1_000 });
  const all = [1, 2, 3, 4].map((key) => resident(key));
  for (const one of all) cache.set(one);
  cache.touch(all[0]!);
  expect(keys(cache.overflow())).toEqual([2, 3]);
});

test("bounded by bytes, also when residents grow and shrink where they are", () => {
  const cache = new ResidentCache({ instancesMax: 100, bytesMax: 1_000 });
  const [small, big] = [resident(1, 100), resident(2, 100)];
  cache.set(small);
  cache.set(big);
  expect(keys(cache.overflow())).toEqual([]);
  big.bytes += 900;
  cache.touch(big);
  expect(keys(cache.overflow())).toEqual([1]);
  cache.delete(small.key);
  expect(keys(cache.overflow())).toEqual([]);
  cache.set(resident(3, 1));
  expect(keys(cache.overflow())).toEqual([2]);
  big.bytes = 0; // It has continued as new.
  cache.touch(big);
  expect(keys(cache.overflow())).toEqual([]);
});

test("growth that the cache has not heard of yet does not spoil its sum", () => {
  const cache = new ResidentCache({ instancesMax: 100, bytesMax: 1_000 });
  for (let key = 1; key <= 50; key += 1) {
    const grown = resident(key, 10);
    cache.set(grown);
    grown.bytes += 1_000_000;
    cache.delete(key);
  }
  cache.set(resident(100, 1_001));
  expect(keys(cache.overflow())).toEqual([100]);
});

test("one that is at work stays, however many there are (I2)", () => {
  const cache = new ResidentCache({ instancesMax: 1, bytesMax: 1_000 });
  const [busy, expecting, idle] = [resident(1), resident(2), resident(3)];
  busy.isBusy = true;
  expecting.inbox.push(fromTimer({ executionId: 1, eventId: 2, fireAtMs: 5 }));
  for (const one of [busy, expecting, idle]) cache.set(one);
  expect(keys(cache.overflow())).toEqual([3]);
});

test("a resident that replaces another of the same key counts alone", () => {
  const cache = new ResidentCache({ instancesMax: 1, bytesMax: 1_000 });
  cache.set(resident(1, 900));
  cache.set(resident(1, 900));
  expect(cache.size).toBe(1);
  expect(cache.overflow()).toEqual([]);
});

test("remembers who is at rest when claims are lost, until it goes, returns or is replaced", () => {
  const cache = new ResidentCache({ instancesMax: 100, bytesMax: 1_000 });
  const all = [1, 2, 3, 4, 5].map((key) => resident(key));
  for (const one of all) cache.set(one);
  all[1]!.isBusy = true;
  expect([...cache.remembered]).toEqual([]);
  cache.loseAll();
  expect(all.map(({ isHeld }) => isHeld)).toEqual([false, false, false, false, false]);
  expect([...cache.remembered]).toEqual([
    [1, 1],
    [3, 1],
    [4, 1],
    [5, 1],
  ]);
  all[1]!.isBusy = false; // Its last turn has landed, and only now is that known.
  cache.remember(all[1]!);
  expect(cache.remembered.get(2)).toBe(1);
  cache.delete(2);
  cache.remember(all[1]!);
  cache.delete(3);
  cache.set(resident(4));
  cache.regain(all[0]!, { key: 1, node: 2, epoch: 2 });
  expect(all[0]).toMatchObject({ isHeld: true, claim: { epoch: 2 } });
  expect([...cache.remembered]).toEqual([[5, 1]]);
  cache.loseAll();
  expect([...cache.remembered]).toEqual([
    [5, 1],
    [1, 2],
    [4, 1],
  ]);
});
