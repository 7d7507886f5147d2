import { describe, expect, test } from "vitest";

import { defineActivity, defineOrchestration } from "../orchestration/define.ts";
import type { Provider } from "../provider/provider.ts";
import { toSettings, type RuntimeOptions } from "./options.ts";

const store = { write: () => undefined } as unknown as Provider;
const settings = (options: object) =>
  toSettings({ store, ...options } satisfies RuntimeOptions, "a random name");

describe("bad input: one typed error that names the option", () => {
  test.each<[string, unknown]>([
    ["store", undefined],
    ["store", {}],
    ["activities", 5],
    ["activities", "Greet"],
    ["activities", [() => undefined]],
    ["activities", [defineOrchestration("Order", async () => undefined)]],
    ["orchestrations", { length: 1 }],
    ["orchestrations", [null]],
    ["orchestrations", [defineActivity("Pay", async () => undefined)]],
    ["activityConcurrency", -1],
    ["activityConcurrency", 1.5],
    ["activityConcurrency", Number.NaN],
    ["activityConcurrency", "10"],
    ["activityConcurrency", Object.create(null)],
    ["orchestrationConcurrency", 0],
    ["poisonAfterCrashes", 0],
    ["lease", 199],
    ["lease", "25h"],
    ["lease", Number.POSITIVE_INFINITY],
    ["parkedRetryMin", 0],
    ["parkedRetryMax", 999],
    ["residency.maxInstances", 0],
    ["residency.maxBytes", -5],
    ["guards", "loud"],
    ["guards", 10n],
    ["nondeterminism", "ignore"],
    ["codec", {}],
    ["payloadBytesMax", 0],
    ["logger", {}],
    ["workerId", ""],
    ["workerId", 7],
  ])("%s = %o", (name, value) => {
    const [outer = "", inner] = name.split(".");
    const options = { [outer]: inner === undefined ? value : { [inner]: value } };
    expect(() => settings(options)).toThrow(
      expect.objectContaining({
        code: "invalid_argument",
        message: expect.stringContaining(`\`${name}\``),
      }),
    );
  });

  test.each(["lease", "stallAfter", "cancellationGrace", "parkedRetryMin", "parkedRetryMax"])(
    "%s that is no duration",
    (name) => {
      for (const value of [-1, Number.NaN, "soon", {}]) {
        expect(() => settings({ [name]: value })).toThrow(
          expect.objectContaining({ code: "invalid_duration" }),
        );
      }
    },
  );

  test.each([undefined, null, 5, "store.db"])("options = %o", (options) => {
    expect(() => toSettings(options as never, "name")).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  });
});

test("defaults", () => {
  expect(settings({})).toMatchObject({
    activityConcurrency: 100,
    orchestrationConcurrency: 1000,
    leaseMs: 10_000,
    crashesMax: 10,
    cancellationGraceMs: 10_000,
    stallAfterMs: 30_000,
    onStall: "report",
    parkedRetryMinMs: 1_000,
    parkedRetryMaxMs: 60_000,
    residentInstancesMax: 10_000,
    residentBytesMax: 268_435_456,
    isCold: false,
    guards: "error",
    nondeterminism: "park",
    workerId: "a random name",
  });
});

test("a first delay beyond the usual bound is its own bound", () => {
  expect(settings({ parkedRetryMin: "5m" })).toMatchObject({ parkedRetryMaxMs: 300_000 });
});

test("a logger that throws harms nobody", () => {
  const { logger } = settings({
    logger: {
      log: () => {
        throw new Error("disk full");
      },
    },
  });
  expect(() => {
    logger.log("info", "hello", {});
  }).not.toThrow();
});
