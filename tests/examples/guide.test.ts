/** Every complete program of the guide is executed; programs and fragments are type-checked. */

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";

import { readGuide } from "./guide.ts";
import { root, runProgram } from "./programs.ts";

const { chapters, programs, fragments, links } = readGuide();
const folder = makeFolder();
afterAll(() => rmSync(folder, { recursive: true }));

describe("docs/guide/", () => {
  test("has chapters, programs and fragments", () => {
    expect(chapters.length).toBeGreaterThan(10);
    expect(programs.length).toBeGreaterThan(10);
    expect(fragments.length).toBeGreaterThan(10);
  });

  test("shows the output of each program below it", () => {
    const silent = programs.filter((program) => program.expected === undefined);
    expect(silent.map((program) => program.name)).toEqual([]);
  });

  test("F37 uses no syntax that a supported Node cannot parse", () => {
    const newer = [...programs, ...fragments].filter(({ code }) => /\bawait using\b/.test(code));
    expect(newer.map(({ name }) => name)).toEqual([]);
  });

  test("links only to what exists", () => {
    expect(links.filter((link) => !link.isAlive).map((link) => link.text)).toEqual([]);
  });

  test("contains only code that compiles", async () => {
    const compiler = join(root, "node_modules/.bin/tsc");
    const flags = [compiler, "--project", ".", "--pretty", "false"];
    const output = await promisify(execFile)(process.execPath, flags, { cwd: folder }).then(
      (result) => result.stdout,
      (error: unknown) => (error as { stdout: string }).stdout,
    );
    // Errors of the package itself are reported with a path that leads out of the folder.
    const errors = output.split("\n").filter((line) => /^[^./\s]/.test(line));
    expect(errors).toEqual([]);
  });

  test.concurrent.each(programs)("$name prints what stands below it", async (program) => {
    const { exitCode, output, errors } = await runProgram(join(folder, `${program.name}.ts`));
    expect({ exitCode, output }, errors).toEqual({ exitCode: 0, output: program.expected });
  });
});

/** Lays out all code of the guide as a project that depends on the package, like a user's. */
function makeFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "duroxide-guide-"));
  mkdirSync(join(path, "node_modules"));
  symlinkSync(root, join(path, "node_modules/duroxide-ts"), "dir");
  for (const name of ["zod", "@types"]) {
    symlinkSync(join(root, "node_modules", name), join(path, "node_modules", name), "dir");
  }
  writeFileSync(join(path, "package.json"), JSON.stringify({ type: "module" }));
  const config = {
    extends: join(root, "tsconfig.base.json"),
    compilerOptions: {
      noEmit: true,
      customConditions: ["@duroxide-ts/source"],
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
      // A fragment declares what its reader imagines as used, and may end early.
      noImplicitReturns: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: ["*.ts"],
  };
  writeFileSync(join(path, "tsconfig.json"), JSON.stringify(config));
  for (const { name, code } of programs) writeFileSync(join(path, `${name}.ts`), code);
  for (const { name, code, setup } of fragments) {
    writeFileSync(join(path, `${name}.fragment.ts`), wrapFragment(setup, code));
  }
  return path;
}

/** Makes a module of a fragment: it may use `ctx`, `await`, `return`, and what the setup declares. */
function wrapFragment(setup: string, code: string): string {
  return `${setup}
export async function fragment(ctx: import("duroxide-ts").OrchestrationContext) {
${code}
}
`;
}
