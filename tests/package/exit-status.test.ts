/** A red test makes a red run: nothing that the tests bring along may say otherwise. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Run {
  readonly status: number | null;
  readonly lastLine: string | undefined;
}

/** Runs one test with the set-up and the reporter of this repository. */
function runTest(assertion: string, reporters: string): Run {
  const folder = mkdtempSync(join(tmpdir(), "duroxide-exit-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(join(folder, "one.test.ts"), `test("one", () => { ${assertion} });\n`);
  writeFileSync(
    join(folder, "vitest.config.ts"),
    `import { ClosingLineReporter } from "${ROOT}tests/support/closing-line-reporter.ts";
export default {
  resolve: { conditions: ["@duroxide-ts/source", "node"] },
  test: {
    root: "${folder}",
    globals: true,
    reporters: ${reporters},
    globalSetup: ["${ROOT}tests/support/postgres-server.ts"],
  },
};
`,
  );
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", "--config", `${folder}/vitest.config.ts`],
    { cwd: ROOT, encoding: "utf8", env: { ...process.env, DATABASE_URL: undefined } },
  );
  return { status, lastLine: stdout.trim().split("\n").at(-1) };
}

const OURS = "[new ClosingLineReporter()]";

test("a run with a red test ends with a status that says so", () => {
  const red = runTest("expect(1).toBe(2)", OURS);
  expect(red).toEqual({ status: 1, lastLine: "0 passed, 1 failed" });
  expect(runTest("expect(1).toBe(2)", '["dot"]').status).toBe(1);
});

test("a run without one ends with 0", () => {
  expect(runTest("expect(1).toBe(1)", OURS)).toEqual({
    status: 0,
    lastLine: "1 passed, 0 failed",
  });
});
