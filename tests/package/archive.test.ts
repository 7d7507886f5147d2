/** The archive that users install, and the README's program in it. */

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { installPackage, type Consumer } from "../support/archive.ts";
import { blocksOf, readPage, root } from "../support/markdown.ts";

const [hello] = blocksOf(readPage("README.md"), "ts");
const isGreeting = { exitCode: 0, stdout: "Hello, World!\n" };

// Absent from the types of Node 20.
const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript);
const typescriptFlags = stripsTypes
  ? []
  : ["--import", pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href];

let consumer: Consumer;
beforeAll(async () => {
  consumer = await installPackage();
});
afterAll(() => {
  consumer?.remove();
});

describe("the archive", () => {
  test("contains the build, the pages, the examples, the texts beside them and the manifest", () => {
    const outside = consumer.files.filter((file) => !/^(dist|docs|examples)\//.test(file));
    expect(outside).toEqual([
      "ARCHITECTURE.md",
      "CHANGELOG.md",
      "CONTRIBUTING.md",
      "LICENSE",
      "README.md",
      "SECURITY.md",
      "STYLE.md",
      "bench/RESULTS.md",
      "package.json",
    ]);
    const kinds = new Set(consumer.files.map((file) => /\.(d\.ts|[^.]+)(\.map)?$/.exec(file)?.[0]));
    // F36 no maps: one would name sources that are not in the archive.
    expect([...kinds].filter((kind) => kind !== undefined).sort()).toEqual(
      [".d.ts", ".js", ".md", ".json", ".ts"].sort(),
    );
    expect(consumer.files.filter((file) => file.includes(".test"))).toEqual([]);
    expect(consumer.files.filter((file) => file.startsWith("docs/api/"))).toEqual([]);
  });

  test("F46 contains what its pages link to, but for sources of the repository", () => {
    const broken = consumer.files
      .filter((file) => file.endsWith(".md"))
      .flatMap((page) =>
        [
          ...readPage(page)
            .replace(/^```.*?^```$/gms, "")
            .matchAll(/\]\(([^)\s#]+)/g),
        ]
          .map(([, link]) => link as string)
          .filter((link) => !/^[a-z]+:/.test(link))
          .map((link) => join(dirname(page), link))
          .filter((target) => !/^(?:src|tests|bench)(?:\/|$)/.test(target))
          .filter(
            (target) =>
              !consumer.files.some(
                (file) => file === target || file.startsWith(`${target.replace(/\/$/, "")}/`),
              ),
          )
          .map((target) => `${page}: ${target}`),
      );
    expect(broken).toEqual([]);
  });

  test("F32 has no import.meta, which cannot be turned into CommonJS for Jest", () => {
    const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
      .filter((file) =>
        /\bimport\.meta\b/.test(readPage(join("src", file)).replaceAll(/\/\*.*?\*\//gs, "")),
      );
    expect(files).toEqual([]);
  });

  test("F41 contains every page that an error or a docstring names", () => {
    const named = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
      .flatMap((file) => readPage(join("src", file)).match(/\bdocs\/[\w./-]+\.md\b/g) ?? []);
    expect(named).toContain("docs/operations/least-privilege.md");
    expect(named.filter((page) => !consumer.files.includes(page))).toEqual([]);
  });
});

describe("the README's program", () => {
  test("has at most 12 lines", () => {
    expect(hello?.trimEnd().split("\n").length).toBeLessThanOrEqual(12);
  });

  test("runs as a module, as it stands, without a build", async () => {
    consumer.write("hello.mjs", hello as string);
    const ended = await consumer.node("hello.mjs");
    expect(ended).toMatchObject(isGreeting);
    // Node 22 says at the first use that its SQLite is experimental; nothing else may be said.
    expect(
      ended.stderr.replace(/^.*ExperimentalWarning: SQLite.*\n.*--trace-warnings.*\n/m, ""),
    ).toBe("");
  });

  test("is typed by the package, with nothing skipped", async () => {
    consumer.write("hello.mts", hello as string);
    expect(await consumer.typecheck("hello.mts")).toMatchObject({ exitCode: 0, stdout: "" });
    const wrong = "const wrong: number = await handle.result();\n";
    consumer.write("wrong.mts", `${hello as string}${wrong}`);
    expect((await consumer.typecheck("wrong.mts")).stdout).toContain(
      "Type 'string' is not assignable to type 'number'",
    );
  });

  test("runs as TypeScript: by Node itself where it strips types, through tsx elsewhere", async () => {
    consumer.write("hello.mts", hello as string);
    const ended = await consumer.node("--no-warnings", ...typescriptFlags, "hello.mts");
    expect(ended).toMatchObject(isGreeting);
  });
});

describe("CommonJS", () => {
  test("may require every door", async () => {
    const doors = [
      "duroxide-ts",
      ...["sqlite", "provider", "conformance", "testing"].map((d) => `duroxide-ts/${d}`),
    ];
    const lines = doors.map((door) => `console.log(Object.keys(require("${door}")).length > 0);`);
    consumer.write("doors.cjs", lines.join("\n"));
    const ended = await consumer.node("--no-warnings", "doors.cjs");
    expect(ended).toMatchObject({ exitCode: 0, stdout: "true\n".repeat(doors.length) });
  });

  test("gets the same classes as a module of the same process", async () => {
    consumer.write(
      "same.cjs",
      'const { Client } = require("duroxide-ts");\n' +
        'import("duroxide-ts").then((m) => console.log(m.Client === Client));\n',
    );
    expect(await consumer.node("--no-warnings", "same.cjs")).toMatchObject({ stdout: "true\n" });
  });
});

describe("doors", () => {
  test("cannot be walked around", async () => {
    consumer.write("inside.mjs", 'import "duroxide-ts/dist/replay/turn.js";\n');
    expect((await consumer.node("inside.mjs")).stderr).toContain("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });

  test("have types for consumers that bundle, too", async () => {
    const program = [
      'import { runTurn } from "duroxide-ts/testing";',
      'import { PROVIDER_CONTRACT_VERSION, type Provider } from "duroxide-ts/provider";',
      'import { SqliteProvider } from "duroxide-ts/sqlite";',
      "const store: Provider = await SqliteProvider.inMemory();",
      "export const contract: number = PROVIDER_CONTRACT_VERSION;",
      "export { runTurn, store };",
    ];
    consumer.write("bundled.mts", program.join("\n"));
    const bundler = ["--module", "esnext", "--moduleResolution", "bundler"];
    expect(await consumer.typecheck("bundled.mts", ...bundler)).toMatchObject({ stdout: "" });
  });
});
