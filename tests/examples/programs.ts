/** Runs a TypeScript program as its author would: in a process of its own, through tsx. */

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { freshDatabase } from "../support/postgres.ts";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** A program that takes longer than this hangs. */
const PROGRAM_MS_MAX = 45_000;

export interface ProgramResult {
  readonly exitCode: number | string | null;
  readonly output: string;
  /** What it wrote to stderr, for the message of a failed test. */
  readonly errors: string;
}

/**
 * @param file - Absolute path of a `.ts` file that can resolve `duroxide-ts`
 * @returns How the program ended; never rejects
 */
export async function runProgram(file: string): Promise<ProgramResult> {
  const env = {
    ...process.env,
    // A program that is told about a test run could behave differently in it.
    NODE_ENV: "",
    VITEST: "",
    ...(readFileSync(file, "utf8").includes("DATABASE_URL") && {
      DATABASE_URL: await freshDatabase(),
    }),
  };
  const tsx = new URL("../../node_modules/tsx/dist/esm/index.mjs", import.meta.url).href;
  const flags = ["--import", tsx, "--conditions=@duroxide-ts/source", "--no-warnings"];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...flags, file],
      { timeout: PROGRAM_MS_MAX, env },
      (error, output, errors) => {
        const exitCode = error === null ? 0 : (error.code ?? error.signal ?? null);
        resolve({ exitCode, output, errors });
      },
    );
  });
}
