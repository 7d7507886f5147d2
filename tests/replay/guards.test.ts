/** Guards on what differs from run to run: named at the line that uses it, gone outside of windows. */

import { execFileSync, execSync, spawnSync } from "node:child_process";
import nodeCrypto, { randomBytes, randomInt, randomUUID } from "node:crypto";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import { guardNodeCrypto } from "../../src/runtime/crypto-guards.ts";
import {
  activityCompleted as done,
  createExecution,
  play,
  raised,
  runOneTurn,
  Story,
} from "../support/story.ts";

type Ctx = OrchestrationContext;

const start = { kind: "start", name: "test", input: undefined, seed: "s" } as const;

async function run(code: (ctx: Ctx) => unknown, guards: "error" | "warn" | "off" = "error") {
  return runOneTurn(createExecution(code, { guards, isExplaining: true }), {
    history: [],
    messages: [start],
    nowMs: 1,
  });
}

const globals = () => ({
  Date,
  random: Math.random,
  setTimeout,
  setInterval,
  setImmediate,
  fetch,
});
/** As they were before the first turn of this process. */
const original = globals();

beforeAll(guardNodeCrypto);
afterEach(() => {
  vi.useRealTimers();
});

const uses: readonly (readonly [what: string, instead: string, use: () => unknown])[] = [
  ["Math.random()", "ctx.random()", () => Math.random()],
  ["Date.now()", "ctx.utcNowMs()", () => Date.now()],
  ["new Date()", "ctx.utcNow()", () => new Date().getTime()],
  ["Date()", "ctx.utcNow()", () => Date()],
  ["performance.now()", "ctx.utcNowMs()", () => performance.now()],
  ["setTimeout()", "ctx.scheduleTimer(delay)", () => clearTimeout(setTimeout(() => undefined, 1))],
  [
    "setInterval()",
    "ctx.scheduleTimer(delay)",
    () => clearInterval(setInterval(() => undefined, 1_000)),
  ],
  [
    "setImmediate()",
    "ctx.scheduleTimer(delay)",
    () => clearImmediate(setImmediate(() => undefined)),
  ],
  ["fetch()", "ctx.scheduleActivity()", () => void fetch("data:,").catch(() => undefined)],
  ["crypto.randomUUID()", "ctx.newGuid()", () => crypto.randomUUID()],
  ["crypto.getRandomValues()", "ctx.random()", () => crypto.getRandomValues(new Uint8Array(1))[0]],
  ["crypto.randomUUID()", "ctx.newGuid()", () => randomUUID()],
  ["crypto.randomBytes()", "ctx.random()", () => randomBytes(1).length],
  ["crypto.randomInt()", "ctx.random()", () => randomInt(2)],
  ["crypto.randomInt()", "ctx.random()", () => nodeCrypto.randomInt(2)],
];

describe("a guarded global inside an orchestration", () => {
  test.each(uses)("%s condemns the turn and names %s", async (what, instead, use) => {
    const result = await run(() => use());
    expect(result).toMatchObject({
      kind: "diverged",
      divergence: {
        code: "guard_violation",
        actual: what,
        message: expect.stringContaining(`use ${instead}`),
        source: expect.stringMatching(/guards\.test\.ts:\d+:\d+/),
      },
    });
  });

  test("the full text says where, why and what instead", async () => {
    const result = await run(() => Math.random());
    const message = result.kind === "diverged" ? result.divergence.message : "";
    expect(message.replace(/\([^()]*guards\.test\.ts[^()]*\)+/, "(<line>)")).toMatchInlineSnapshot(
      `"Cannot use Math.random() in an orchestration (<line>): it gives another value on replay; use ctx.random(), or do it in an activity"`,
    );
  });

  test("condemns the turn also when the code catches the error", async () => {
    const result = await run(() => {
      try {
        return Math.random();
      } catch {
        return 0.5;
      }
    });
    expect(result).toMatchObject({ kind: "diverged", divergence: { code: "guard_violation" } });
  });

  test("is found after an await, in a helper and in a branch", async () => {
    const helper = () => Date.now();
    for (const late of [
      async (ctx: Ctx) => {
        await ctx.scheduleWait("go");
        return helper();
      },
      async (ctx: Ctx) => ctx.all([async (scope) => scope.scheduleWait("go").then(helper)]),
    ]) {
      const story = new Story(late, { isHotOnly: true });
      await story.start();
      await expect(story.turn(raised("go"))).rejects.toMatchObject({ code: "guard_violation" });
    }
  });

  test("no code runs behind it: the next delivery of the batch is not made", async () => {
    let later = 0;
    const story = new Story(
      async (ctx: Ctx) => {
        void ctx.scheduleWait("b").then(() => (later += 1));
        await ctx.scheduleWait("a");
        try {
          Math.random();
        } catch {
          await ctx.scheduleWait("c");
        }
      },
      { isHotOnly: true },
    );
    await story.start();
    await expect(story.turn(raised("a"), raised("b"))).rejects.toThrow("Math.random()");
    expect(later).toBe(0);
  });

  test("mode warn: the value is given, and the line is logged once, not on replay", async () => {
    const { last, story } = await play(
      async (ctx: Ctx) => {
        const value = Math.random();
        await ctx.scheduleActivity("A");
        return value < 1;
      },
      [],
      { guards: "warn", isHotOnly: true },
    );
    expect(last.traces).toMatchObject([
      { level: "warn", message: expect.stringContaining("Math.random()") },
    ]);
    expect((await story.turn(done(2))).traces).toEqual([]);
  });

  test.each(uses)("mode off: %s passes through", async (_what, _instead, use) => {
    expect(await run(() => void use(), "off")).toMatchObject({ kind: "concluded", traces: [] });
  });

  test("dates that do not ask for the time are free", async () => {
    const result = await run(() => {
      const date = new Date(86_400_000);
      class Later extends Date {}
      return [
        date instanceof Date,
        date.constructor === Date.prototype.constructor,
        new Later(5).getTime(),
        Date.UTC(1970, 0, 2),
        Date.parse("1970-01-02"),
        new Date("1970-01-02").toISOString(),
        Date.name,
        Date.length,
      ];
    });
    expect(result).toMatchObject({
      outcome: {
        output: JSON.stringify([
          true,
          true,
          5,
          86_400_000,
          86_400_000,
          "1970-01-02T00:00:00.000Z",
          "Date",
          7,
        ]),
      },
    });
  });
});

describe("the host beside it", () => {
  test("finds its globals exactly as it left them, after good turns and bad ones", async () => {
    await run((ctx) => ctx.scheduleActivity("A"));
    await run(() => Math.random());
    await run(() => {
      throw new Error("x");
    });
    const after = globals();
    for (const [key, value] of Object.entries(original))
      expect(Object.is(value, after[key as keyof typeof after]), key).toBe(true);
    expect(Object.keys(globalThis)).not.toContain("Date");
  });

  test("keeps its fake timers through a turn", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout"], now: 77 });
    const before = globals();
    await run((ctx) => ctx.scheduleActivity("A"));
    expect(Date.now()).toBe(77);
    expect(globals()).toEqual(before);
  });

  test("may freeze a global: turns go on, unguarded there", async () => {
    const descriptor = Object.getOwnPropertyDescriptor(Math, "random")!;
    Object.defineProperty(Math, "random", { ...descriptor, writable: false });
    try {
      expect(await run(() => typeof Math.random())).toMatchObject({ kind: "concluded" });
    } finally {
      Object.defineProperty(Math, "random", descriptor);
    }
  });

  test("uses everything freely between turns and while one is under way", async () => {
    const turn = run(async (ctx) => ctx.scheduleActivity("A"));
    for (const [, , use] of uses) use();
    const ticks: number[] = [];
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        ticks.push(Date.now(), Math.random());
        setTimeout(resolve, 0);
      });
    });
    expect(await turn).toMatchObject({ kind: "concluded" });
    expect(ticks).toHaveLength(2);
  });

  test("is not judged by the guards of an orchestration whose result it receives", async () => {
    const value = await new Promise<number>((resolve) => {
      void run(() => 1).then(() => resolve(Math.random() + Date.now()));
    });
    expect(value).toBeGreaterThan(1);
  });

  test("the guards of one orchestration are not those of the next in the same round", async () => {
    const results = await Promise.all([
      run(() => typeof Math.random(), "off"),
      run(() => typeof Math.random(), "error"),
      run(() => typeof Math.random(), "warn"),
      run(() => typeof Math.random(), "off"),
    ]);
    expect(results.map((r) => (r.kind === "diverged" ? r.kind : r.traces.length))).toEqual([
      0,
      "diverged",
      1,
      0,
    ]);
  });

  test("guarding node:crypto twice changes nothing", () => {
    const before = nodeCrypto.randomUUID;
    guardNodeCrypto();
    expect(nodeCrypto.randomUUID).toBe(before);
    expect(randomUUID()).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("functions of Node", () => {
  test.each<readonly [string, () => unknown]>([
    ["process.hrtime()", () => process.hrtime()],
    ["process.hrtime.bigint()", () => process.hrtime.bigint()],
    ["child_process.execSync()", () => execSync("true")],
    ["child_process.execFileSync()", () => execFileSync("true")],
    ["child_process.spawnSync()", () => spawnSync("true")],
  ])("F45 %s is caught in an orchestration, and works outside", async (what, call) => {
    const result = await run(() => {
      call();
    });
    expect(result).toMatchObject({ divergence: { code: "guard_violation", actual: what } });
    expect(call()).not.toBe(undefined);
  });
});
