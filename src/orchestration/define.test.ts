import { describe, expect, test } from "vitest";
import { z } from "zod";

import {
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  defineTransaction,
} from "./define.ts";

const run = async () => 1;

describe("defineActivity() and defineOrchestration()", () => {
  test("give frozen values with what was given, version 1.0.0 by default", () => {
    const activity = defineActivity({ name: "a", input: z.string(), run });
    expect(Object.isFrozen(activity)).toBe(true);
    expect(activity).toMatchObject({ kind: "activity", name: "a", output: undefined });
    expect(defineOrchestration("o", run)).toMatchObject({
      kind: "orchestration",
      version: "1.0.0",
    });
    expect(defineOrchestration({ name: "o", version: "2.1.0", run }).version).toBe("2.1.0");
  });

  test.each<readonly [string, () => unknown]>([
    ["no name", () => defineActivity(undefined as never, run)],
    ["an empty name", () => defineActivity("", run)],
    ["a name that is too long", () => defineOrchestration("é".repeat(129), run)],
    ["a name with NUL", () => defineOrchestration("a\0", run)],
    ["a name that is no text", () => defineActivity({ name: 7 as never, run })],
    ["no function", () => defineActivity("a", undefined as never)],
    ["something else than a function", () => defineOrchestration({ name: "o", run: 7 as never })],
    ["null", () => defineOrchestration(null as never)],
    ["something else than a schema", () => defineActivity({ name: "a", input: {} as never, run })],
    ["null as a schema", () => defineActivity({ name: "a", output: null as never, run })],
    ["an event without a name", () => defineEvent("")],
    ["an event with a bad schema", () => defineEvent("e", 7 as never)],
    ["a transaction without a function", () => defineTransaction("t", undefined as never)],
    ["a queue with a bad schema", () => defineQueue("q", { "~standard": {} } as never)],
  ])("refuse %s", (_name, define) => {
    expect(define).toThrow(expect.objectContaining({ code: "invalid_definition" }));
  });

  test("make a transaction an activity that does not run by itself", () => {
    const body = async () => 1;
    const transaction = defineTransaction("book", body);
    expect(Object.isFrozen(transaction)).toBe(true);
    expect(transaction).toMatchObject({ kind: "activity", name: "book", runInTransaction: body });
    expect(() => transaction.run(undefined as never, {} as never)).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
    expect(() => defineTransaction(undefined as never, body)).toThrow(
      "Cannot define a transaction",
    );
  });

  test("render the whole text", () => {
    expect(() => defineActivity("charge", undefined as never)).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot define activity "charge": \`run\` is missing; pass a function]`,
    );
    expect(() =>
      defineActivity({ name: "a", input: {} as never, run }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot use the schema of the input of activity "a": it does not implement Standard Schema; pass a zod, valibot or arktype schema]`,
    );
  });
});
