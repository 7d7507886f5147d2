import { describe, expect, test } from "vitest";
import { z } from "zod";

import { validate, validateSync, type StandardSchema } from "./standard-schema.ts";

const order = z.object({
  items: z.array(z.object({ sku: z.string(), count: z.number().default(1) })),
});

const thenable = (result: unknown): StandardSchema => ({
  "~standard": {
    version: 1,
    vendor: "test",
    validate: () => ({ then: (resolve: (value: unknown) => void) => resolve(result) }) as never,
  },
});

describe("validate() and validateSync()", () => {
  test("give what the schema makes of the value", async () => {
    const input = { items: [{ sku: "s" }] };
    const output = { items: [{ sku: "s", count: 1 }] };
    expect(validateSync(order, input, "an order")).toEqual(output);
    expect(await validate(order, input, "an order")).toEqual(output);
  });

  test("without a schema the value is itself", async () => {
    const value = {};
    expect(validateSync(undefined, value, "x")).toBe(value);
    expect(await validate(undefined, value, "x")).toBe(value);
  });

  test("throw the schema's own issues with their paths", async () => {
    const bad = { items: [{ sku: 7 }] };
    const issue = { path: "items.0.sku", message: expect.stringContaining("string") as string };
    const expected = { code: "validation_failed", name: "ValidationError", issues: [issue] };
    expect(() => validateSync(order, bad, "an order")).toThrow(expect.objectContaining(expected));
    await expect(validate(order, bad, "an order")).rejects.toMatchObject(expected);
  });

  test("the text names what was refused, and where", () => {
    const schema: StandardSchema = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: () => ({
          issues: [
            { message: "too short" },
            { message: "odd", path: ["a", { key: 0 }, Symbol("s")] },
          ],
        }),
      },
    };
    expect(() => validateSync(schema, 1, "the input")).toThrowErrorMatchingInlineSnapshot(
      `[ValidationError: Cannot accept the input: its schema rejects the value (too short; a.0.Symbol(s): odd); pass a value that satisfies the schema]`,
    );
  });
});

describe("an asynchronous schema", () => {
  const slow = z.string().refine(async (text) => Promise.resolve(text !== "no"));

  test("works where waiting is possible", async () => {
    expect(await validate(slow, "yes", "x")).toBe("yes");
    await expect(validate(slow, "no", "x")).rejects.toMatchObject({ code: "validation_failed" });
    expect(await validate(thenable({ value: 7 }), 1, "x")).toBe(7);
  });

  test.each([
    ["of zod", slow],
    ["with promises of its own kind", thenable({ value: 7 })],
  ])("%s is refused inside an orchestration", (_name, schema) => {
    expect(() => validateSync(schema as StandardSchema, "no", "x")).toThrow(
      expect.objectContaining({ code: "invalid_definition" }),
    );
  });
});
