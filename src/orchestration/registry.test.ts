import { describe, expect, test } from "vitest";

import { defineActivity, defineOrchestration } from "./define.ts";
import { ActivityRegistry, OrchestrationRegistry } from "./registry.ts";

const run = async () => undefined;
const problemsOf = (build: () => unknown): unknown => {
  try {
    build();
  } catch (error) {
    const { code, details } = error as { code: string; details: { problems: readonly string[] } };
    return [code, ...details.problems];
  }
  return "no problem";
};

describe("OrchestrationRegistry", () => {
  const two = () =>
    OrchestrationRegistry.builder()
      .registerVersioned("o", "1.0.0", run)
      .registerVersioned("o", "2.0.0", run);

  test("S217 a plain registration is version 1.0.0", () => {
    const registry = OrchestrationRegistry.builder().register("o", run).build();
    expect(registry.versions("o")).toEqual(["1.0.0"]);
    expect(registry.resolve("o")?.version).toBe("1.0.0");
  });

  test("S218 without a version the latest is resolved, with one exactly that", () => {
    const registry = two().build();
    expect(registry.resolve("o")?.version).toBe("2.0.0");
    expect(registry.resolve("o", "1.0.0")?.version).toBe("1.0.0");
    expect(registry.resolve("o", "3.0.0")).toBe(undefined);
    expect(registry.resolve("x")).toBe(undefined);
  });

  test("F40 S220 an exact policy decides, also when set later; a version that is not registered is refused", () => {
    const registry = two().versionPolicy("o", { exact: "1.0.0" }).build();
    expect(registry.resolve("o")?.version).toBe("1.0.0");
    registry.setVersionPolicy("o", "latest");
    expect(registry.resolve("o")?.version).toBe("2.0.0");
    expect(() => registry.setVersionPolicy("o", { exact: "9.0.0" })).toThrow(
      'Cannot set the version policy of "o": version "9.0.0" is not registered, only 1.0.0, 2.0.0; pass "latest" or one that is registered',
    );
    expect(registry.resolve("o")?.version).toBe("2.0.0");
    expect(() => registry.setVersionPolicy("x", "latest")).toThrow("no such orchestration");
  });

  test.each<[string, unknown]>([
    ["{ version }", { version: "1.0.0" }],
    ["a version", "1.0.0"],
    ["{ exact } of no version", { exact: "v2" }],
    ["{ exact } of a number", { exact: 2 }],
    ["an empty object", {}],
    ["null", null],
    ["nothing", undefined],
  ])("F40 refuses a policy that is none: %s", (_, policy) => {
    const refusal = expect.objectContaining({
      code: "invalid_argument",
      message: expect.stringContaining('version policy of "o"'),
    });
    expect(() => two().versionPolicy("o", policy as never)).toThrow(refusal);
    const registry = two().build();
    expect(() => registry.setVersionPolicy("o", policy as never)).toThrow(refusal);
  });

  test("F40 build() refuses a policy of a version that is not registered", () => {
    const builder = two().versionPolicy("o", { exact: "3.0.0" });
    expect(() => builder.build()).toThrow(
      expect.objectContaining({
        code: "invalid_definition",
        message:
          'Cannot build the registry: the version policy of "o" fails: version "3.0.0" is not registered, only 1.0.0, 2.0.0; register what a policy names, or correct the policy',
      }),
    );
  });

  test("S222 S224 build() names everything that is wrong at once", () => {
    const builder = two()
      .registerVersioned("o", "2.0.0", run)
      .registerVersioned("o", "1.5.0", run)
      .versionPolicy("unknown", "latest");
    expect(problemsOf(() => builder.build())).toEqual([
      "invalid_definition",
      'orchestration "o" version "2.0.0" is registered twice',
      'orchestration "o" version "1.5.0" is registered after the higher version "2.0.0"; register versions in ascending order',
      'a version policy names the unknown orchestration "unknown"',
    ]);
  });

  test("semantics 34.11 pre-releases come before their release, and 10 after 9", () => {
    const ascending = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0", "1.9.0", "1.10.0"];
    let builder = OrchestrationRegistry.builder();
    for (const version of ascending) builder = builder.registerVersioned("o", version, run);
    expect(builder.build().versions("o")).toEqual(ascending);
    expect(
      problemsOf(() =>
        OrchestrationRegistry.builder()
          .registerVersioned("o", "1.0.0", run)
          .registerVersioned("o", "1.0.0-beta", run)
          .build(),
      ),
    ).toHaveLength(2);
  });

  test("S225 a merge is the union with its policies; a clash is an error, the same value is none", () => {
    const shared = defineOrchestration("shared", run);
    const library = OrchestrationRegistry.builder()
      .register(shared)
      .registerVersioned("o", "1.0.0", run)
      .registerVersioned("o", "2.0.0", run)
      .versionPolicy("o", { exact: "1.0.0" })
      .build();
    const merged = OrchestrationRegistry.builder().register(shared).merge(library).build();
    expect(merged.names()).toEqual(["o", "shared"]);
    expect(merged.resolve("o")?.version).toBe("1.0.0");
    const overridden = OrchestrationRegistry.builder().versionPolicy("o", "latest").merge(library);
    expect(overridden.build().resolve("o")?.version).toBe("2.0.0");
    const clash = OrchestrationRegistry.builder().register("shared", run).merge(library);
    expect(problemsOf(() => clash.build())).toEqual([
      "duplicate_definition",
      'orchestration "shared" version "1.0.0" is registered twice',
    ]);
  });

  test("S226 lists, and an empty one resolves nothing", () => {
    const registry = two().register("a", run).build();
    expect([registry.names(), registry.count, registry.has("o"), registry.has("x")]).toEqual([
      ["a", "o"],
      2,
      true,
      false,
    ]);
    expect([registry.versions("o"), registry.versions("x")]).toEqual([["1.0.0", "2.0.0"], []]);
    expect(registry.definitions()).toHaveLength(3);
    const empty = OrchestrationRegistry.builder().build();
    expect([empty.count, empty.resolve("o")]).toEqual([0, undefined]);
  });

  test("names of Object.prototype are names like others", () => {
    expect(two().build().resolve("constructor")).toBe(undefined);
    expect(two().register("__proto__", run).build().has("__proto__")).toBe(true);
  });
});

describe("ActivityRegistry", () => {
  test("S226 S225 lists, merges, and reports clashes", () => {
    const a = defineActivity("a", run);
    const library = ActivityRegistry.builder().register(a).register("b", run).build();
    const merged = ActivityRegistry.builder().register(a).merge(library).build();
    expect([merged.names(), merged.count, merged.has("a"), merged.has("c")]).toEqual([
      ["a", "b"],
      2,
      true,
      false,
    ]);
    expect(merged.get("a")).toBe(a);
    expect(merged.get("c")).toBe(undefined);
    expect(
      problemsOf(() => ActivityRegistry.builder().register("b", run).merge(library).build()),
    ).toEqual(["duplicate_definition", 'activity "b" is registered twice']);
  });
});
