import vm from "node:vm";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { ActivityError, SubOrchestrationError } from "../orchestration/errors.ts";
import { describeFailure } from "./failure-text.ts";
import {
  canceledFailure,
  CAUSE_DEPTH_MAX,
  DATA_LENGTH_MAX,
  MESSAGE_LENGTH_MAX,
  NAME_LENGTH_MAX,
  NESTED_COUNT_MAX,
  NESTED_LENGTH_MAX,
  STACK_LENGTH_MAX,
  toFailure,
  type Failure,
} from "./failure.ts";

const convert = (thrown: unknown): Failure => toFailure(thrown, "activity_failed");

const throwing = (): never => {
  throw new Error("hostile");
};

describe("toFailure()", () => {
  test("keeps name, message, code, cause chain and data of an error", () => {
    class CardDeclinedError extends Error {
      override readonly name = "CardDeclinedError";
      readonly code = "declined";
      readonly cents = 100;
    }
    const error = new CardDeclinedError("no money", { cause: new RangeError("bank said no") });
    expect(convert(error)).toEqual({
      category: "application",
      code: "activity_failed",
      name: "CardDeclinedError",
      message: "no money",
      stack: expect.stringContaining("failure.test.ts"),
      userCode: "declined",
      data: { cents: 100 },
      cause: expect.objectContaining({ name: "RangeError", message: "bank said no" }),
    });
  });

  test.each<readonly [string, unknown, string, string]>([
    ["S010 a text", "oops", "string", "oops"],
    ["a number", 7, "number", "7 was thrown, which is no Error"],
    ["undefined", undefined, "undefined", "undefined was thrown, which is no Error"],
    ["null", null, "null", "null was thrown, which is no Error"],
    ["a symbol", Symbol("s"), "symbol", "Symbol(s) was thrown, which is no Error"],
    ["a bigint", 7n, "bigint", "7 was thrown, which is no Error"],
    ["a plain object", { reason: "x" }, "object", '{"reason":"x"}'],
    ["an object with a message", { message: "m", name: "N" }, "N", "m"],
    ["an object without prototype", Object.create(null), "object", "{}"],
    ["an object that is no JSON", { big: 1n }, "object", "a value that cannot be printed"],
    [
      "an object that hides",
      { toJSON: () => undefined },
      "object",
      "a value that cannot be printed",
    ],
  ])("makes readable text of %s", (_name, thrown, name, message) => {
    expect(convert(thrown)).toMatchObject({ name, message });
  });

  test.each<readonly [string, unknown]>([
    ["a frozen error", Object.freeze(new Error("x"))],
    ["a getter that throws", Object.defineProperty(new Error("x"), "message", { get: throwing })],
    [
      "a data getter that throws",
      Object.defineProperty(new Error("x"), "data", { get: throwing, enumerable: true }),
    ],
    [
      "a proxy that throws at everything",
      new Proxy(new Error("x"), {
        get: throwing,
        has: throwing,
        ownKeys: throwing,
        getPrototypeOf: throwing,
        getOwnPropertyDescriptor: throwing,
      }),
    ],
    [
      "a revoked proxy",
      (() => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      })(),
    ],
    ["a toString that throws", { toString: throwing, toJSON: throwing }],
    ["a function", throwing],
    ["a message that is no text", Object.assign(new Error("x"), { message: { a: 1n } })],
  ])("I2 does not throw for %s", (_name, thrown) => {
    const failure = convert(thrown);
    expect(typeof failure.message).toBe("string");
    expect(JSON.parse(JSON.stringify(failure))).toMatchObject({ code: "activity_failed" });
  });

  test("I2 ends a cycle of causes", () => {
    const a = new Error("a");
    const b = new Error("b", { cause: a });
    a.cause = b;
    expect(convert(a)).toMatchObject({ message: "a", cause: { message: "b" } });
    expect(convert(a).cause?.cause).toBe(undefined);
  });

  test("I1 cuts everything: message, name, code, stack, data, causes", () => {
    const huge = "x".repeat(1_000_000);
    const error = Object.assign(new Error(huge), { name: huge, code: huge, stack: huge });
    for (let i = 0; i < 100; i += 1) Object.assign(error, { [`data${i}`]: "y".repeat(20_000) });
    let chain: Error = error;
    for (let i = 0; i < 50; i += 1) chain = new Error(String(i), { cause: chain });
    const failure = convert(error);
    const note = " [cut, 1000000 characters in all]".length;
    expect(failure.message.length).toBe(MESSAGE_LENGTH_MAX + note);
    expect(failure.name.length).toBe(NAME_LENGTH_MAX + note);
    expect(String(failure.userCode).length).toBe(NAME_LENGTH_MAX + note);
    expect(failure.stack?.length).toBe(STACK_LENGTH_MAX + note);
    expect(JSON.stringify(failure.data).length).toBeLessThan(DATA_LENGTH_MAX * 1.1);
    let depth = 0;
    for (let cause = convert(chain).cause; cause !== undefined; cause = cause.cause) depth += 1;
    expect(depth).toBe(CAUSE_DEPTH_MAX);
  });

  test("F7 keeps errors that an error holds: in a list, in properties, and deeper inside", () => {
    const inner = Object.assign(new RangeError("inner", { cause: new Error("why") }), { code: 7 });
    const failure = convert(
      Object.assign(new AggregateError([inner, "text"], "all"), {
        first: new TypeError("first"),
        list: [new Error("in a list"), { deep: new Error("deep") }],
      }),
    );
    expect(failure.errors).toMatchObject([
      { name: "RangeError", message: "inner", userCode: 7, cause: { message: "why" } },
      { name: "string", message: "text" },
    ]);
    expect(failure.data).toMatchObject({
      first: {
        name: "TypeError",
        message: "first",
        stack: expect.stringContaining("failure.test"),
      },
      list: [{ message: "in a list" }, { deep: { message: "deep" } }],
    });
    expect(convert(Object.assign(new Error("x"), { errors: [inner] })).errors).toHaveLength(1);
    expect(convert({ message: "plain", inner }).data).toMatchObject({
      inner: { message: "inner" },
    });
  });

  test("F7 keeps the parts of errors of another realm, such as a vm context or a test of Jest", () => {
    const inRealm = (code: string): unknown => vm.runInNewContext(code);
    const failure = convert(
      inRealm("new AggregateError([new Error('one'), 'two'], 'all', { cause: new Error('why') })"),
    );
    expect(failure).toMatchObject({
      name: "AggregateError",
      message: "all",
      cause: { message: "why" },
      errors: [{ message: "one" }, { message: "two" }],
    });
    const inner = inRealm("Object.assign(new TypeError('x'), { inner: new Error('inner') })");
    expect(convert(inner)).toMatchObject({
      name: "TypeError",
      data: { inner: { message: "inner" } },
    });
    expect(convert({ message: "plain", inner }).data).toMatchObject({
      inner: { message: "x", inner: { message: "inner" } },
    });
  });

  test("F7 keeps what a SuppressedError holds", () => {
    // As `await using` makes it: neither is enumerable.
    const hidden = (value: unknown) => ({ value, configurable: true, writable: true });
    const error = Object.defineProperties(new Error("An error was suppressed"), {
      name: hidden("SuppressedError"),
      error: hidden(new Error("disposal")),
      suppressed: hidden(Object.assign(new RangeError("body"), { code: "E_BODY" })),
    });
    expect(convert(error)).toMatchObject({
      name: "SuppressedError",
      data: { error: { message: "disposal" }, suppressed: { message: "body", code: "E_BODY" } },
    });
    Object.defineProperty(error, "suppressed", hidden("text"));
    expect(convert(error).data).toMatchObject({ suppressed: "text" });
  });

  test("F7 keeps errors in maps and sets", () => {
    const shards = new Map<string, unknown>([
      ["shard-1", new Error("down")],
      ["shard-2", { left: 1 }],
    ]);
    const causes = new Set([new TypeError("first"), "second"]);
    expect(convert(Object.assign(new Error("x"), { shards, causes })).data).toMatchObject({
      shards: [
        ["shard-1", { name: "Error", message: "down" }],
        ["shard-2", { left: 1 }],
      ],
      causes: [{ name: "TypeError", message: "first" }, "second"],
    });
    const many = new Set(Array.from({ length: 1_000 }, () => new Error("x".repeat(10_000))));
    expect(JSON.stringify(convert(Object.assign(new Error("x"), { many }))).length).toBeLessThan(
      NESTED_LENGTH_MAX * 2,
    );
    const hostile = Object.assign(new Map(), { [Symbol.iterator]: throwing });
    expect(convert(Object.assign(new Error("x"), { hostile, left: 1 })).data).toEqual({ left: 1 });
  });

  test("F7 I1 bounds nested errors in depth, count and size, and says what was left out", () => {
    const many = Array.from({ length: 1_000 }, (_, i) => new Error(`error ${i}`));
    const wide = convert(new AggregateError(many, "wide"));
    expect(wide.errors?.length).toBe(NESTED_COUNT_MAX + 1);
    expect(wide.errors?.at(-1)?.message).toBe("[cut, 1000 errors in all]");

    let deep: Error = new Error("bottom");
    for (let i = 0; i < 10_000; i += 1) deep = new AggregateError([deep], "level");
    expect(JSON.stringify(convert(deep)).length).toBeLessThan(100_000);

    const huge = Array.from({ length: 50 }, () => new Error("x".repeat(100_000)));
    expect(JSON.stringify(convert(new AggregateError(huge))).length).toBeLessThan(
      NESTED_LENGTH_MAX * 2,
    );
    expect(JSON.stringify(convert(Object.assign(new Error("x"), { huge }))).length).toBeLessThan(
      NESTED_LENGTH_MAX * 2,
    );

    const loop = new AggregateError([], "loop") as AggregateError & { self?: unknown };
    loop.errors.push(loop, new Error("other", { cause: loop }));
    loop.self = loop;
    expect(JSON.stringify(convert(loop))).toContain("other");
  });

  test("does not grow twofold with every level of children that fail", () => {
    let failure = convert(Object.assign(new Error("at the bottom"), { note: "n".repeat(200) }));
    const sizes: number[] = [];
    for (let level = 0; level < 8; level += 1) {
      failure = convert(new SubOrchestrationError("C", "i", failure));
      sizes.push(JSON.stringify({ ...failure, stack: undefined }).length);
    }
    expect(sizes.at(-1)).toBeLessThan(60_000);
    expect(convert(new ActivityError("A", 2, failure)).data).toMatchObject({ attempt: 2 });
    expect(convert(new ActivityError("A", 2, failure)).data).not.toHaveProperty("failure");
  });

  test("F60 a message that is no text is printed, and one that cannot be read says so", () => {
    const withMessage = (message: unknown) =>
      convert(Object.defineProperty(new Error("x"), "message", { value: message })).message;
    expect(withMessage(42)).toBe("42");
    expect(withMessage(Symbol("s"))).toBe("Symbol(s)");
    expect(withMessage({ a: 1 })).toBe('{"a":1}');
    const throwing = Object.defineProperty(new Error("x"), "message", {
      get: () => {
        throw new Error("no");
      },
    });
    expect(convert(throwing).message).toBe("a message that cannot be read");
  });

  test("F45 the name of an error is that of its class, unless it has set another", () => {
    class CardDeclined extends Error {}
    expect(convert(new CardDeclined("x")).name).toBe("CardDeclined");
    expect(convert(Object.assign(new CardDeclined("x"), { name: "Own" })).name).toBe("Own");
    expect(convert(new TypeError("x")).name).toBe("TypeError");
  });

  test("marks what a retry cannot help", () => {
    expect(convert(Object.assign(new Error("x"), { isNonRetryable: true })).isNonRetryable).toBe(
      true,
    );
    expect(convert(new Error("x"))).not.toHaveProperty("isNonRetryable");
  });

  test("I2 whatever is thrown, the failure is JSON and bounded", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withMap: true, withNullPrototype: true }),
        (thrown) => {
          for (const value of [
            thrown,
            Object.assign(new Error("x"), { data: thrown, cause: thrown }),
          ]) {
            const failure = convert(value);
            expect(JSON.parse(JSON.stringify(failure))).toMatchObject({ name: expect.any(String) });
          }
        },
      ),
    );
  });
});

describe("describeFailure()", () => {
  test("shows a cancellation as the reference does", () => {
    expect(describeFailure(canceledFailure("why"))).toBe("canceled: why");
    expect(describeFailure(convert(new Error("plain")))).toBe("plain");
  });
});
