import { describe, expect, test } from "vitest";

import { loadInstalled } from "./installed-package.ts";

const missing = Object.assign(new Error("Cannot find package 'pg' imported from /app/main.mjs"), {
  code: "ERR_MODULE_NOT_FOUND",
});
const notBundled = new Error('Dynamic require of "fs" is not supported\nmore');

async function failureOf(first: unknown, second: unknown) {
  const fail = (error: unknown) => () => {
    throw error;
  };
  const loaded = await loadInstalled("pg", async () => fail(first)(), fail(second));
  if (loaded.kind !== "failed") throw new Error("It was loaded");
  return loaded.failure;
}

describe("loadInstalled()", () => {
  test("loads through the import, and through the program when the import fails", async () => {
    const direct = await loadInstalled("pg", async () => "imported");
    expect(direct).toEqual({ kind: "loaded", module: "imported" });
    const fallback = await loadInstalled(
      "pg",
      () => Promise.reject(notBundled),
      (name) => `required ${name}`,
    );
    expect(fallback).toEqual({ kind: "loaded", module: "required pg" });
  });

  test("F42 advises an installation only when the package is missing", async () => {
    expect(await failureOf(missing, missing)).toMatchInlineSnapshot(`
      {
        "cause": [Error: Cannot find package 'pg' imported from /app/main.mjs],
        "reason": "the package "pg" is not installed; run \`npm install pg\`",
        "retryable": false,
      }
    `);
  });

  test("F42 names the bundle when code inside it cannot run", async () => {
    expect(await failureOf(notBundled, missing)).toMatchObject({
      reason:
        '"pg" cannot be loaded from inside this bundle (Dynamic require of "fs" is not supported); ' +
        'leave it out of the bundle (`external: ["pg"]`) and install it beside the program',
      cause: notBundled,
      retryable: false,
    });
  });

  test("F42 says why a package that is there cannot be loaded", async () => {
    const broken = new Error("invalid ELF header");
    expect((await failureOf(notBundled, broken)).reason).toMatchInlineSnapshot(
      `"the package "pg" is installed and cannot be loaded (invalid ELF header); run \`npm rebuild pg\`, with the same Node that runs the program"`,
    );
    // Something else than the package itself is missing.
    const inner = Object.assign(new Error("Cannot find module 'pg-pool'"), {
      code: "MODULE_NOT_FOUND",
    });
    expect((await failureOf(inner, inner)).reason).toContain("Cannot find module 'pg-pool'");
  });

  test("F56 says when the process is out of files, and that a retry may succeed", async () => {
    const emfile = Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
    expect(await failureOf(emfile, missing)).toMatchObject({
      retryable: true,
      reason: expect.stringContaining("EMFILE") as string,
    });
  });
});
