/** What authors pass: values, futures, definitions, and how replay compares them. */

import { runInThisContext } from "node:vm";

import { describe, expect, test } from "vitest";

import { jsonCodec } from "../../src/foundation/json.ts";
import type { RecordedEvent } from "../../src/history/event.ts";
import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import {
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  defineTransaction,
} from "../../src/orchestration/define.ts";
import { readPage, rowsOf } from "../support/markdown.ts";
import { activityCompleted as done, divergenceOf, encode, play, replay } from "../support/story.ts";

type Ctx = OrchestrationContext;

const act = defineActivity("Act", (input: unknown) => input);
const orc = defineOrchestration("Orc", async () => 1);
const event = defineEvent("Evt");
const queue = defineQueue("Que");

const started: RecordedEvent = {
  kind: "OrchestrationStarted",
  eventId: 1,
  timestampMs: 0,
  name: "test",
  version: "1.0.0",
  input: undefined,
  instanceId: "i",
  executionId: 1,
  seed: "seed",
};

describe("comparison with history", () => {
  const history = (input: unknown): RecordedEvent[] => [
    started,
    { kind: "ActivityScheduled", eventId: 2, timestampMs: 0, name: "A", input: encode(input) },
  ];

  test.each<readonly [unknown, unknown]>([
    [
      { a: 1, b: { c: [{ d: 1, e: 2 }] } },
      { b: { c: [{ e: 2, d: 1 }] }, a: 1 },
    ],
    [{ a: 1 }, { b: undefined, a: 1 }],
    [0, -0],
  ])("F21 the order of keys does not count, at any depth (%#)", async (was, is) => {
    const result = await replay((ctx: Ctx) => ctx.scheduleActivity("A", is), history(was));
    expect(result.kind).toBe("concluded");
  });

  test.each<readonly [unknown, unknown]>([
    [{ a: 1 }, { a: 1, b: null }],
    [{ a: 1, b: null }, { a: 1 }],
    [
      [1, 2],
      [2, 1],
    ],
    [[], {}],
    [{}, []],
    [null, {}],
    [{ a: 1 }, { a: "1" }],
    [undefined, null],
  ])("F21 another value does (%#)", async (was, is) => {
    const divergence = await divergenceOf(
      (ctx: Ctx) => ctx.scheduleActivity("A", is),
      history(was),
    );
    expect(divergence.code).toBe("nondeterminism");
  });

  test("F21 the same for children, detached starts, key-values and ends", async () => {
    const calls = (input: object) => async (ctx: Ctx) => {
      ctx.kv.set("k", input);
      ctx.scheduleOrchestration("D", "d", input);
      void ctx.scheduleSubOrchestration("C", input);
      await ctx.scheduleActivity("A");
      return input;
    };
    const { story } = await play(calls({ a: 1, b: 2 }), [[done(5)]]);
    const again = await replay(calls({ b: 2, a: 1 }), story.history);
    expect(again.kind).toBe("concluded");
    const other = await divergenceOf(calls({ b: 2, a: 3 }), story.history);
    expect(other.code).toBe("nondeterminism");
  });

  test('F21 inputs: "ignore" lets the recorded input stand, and still compares the name', async () => {
    const A = defineActivity({ name: "A", inputs: "ignore", run: (input: unknown) => input });
    const recorded = history({ old: true });
    const result = await replay((ctx: Ctx) => ctx.scheduleActivity(A, { now: 1 }), recorded);
    expect(result.kind).toBe("concluded");
    const B = defineActivity({ name: "B", inputs: "ignore", run: (input: unknown) => input });
    await divergenceOf((ctx: Ctx) => ctx.scheduleActivity(B, { old: true }), recorded);
    const C = defineOrchestration({ name: "C", inputs: "ignore", run: async (_, n: number) => n });
    const children = (n: number) => (ctx: Ctx) => {
      ctx.scheduleOrchestration(C, "d", n);
      return ctx.scheduleSubOrchestration(C, n);
    };
    const { story } = await play(children(1));
    expect((await replay(children(2), story.history)).kind).toBe("concluded");
    expect(() =>
      defineActivity({ name: "X", inputs: "some" as "ignore", run: () => undefined }),
    ).toThrow('Cannot define activity "X": option `inputs` is "some"; pass "compare" or "ignore"');
  });

  test("F45 a divergence of unchanged code names other causes than a deployment", async () => {
    const { message } = await divergenceOf((ctx: Ctx) => ctx.scheduleActivity("A", 2), history(1));
    expect(message).toMatch(/if the code has not changed, it depends on something else than its/);
  });
});

describe("a forgotten await", () => {
  const failure = async (code: (ctx: Ctx) => unknown): Promise<unknown> =>
    (await play(code)).output;

  test.each<readonly [string, (ctx: Ctx) => unknown, string]>([
    ["in an output", (ctx) => ({ a: ctx.scheduleActivity("G") }), 'activity "G" at "a"'],
    ["in an input", (ctx) => ctx.scheduleActivity("B", [ctx.scheduleTimer(1)]), 'a timer at "0"'],
    [
      "derived, in a key-value",
      (ctx) => {
        ctx.kv.set("k", { x: { y: ctx.scheduleActivity("G").map(String) } });
      },
      'activity "G" at "x.y"',
    ],
    [
      "combined, in a status",
      (ctx) => {
        ctx.setCustomStatus([ctx.all([])]);
      },
      'ctx.all() at "0"',
    ],
  ])("F39 %s is refused with its path", async (_name, code, what) => {
    expect(await failure(code)).toEqual({
      failed: expect.stringMatching(
        new RegExp(`the durable future of ${what.replace(/[()]/g, "\\$&")} is not JSON; await it$`),
      ),
    });
  });

  test.each<readonly [string, (ctx: Ctx) => unknown]>([
    // eslint-disable-next-line @typescript-eslint/no-base-to-string -- The mistake under test.
    ["in a text", (ctx) => `Hello, ${String(ctx.scheduleActivity("G"))}!`],
    ["in a sum", (ctx) => (ctx.scheduleActivity("G") as unknown as number) + 1],
    // eslint-disable-next-line @typescript-eslint/no-base-to-string -- The mistake under test.
    ["in a join of texts", (ctx) => [ctx.scheduleActivity("G")].join()],
    ["in JSON", (ctx) => JSON.stringify({ g: ctx.scheduleActivity("G") })],
  ])("F39 %s throws with the line", async (_name, code) => {
    expect(await failure(code)).toEqual({
      failed: expect.stringMatching(
        /^Cannot use activity "G" (as a text or a number|in JSON) \(.*values.test.ts:\d+.*\): it is a durable future, whose value is not there yet; await it$/,
      ),
    });
  });

  test("F39 a context and a definition are no values", async () => {
    expect(await failure((ctx) => ({ ctx }))).toMatchObject({
      failed: expect.stringContaining('a context at "ctx" is not JSON; pass its facts'),
    });
    for (const definition of [act, orc, event, queue]) {
      expect(await failure(() => [definition])).toMatchObject({
        failed: expect.stringMatching(
          /the definition of \w+ "\w+" at "0" is not JSON; pass its name/,
        ),
      });
    }
  });

  test("F39 in the fields of a trace it is named, and the line is kept", async () => {
    const { last } = await play((ctx: Ctx) => {
      ctx.traceInfo("x", { g: ctx.scheduleActivity("G"), n: 1 });
    });
    expect(last.traces[0]?.fields).toEqual({ g: 'the durable future of activity "G"', n: 1 });
  });
});

describe("a definition of another kind", () => {
  const transaction = defineTransaction("Tx", async () => 1);

  test.each<readonly [string, (ctx: Ctx) => unknown, RegExp]>([
    [
      "a function",
      (ctx) => ctx.scheduleActivity(function foo() {} as never),
      /the function "foo" as activity.*defineActivity\(\) returned/,
    ],
    [
      "an orchestration",
      (ctx) => ctx.scheduleActivity(orc as never),
      /definition of orchestration "Orc" as activity.*scheduleSubOrchestration/,
    ],
    [
      "an activity",
      (ctx) => ctx.scheduleSubOrchestration(act as never),
      /definition of activity "Act" as orchestration.*scheduleActivity/,
    ],
    [
      "a transaction",
      (ctx) => ctx.scheduleSubOrchestration(transaction as never),
      /definition of activity "Tx" as orchestration/,
    ],
    [
      "an activity",
      (ctx) => ctx.scheduleOrchestration(act as never, "id"),
      /definition of activity "Act" as orchestration/,
    ],
    [
      "a queue",
      (ctx) => ctx.scheduleWait(queue as never),
      /definition of queue "Que" as event.*dequeueEvent/,
    ],
    [
      "an event",
      (ctx) => ctx.dequeueEvent(event as never),
      /definition of event "Evt" as queue.*scheduleWait/,
    ],
    [
      "nothing",
      (ctx) => ctx.scheduleActivity(undefined as never),
      /a value of type undefined as activity/,
    ],
    [
      "an object",
      (ctx) => ctx.scheduleActivity({ name: "A" } as never),
      /a value of type object as activity/,
    ],
  ])("F45 %s is refused, with where it belongs (%#)", async (_name, call, message) => {
    const { output } = await play((ctx: Ctx) => call(ctx));
    expect(output).toEqual({ failed: expect.stringMatching(message) });
  });
});

describe("the table of values in chapter 5", () => {
  const rows = rowsOf(readPage("docs/guide/05-api.md")).filter(
    ([, outcome]) => outcome === "refused" || outcome === "itself" || /^`.*`$/.test(outcome ?? ""),
  );
  // Only the rows of that table are expressions with these outcomes.
  const table = rows.slice(
    rows.findIndex(([cell]) => cell?.startsWith("`{ a: [1")),
    rows.findIndex(([cell]) => cell === '`"\\ud800"`') + 1,
  );
  const run = (text: string): unknown => runInThisContext(`(${text.slice(1, -1)})`) as unknown;

  test("has its rows", () => {
    expect(table.length).toBeGreaterThan(25);
  });

  test.each(table)("F22 %s: %s", (cell, outcome) => {
    const value = run(cell);
    const encoded = (): unknown => jsonCodec.decode(jsonCodec.encode(value, "it"));
    if (outcome === "refused") expect(encoded).toThrow("Cannot store it: ");
    else expect(encoded()).toStrictEqual(outcome === "itself" ? value : run(outcome));
  });
});
