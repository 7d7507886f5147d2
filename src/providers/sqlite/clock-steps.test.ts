import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import {
  activity,
  historyRow,
  StoreUnderTest,
  temporaryFolder,
  timer,
} from "../../../tests/support/sqlite-store.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SqliteProvider } from "./index.ts";

const HOUR_MS = 3_600_000;

/** A wall clock that can be set, beside time that only passes. */
class SettableClock implements Clock {
  wallMs = 1_700_000_000_000;
  elapsedMs = 0;

  pass(ms: number): void {
    this.wallMs += ms;
    this.elapsedMs += ms;
  }

  set(ms: number): void {
    this.wallMs += ms;
  }

  nowMs(): number {
    return this.wallMs;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }
}

async function open(file?: string) {
  const clock = new SettableClock();
  const store = await StoreUnderTest.open(file === undefined ? "memory" : "file", { clock }, file);
  const dueInMs = async (): Promise<number | undefined> => {
    const dueMs = await store.provider.nextDueMs(0);
    return dueMs === undefined ? undefined : dueMs - clock.wallMs;
  };
  return { clock, store, dueInMs };
}

describe("a wall clock that is set back", () => {
  test("F59 does not hold up relative timers", async () => {
    const { clock, store, dueInMs } = await open();
    const relative = { ...timer(2, clock.wallMs + 5_000), isRelative: true };
    await store.release(
      await store.begin("i", { history: [historyRow(1)], newTimers: [relative] }),
    );
    clock.pass(1_000);
    clock.set(-2 * HOUR_MS);
    let changes = 0;
    onTestFinished(store.provider.watch(() => (changes += 1)));
    clock.pass(1_000);
    await store.provider.renewNode(store.node);
    expect(await dueInMs()).toBe(3_000);
    expect(changes).toBe(1);
    clock.pass(2_999);
    expect(await store.claim()).toEqual([]);
    clock.pass(1);
    expect(await store.claim()).toMatchObject([{ dueTimers: [{ eventId: 2 }] }]);
  });

  test("F59 leaves timers for a time of day where they are", async () => {
    const { clock, store, dueInMs } = await open();
    const absolute = timer(2, clock.wallMs + 5_000);
    await store.begin("i", { history: [historyRow(1)], newTimers: [absolute] });
    await store.start("later", { notBeforeMs: clock.wallMs + 9_000 });
    clock.set(-HOUR_MS);
    await store.provider.renewNode(store.node);
    expect(await dueInMs()).toBe(HOUR_MS + 5_000);
    clock.pass(HOUR_MS + 8_999);
    expect(await store.claim()).toEqual([]);
    clock.pass(1);
    expect(await store.claim()).toMatchObject([{ instanceId: "later" }]);
  });

  test("F59 does not hold up what is parked, nor activities between two attempts", async () => {
    const { clock, store } = await open();
    const parked = await store.begin("parked", { history: [historyRow(1)] });
    await store.send("parked", "hello");
    const visibleAtMs = clock.wallMs + 5_000;
    const busy = await store.begin("busy", {
      history: [historyRow(1)],
      newActivities: [activity(2)],
    });
    const [claimed] = await store.claimActivities();
    const release = { kind: "releaseActivity", visibleAtMs, isAttemptCounted: true } as const;
    await store.provider.write([
      { kind: "releaseInstance", claim: parked, visibleAtMs },
      { ...release, claim: claimed!.claim },
    ]);
    expect(busy.epoch).toBe(1);
    clock.set(-2 * HOUR_MS);
    clock.pass(4_999);
    await store.provider.renewNode(store.node);
    expect([await store.claim(), await store.claimActivities()]).toEqual([[], []]);
    clock.pass(1);
    expect(await store.claim()).toMatchObject([{ instanceId: "parked" }]);
    expect(await store.claimActivities()).toMatchObject([{ name: "charge" }]);
  });

  test("F59 moves nothing twice, when several processes see it", async () => {
    const file = join(temporaryFolder(), "store.db");
    const { clock, store, dueInMs } = await open(file);
    const other = await SqliteProvider.open(file, { clock });
    onTestFinished(() => other.close());
    const node = await other.registerNode({ label: "other", leaseMs: 10_000 });
    const relative = { ...timer(2, clock.wallMs + HOUR_MS), isRelative: true };
    await store.begin("i", { history: [historyRow(1)], newTimers: [relative] });
    clock.set(-HOUR_MS / 2);
    await store.provider.renewNode(store.node);
    clock.pass(60_000);
    await other.renewNode(node);
    await store.provider.renewNode(store.node);
    expect(await dueInMs()).toBe(HOUR_MS - 60_000);
    clock.set(-HOUR_MS / 2); // Another one.
    await other.renewNode(node);
    await store.provider.renewNode(store.node);
    expect(await dueInMs()).toBe(HOUR_MS - 60_000);
  });

  test("F59 takes small corrections and jumps forward for time", async () => {
    const { clock, store, dueInMs } = await open();
    const relative = { ...timer(2, clock.wallMs + HOUR_MS), isRelative: true };
    await store.begin("i", { history: [historyRow(1)], newTimers: [relative] });
    clock.set(-1_500);
    await store.provider.renewNode(store.node);
    clock.set(60_000);
    await store.provider.renewNode(store.node);
    expect(await dueInMs()).toBe(HOUR_MS - 58_500);
  });
});

describe("the option `clock`", () => {
  test("F11 may return fractions", async () => {
    let ms = 1_700_000_000_000.75;
    const clock: Clock = {
      nowMs: () => {
        ms += 0.01;
        return ms;
      },
      monotonicMs: () => ms,
    };
    const store = await StoreUnderTest.open("memory", { clock });
    expect(store.provider.nowMs() % 1).toBe(0);
    const dueMs = store.provider.nowMs() + 5;
    const claim = await store.begin("i", { newTimers: [timer(2, dueMs)] });
    await store.release(claim, { visibleAtMs: store.provider.nowMs() });
    expect(await store.provider.nextDueMs(0)).toBe(dueMs);
  });

  test.each<[unknown, RegExp]>([
    [{}, /no method `nowMs\(\)`/],
    [{ nowMs: () => 1 }, /no method `monotonicMs\(\)`/],
    [{ nowMs: () => Number.NaN, monotonicMs: () => 1 }, /`nowMs\(\)` returned NaN/],
    [{ nowMs: () => 1n, monotonicMs: () => 1 }, /`nowMs\(\)` returned a value of type bigint/],
    [{ nowMs: () => new Date(), monotonicMs: () => 1 }, /returned a value of type object/],
  ])("F11 is refused when it is no clock: %o", async (clock, message) => {
    const open = async () => (await SqliteProvider.inMemory({ clock: clock as Clock })).nowMs();
    await expect(open()).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message) as string,
    });
  });
});
