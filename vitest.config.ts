import { defineConfig, type TestProjectConfiguration } from "vitest/config";
import { ClosingLineReporter } from "./tests/support/closing-line-reporter.ts";

// Tests import the package by its own name and reach src, without a build.
// The rest is what vite assumes for code that runs in Node.
const conditions = ["@duroxide-ts/source", "module", "node", "development|production"];

interface ProjectOptions {
  readonly name: string;
  readonly include: string;
  readonly testTimeout?: number;
  /** Projects of a later group start when the earlier groups are done. */
  readonly group?: number;
  readonly fileParallelism?: boolean;
}

function project(options: ProjectOptions): TestProjectConfiguration {
  const timeoutMs = options.testTimeout ?? 30_000;
  return {
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      name: options.name,
      include: [options.include],
      pool: "forks",
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      fileParallelism: options.fileParallelism ?? true,
      sequence: { groupOrder: options.group ?? 0 },
    },
  };
}

/** Downloads runtimes, bundlers and compilers from the registry: `npm run compat`. */
const compat =
  process.env["DUROXIDE_COMPAT"] === undefined
    ? []
    : [
        project({
          name: "compat",
          include: "tests/compat/**/*.test.ts",
          testTimeout: 300_000,
          group: 3,
          fileParallelism: false,
        }),
      ];

export default defineConfig({
  test: {
    reporters: ["default", new ClosingLineReporter()],
    passWithNoTests: true,
    // Tests mostly wait, for a store or a timer: two files at a time fit two cores.
    maxWorkers: 2,
    // One PostgreSQL server for the whole run; it is ready within a second.
    globalSetup: ["./tests/support/postgres-server.ts"],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/**/*.test.ts"],
      reporter: ["text-summary", "html"],
    },
    projects: [
      project({ name: "unit", include: "src/**/*.test.ts" }),
      project({ name: "replay", include: "tests/replay/**/*.test.ts" }),
      project({
        name: "conformance",
        include: "tests/conformance/**/*.test.ts",
        testTimeout: 120_000,
      }),
      project({ name: "e2e", include: "tests/e2e/**/*.test.ts", testTimeout: 120_000 }),
      project({ name: "scenarios", include: "tests/scenarios/**/*.test.ts" }),
      project({ name: "examples", include: "tests/examples/**/*.test.ts", testTimeout: 60_000 }),
      project({ name: "mistakes", include: "tests/mistakes/**/*.test.ts", testTimeout: 60_000 }),
      {
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            checker: "tsc",
            tsconfig: "./tsconfig.json",
            include: ["tests/types/**/*.test-d.ts"],
            // Errors elsewhere belong to `npm run typecheck`.
            ignoreSourceErrors: true,
          },
        },
      },
      // Real processes are killed and archives are built: one file at a time, machine to itself.
      project({
        name: "chaos",
        include: "tests/chaos/**/*.test.ts",
        testTimeout: 180_000,
        group: 1,
        fileParallelism: false,
      }),
      project({
        name: "package",
        include: "tests/package/**/*.test.ts",
        testTimeout: 180_000,
        group: 2,
        fileParallelism: false,
      }),
      ...compat,
    ],
  },
});
