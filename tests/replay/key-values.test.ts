/** The key-value store in the engine (semantics 20). */

import { describe, expect, test } from "vitest";

import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import {
  activityCompleted as done,
  createExecution,
  encode,
  play,
  raised,
  runOneTurn,
  Story,
} from "../support/story.ts";

type Ctx = OrchestrationContext;

const snapshot = (values: Readonly<Record<string, unknown>>, updatedMs = 10) =>
  new Map(Object.entries(values).map(([key, value]) => [key, { value: encode(value), updatedMs }]));

describe("ctx.kv", () => {
  test("S288 set, overwrite, delete, clear and set again: the last state is read and written", async () => {
    const { last, output } = await play((ctx: Ctx) => {
      const { kv } = ctx;
      kv.set("a", 1);
      kv.set("a", { n: 2 });
      const seen = [
        kv.get("a"),
        kv.size,
        kv.delete("a"),
        kv.delete("a"),
        kv.get("a") === undefined,
      ];
      kv.set("b", 1);
      kv.clear();
      kv.set("c", "3");
      kv.set("", "");
      return [seen, kv.keys(), kv.entries(), kv.size];
    });
    expect(output).toEqual([
      [{ n: 2 }, 1, true, false, true],
      ["", "c"],
      [
        ["", ""],
        ["c", "3"],
      ],
      2,
    ]);
    expect(last.keyValues).toEqual({
      isCleared: true,
      changes: [
        { key: "c", value: '"3"', updatedMs: 1_010 },
        { key: "", value: '""', updatedMs: 1_010 },
      ],
    });
  });

  test("the effect of a turn is what that turn changed, and nothing when it changed nothing", async () => {
    const story = new Story(async (ctx: Ctx) => {
      ctx.kv.set("a", 1);
      await ctx.scheduleWait("go");
      await ctx.scheduleWait("go");
      ctx.kv.delete("a");
      await ctx.scheduleWait("go");
    });
    const turns = [await story.start()];
    for (let i = 0; i < 2; i += 1) turns.push(await story.turn(raised("go")));
    expect(turns.map(({ keyValues }) => keyValues)).toEqual([
      { isCleared: false, changes: [{ key: "a", value: "1", updatedMs: 1_010 }] },
      undefined,
      { isCleared: false, changes: [{ key: "a", updatedMs: 1_030 }] },
    ]);
  });

  test("S289 a new execution sees, overwrites and removes what earlier ones left", async () => {
    const { output, last } = await play(
      (ctx: Ctx) => {
        const before = ctx.kv.entries();
        ctx.kv.set("kept", "new");
        ctx.kv.delete("gone");
        return [before, ctx.kv.entries()];
      },
      [],
      { keyValues: snapshot({ kept: "old", gone: 1 }), executionId: 2 },
    );
    expect(output).toEqual([
      [
        ["gone", 1],
        ["kept", "old"],
      ],
      [["kept", "new"]],
    ]);
    expect(last.keyValues?.changes).toMatchObject([
      { key: "kept", value: '"new"' },
      { key: "gone" },
    ]);
  });

  test("S290 U10 read-modify-write around an activity every turn", async () => {
    // The snapshot stays what it was when the execution began, as stores hand it over.
    const { output } = await play(
      async (ctx: Ctx) => {
        for (let i = 0; i < 3; i += 1) {
          ctx.kv.set("n", (ctx.kv.get<number>("n") ?? 0) + 1);
          await ctx.scheduleActivity("A", ctx.kv.get("n"));
        }
        return ctx.kv.get("n");
      },
      [[done(3)], [done(6)], [done(9)]],
      { keyValues: snapshot({ n: 40 }) },
    );
    expect(output).toBe(43);
  });

  test("S293 R11 the limit of 150 keys counts the whole merged store", async () => {
    const stored = Object.fromEntries(Array.from({ length: 149 }, (_, i) => [`k${i}`, i]));
    const { output } = await play(
      async (ctx: Ctx) => {
        ctx.kv.set("new", 1);
        await ctx.scheduleWait("go");
        ctx.kv.set("k0", "an old key may be overwritten");
        try {
          ctx.kv.set("one more", 1);
        } catch (error) {
          const { code, message } = error as Error & { code: string };
          ctx.kv.delete("k1");
          ctx.kv.set("one more", 1);
          return [code, message, ctx.kv.size];
        }
        return "accepted";
      },
      [[raised("go")]],
      { keyValues: snapshot(stored) },
    );
    expect(output).toEqual([
      "limit_exceeded",
      'Cannot store the value of key "one more": the store has 150 keys and the limit is 150; delete a key first',
      150,
    ]);
  });

  test("S292 clear frees all room", async () => {
    const stored = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`k${i}`, i]));
    const { output } = await play(
      (ctx: Ctx) => {
        ctx.kv.clear();
        ctx.kv.set("new", 1);
        return ctx.kv.keys();
      },
      [],
      { keyValues: snapshot(stored) },
    );
    expect(output).toEqual(["new"]);
  });

  test("S294 a value of 65,536 bytes fits, one more names key, size and limit", async () => {
    const set = async (length: number) =>
      (await play((ctx: Ctx) => ctx.kv.set("big", "x".repeat(length - 2)))).output;
    expect(await set(65_536)).toBe(undefined);
    expect(await set(65_537)).toEqual({
      failed: expect.stringMatching(
        /the value of key "big": it has 65537 bytes; the limit is 65536/,
      ),
    });
  });

  test.each([
    ["undefined", (ctx: Ctx) => ctx.kv.set("k", undefined), "not_serializable"],
    ["a function", (ctx: Ctx) => ctx.kv.set("k", () => 1), "not_serializable"],
    ["a key that is no text", (ctx: Ctx) => ctx.kv.set(7 as never, 1), "invalid_argument"],
    ["a key that is too long", (ctx: Ctx) => ctx.kv.get("k".repeat(1_025)), "invalid_argument"],
    ["a key with NUL", (ctx: Ctx) => ctx.kv.delete("a\0b"), "invalid_argument"],
    ["a cutoff that is no time", (ctx: Ctx) => ctx.kv.pruneUpdatedBefore(NaN), "invalid_argument"],
    [
      "a cutoff that is an invalid date",
      (ctx: Ctx) => ctx.kv.pruneUpdatedBefore(new Date("x")),
      "invalid_argument",
    ],
  ])("%s is refused at the call, and changes nothing", async (_name, call, code) => {
    const { output, last } = await play((ctx: Ctx) => {
      try {
        call(ctx);
      } catch (error) {
        return [(error as { code: string }).code, ctx.kv.size];
      }
      return "accepted";
    });
    expect(output).toEqual([code, 0]);
    expect(last.keyValues).toBe(undefined);
  });

  test("F15 S297 prune at or after now takes everything written so far, earlier what is older, cutoff 0 nothing", async () => {
    const { output, last } = await play(
      async (ctx: Ctx) => {
        ctx.kv.set("first turn", 1);
        await ctx.scheduleWait("go");
        ctx.kv.set("this turn", 1);
        const { kv } = ctx;
        const counts = [kv.pruneUpdatedBefore(0), kv.pruneUpdatedBefore(ctx.utcNowMs() - 1)];
        const left = kv.keys();
        counts.push(kv.pruneUpdatedBefore(ctx.utcNow()));
        kv.set("later", 1);
        counts.push(kv.pruneUpdatedBefore(ctx.utcNowMs() + 1));
        return [counts, left, kv.size];
      },
      [[raised("go")]],
      { keyValues: snapshot({ old: 1 }) },
    );
    expect(output).toEqual([[0, 2, 1, 1], ["this turn"], 0]);
    expect(last.keyValues?.changes.map(({ key }) => key)).toEqual([
      "this turn",
      "first turn",
      "old",
      "later",
    ]);
  });

  test("F15 turns of the same millisecond: prune at now takes what the turn before wrote", async () => {
    const story = new Story(async (ctx: Ctx) => {
      ctx.kv.set("before", 1);
      await ctx.scheduleWait("go");
      return [ctx.kv.pruneUpdatedBefore(ctx.utcNow()), ctx.kv.size];
    });
    await story.start();
    story.nowMs -= 10;
    const last = await story.turn(raised("go"));
    expect(last.outcome).toMatchObject({ output: "[1,0]" });
  });

  test("F15 time goes on in the next execution where the last one ended, whatever the clock says", async () => {
    const execution = createExecution((ctx: Ctx) => ctx.utcNowMs());
    const message = {
      kind: "continueAsNew",
      executionId: 2,
      name: "test",
      input: undefined,
      seed: "s",
      carried: [],
      customStatus: undefined,
      atMs: 5_000,
    } as const;
    const result = await runOneTurn(execution, { history: [], messages: [message], nowMs: 3_000 });
    expect(result).toMatchObject({ outcome: { output: "5000" } });
  });

  test("S298 R12 a prune decides on recorded times: replayed later, it takes the same keys", async () => {
    // `Story` replays after each turn and reports any difference; here the clock runs far ahead.
    const story = new Story(async (ctx: Ctx) => {
      ctx.kv.set("a", 1);
      await ctx.scheduleWait("go");
      const count = ctx.kv.pruneUpdatedBefore(ctx.utcNowMs() - 100);
      ctx.kv.set("b", 1);
      await ctx.scheduleWait("go");
      return [count, ctx.kv.keys()];
    });
    await story.start();
    await story.turn(raised("go"));
    story.nowMs += 1_000_000;
    const last = await story.turn(raised("go"));
    expect(last.outcome).toMatchObject({ output: '[0,["a","b"]]' });
  });

  test("I2 keys come in one order, whatever the order of the snapshot", async () => {
    const code = (ctx: Ctx) => [ctx.kv.keys(), ctx.kv.pruneUpdatedBefore(Infinity)];
    const orders = [
      { b: 1, a: 1, é: 1 },
      { é: 1, a: 1, b: 1 },
    ];
    const told: string[] = [];
    for (const values of orders) {
      const { output, last } = await play(code, [], { keyValues: snapshot(values) });
      told.push(JSON.stringify([output, last.events.map((event) => "key" in event && event.key)]));
    }
    expect(told[0]).toBe(told[1]);
    expect(told[0]).toContain('["a","b","é"]');
  });

  test("a branch that lost can neither read nor write", async () => {
    const codes: string[] = [];
    await play(
      async (ctx: Ctx) => {
        const outside = ctx.scheduleWait("outside");
        await ctx.select([
          async (scope) => {
            await outside;
            for (const call of [() => scope.kv.get("k"), () => scope.kv.set("k", 1)]) {
              try {
                call();
              } catch (error) {
                codes.push((error as { code: string }).code);
              }
            }
          },
          ctx.scheduleWait("first"),
        ]);
        await outside;
      },
      [[raised("first")], [raised("outside")]],
      { isHotOnly: true },
    );
    expect(codes).toEqual(["scope_closed", "scope_closed"]);
  });
});
