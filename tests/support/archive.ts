/** The package as users get it: packed by npm, installed by npm, in an empty folder. */

import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";

import { root } from "./markdown.ts";

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; never rejects. */
export function run(program: string, args: readonly string[], folder: string): Promise<Ended> {
  // A program that is told about a test run, or about our conditions, could behave differently.
  const env = { ...process.env, NODE_ENV: "", NODE_OPTIONS: "", VITEST: "" };
  return new Promise((resolve) => {
    execFile(program, args, { cwd: folder, env, timeout: 120_000 }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ exitCode, stdout, stderr });
    });
  });
}

async function runWell(program: string, args: readonly string[], folder: string): Promise<string> {
  const { exitCode, stdout, stderr } = await run(program, args, folder);
  if (exitCode === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")} ended with ${exitCode}:\n${stdout}\n${stderr}`);
}

export interface Consumer {
  readonly folder: string;
  /** Paths inside the archive, sorted. */
  readonly files: readonly string[];
  write(name: string, text: string): void;
  node(...args: readonly string[]): Promise<Ended>;
  /** Checks files with our compiler and a consumer's settings. */
  typecheck(...args: readonly string[]): Promise<Ended>;
  remove(): void;
}

/** What `npm pack` takes from the repository; built and packed aside, so that `dist` is left alone. */
const SOURCES = [
  ...["package.json", "README.md", "CHANGELOG.md", "LICENSE", "src", "docs", "examples"],
  ...["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "STYLE.md", "bench/RESULTS.md"],
  ...["tsconfig.base.json", "tsconfig.build.json"],
  // In the repository, and must not be in the package.
  ...["tests", "tools"],
];

/** Packs the repository as it is, with its own build, and installs it into an empty folder. */
export async function installPackage(): Promise<Consumer> {
  const base = mkdtempSync(join(tmpdir(), "duroxide-package-"));
  const [source, folder] = [join(base, "source"), join(base, "consumer")];
  mkdirSync(folder);
  for (const name of SOURCES) cpSync(join(root, name), join(source, name), { recursive: true });
  const modules = join(root, "node_modules");
  const bin = join(modules, ".bin");
  writeFileSync(join(source, ".npmrc"), "");
  await runWell("ln", ["-s", modules, join(source, "node_modules")], base);
  const listing = await runWell("npm", ["pack", "--json", "--pack-destination", base], source);
  const [archive] = JSON.parse(listing.slice(listing.indexOf("[\n"))) as {
    readonly filename: string;
    readonly files: readonly { readonly path: string }[];
  }[];
  if (archive === undefined) throw new Error(`npm pack made nothing: ${listing}`);
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline"];
  await runWell("npm", ["install", ...quiet, join(base, archive.filename)], folder);
  return {
    folder,
    files: archive.files.map((file) => file.path).sort(),
    write: (name, text) => {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    },
    node: (...args) => run(process.execPath, args, folder),
    typecheck: (...args) => {
      const types = ["--typeRoots", join(modules, "@types"), "--types", "node"];
      const strict = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext"];
      const compiler = ["tsc", "tsc6"].map((name) => join(bin, name)).find(existsSync) ?? "tsc";
      return run(compiler, [...strict, ...types, ...args], folder);
    },
    remove: () => {
      rmSync(base, { recursive: true, force: true });
    },
  };
}
