import { describe, expect, test } from "vitest";

import {
  assertInstanceId,
  assertKey,
  assertName,
  assertPayloadSize,
  INSTANCE_ID_BYTES_MAX,
  KEY_BYTES_MAX,
  NAME_BYTES_MAX,
} from "./limits.ts";

const checks = [
  ["assertName", (text: unknown) => assertName(text, "activity name"), NAME_BYTES_MAX],
  ["assertInstanceId", assertInstanceId, INSTANCE_ID_BYTES_MAX],
  ["assertKey", assertKey, KEY_BYTES_MAX],
] as const;

describe.each(checks)("%s()", (name, check, bytesMax) => {
  test.each([
    undefined,
    null,
    7,
    {},
    ["a"],
    "a\0b",
    "\ud800",
    "x".repeat(bytesMax + 1),
    "é".repeat(bytesMax / 2) + "x",
  ])("refuses %j", (text) => {
    expect(() => check(text)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  test.each([
    "a",
    " ",
    "with spaces / and: signs",
    "😀",
    "x".repeat(bytesMax),
    "é".repeat(bytesMax / 2),
  ])("accepts %j", (text) => {
    expect(() => check(text)).not.toThrow();
  });

  test("an empty text is fine for a key and for nothing else", () => {
    if (name === "assertKey") expect(() => check("")).not.toThrow();
    else expect(() => check("")).toThrow("it is empty");
  });
});

describe("assertName()", () => {
  test("shows a bounded part of what it refuses", () => {
    expect(() => assertName("n".repeat(300), "queue name")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot use "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"… as queue name: it has 300 bytes; pass a text of 1 to 256 UTF-8 bytes without NUL characters]`,
    );
  });
});

describe("assertPayloadSize()", () => {
  test("counts UTF-8 bytes, not UTF-16 units", () => {
    expect(() => assertPayloadSize("é".repeat(5), "a value", 10)).not.toThrow();
    expect(() => assertPayloadSize("é".repeat(6), "a value", 10)).toThrow(
      expect.objectContaining({
        code: "payload_too_large",
        details: { bytes: 12, bytesMax: 10 },
      }),
    );
  });
});
