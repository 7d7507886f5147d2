import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { JSON_DEPTH_MAX, jsonCodec, utf8Bytes } from "./json.ts";
import type { UsageError } from "./errors.ts";

function refusalOf(value: unknown): { readonly path: string; readonly message: string } {
  try {
    jsonCodec.encode(value, "a value");
  } catch (error) {
    const { code, details, message } = error as UsageError;
    expect(code).toBe("not_serializable");
    return { ...(details as { path: string }), message };
  }
  throw new Error("it was accepted");
}

function nest(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i += 1) value = [value];
  return value;
}

const cycle: { self?: unknown } = {};
cycle.self = cycle;

const hostile: readonly (readonly [name: string, value: unknown, what: string])[] = [
  ["a function", () => 1, "type function"],
  ["a bigint", 1n, "type bigint"],
  ["a symbol", Symbol("s"), "type symbol"],
  ["NaN", NaN, "the number NaN"],
  ["Infinity", -Infinity, "the number -Infinity"],
  ["a cycle", cycle, "a reference back"],
  ["a Map", new Map([[1, 2]]), "class Map"],
  ["a Set", new Set([1]), "class Set"],
  ["a WeakMap", new WeakMap(), "class WeakMap"],
  ["a Promise", Promise.resolve(1), "class Promise"],
  ["a RegExp", /x/, "class RegExp"],
  ["an Error", new TypeError("x"), "class TypeError"],
  ["an ArrayBuffer", new ArrayBuffer(1), "class ArrayBuffer"],
  ["a typed array", new Uint8Array(1), "class Uint8Array"],
  ["a boxed bigint", Object(1n), "class BigInt"],
  ["F22 a boxed number", Object(1), "class Number"],
  ["F22 a Buffer", Buffer.from("x"), "class Buffer"],
  ["F22 a DataView", new DataView(new ArrayBuffer(1)), "class DataView"],
  [
    "F22 an object of a class",
    new (class Money {
      readonly cents = 1;
    })(),
    "class Money",
  ],
  ["F22 an iterator", new Map([[1, 2]]).entries(), "an object of class"],
  ["F22 a generator", (function* () {})(), "an object of class"],
  ["F22 a symbol key", { [Symbol("s")]: 1 }, "whose key is Symbol(s)"],
  ["F22 a headers object", new Headers(), "class Headers"],
  ["an invalid date", new Date(NaN), "an invalid date"],
  ["a lone surrogate", "a\ud800b", "half a character"],
  ["undefined in an array", [undefined], "type undefined"],

  ["a hole in an array", [, 1], "type undefined"],
  ["the key __proto__", JSON.parse('{"__proto__":{"x":1}}'), "the key __proto__"],
  ["a key with a lone surrogate", { "\udc00": 1 }, "a key with half a character"],
  [
    "a toJSON that throws",
    {
      toJSON() {
        throw new Error("no");
      },
    },
    "toJSON() throws",
  ],
  ["a toJSON that gives a function", { toJSON: () => () => 1 }, "type function"],
  ["a toJSON that gives nothing", { toJSON: () => undefined }, "type undefined"],
  [
    "a getter that throws",
    {
      get broken() {
        throw new Error("no");
      },
    },
    "a getter that throws",
  ],
  [
    "a proxy that lists nothing",
    new Proxy(
      {},
      {
        ownKeys() {
          throw new Error("no");
        },
      },
    ),
    "cannot be read",
  ],
  ["too many levels", nest(JSON_DEPTH_MAX + 1), "nesting deeper than 500 levels"],
];

describe("jsonCodec.encode()", () => {
  test.each(hostile)(
    "refuses %s, at its root and deep inside, with its path",
    (_name, value, what) => {
      const atRoot = refusalOf(value);
      expect(atRoot.message).toContain(what);
      const inside = refusalOf({ order: { items: [{ sku: "s" }, { note: value }] } });
      expect(inside.path).toMatch(/^order\.items\.1\.note/);
      expect(inside.message).toMatch(
        /^Cannot store a value: .+ at "order\.items\.1\.note.*" is not JSON; pass /,
      );
    },
  );

  test("refuses a value that answers differently the second time it is read", () => {
    let reads = 0;
    const value = {
      get changing() {
        reads += 1;
        return reads > 1 ? 1n : 1;
      },
    };
    expect(refusalOf(value).message).toContain("changes while it is read");
  });

  test("shows a bounded path", () => {
    const key = "k".repeat(1_000);
    expect(refusalOf({ [key]: { [key]: 1n } }).path.length).toBeLessThan(250);
  });

  test("renders the whole text", () => {
    expect(refusalOf({ a: [1n] }).message).toMatchInlineSnapshot(
      `"Cannot store a value: a value of type bigint at "a.0" is not JSON; pass plain objects, arrays, strings, finite numbers, booleans and null"`,
    );
    expect(refusalOf(1n).message).toContain("at its root is not JSON");
  });

  test.each([
    ["42", "42"],
    ["", ""],
    [null, null],
    [[], []],
    [{ a: undefined, b: 1 }, { b: 1 }],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
    [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ["😀", "😀"],
    [nest(JSON_DEPTH_MAX), nest(JSON_DEPTH_MAX)],
    [-0, -0],
    [
      { a: [-0, 1, { b: -0, c: undefined, d: new Date(0) }] },
      { a: [-0, 1, { b: -0, d: "1970-01-01T00:00:00.000Z" }] },
    ],
    [new URL("http://a/b"), "http://a/b"],
    [
      {
        get a() {
          return 1;
        },
      },
      { a: 1 },
    ],
  ])("accepts %j", (value, read) => {
    expect(jsonCodec.decode(jsonCodec.encode(value, "a value"))).toEqual(read);
  });

  test("accepts the same object in two places: only a cycle is refused", () => {
    const shared = { n: 1 };
    expect(jsonCodec.encode([shared, { shared }], "x")).toBe('[{"n":1},{"shared":{"n":1}}]');
  });

  test("S117 what is accepted is read back as it was given, without guessing", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        fc.pre(!JSON.stringify(value).includes("__proto__"));
        const text = jsonCodec.encode(value, "x");
        expect(jsonCodec.decode(text)).toEqual(value);
      }),
    );
  });

  test("whatever it is given, it gives JSON or throws not_serializable", () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withSparseArray: true,
          withTypedArray: true,
          withNullPrototype: true,
          withBoxedValues: true,
        }),
        (value) => {
          fc.pre(value !== undefined);
          try {
            expect(typeof JSON.parse(jsonCodec.encode(value, "x"))).not.toBe("undefined");
          } catch (error) {
            expect(error).toMatchObject({ code: "not_serializable" });
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("utf8Bytes()", () => {
  test("counts what the encoder writes", () => {
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(utf8Bytes(text)).toBe(encoder.encode(text).length);
      }),
    );
    expect(utf8Bytes("aé€😀")).toBe(10);
  });
});
