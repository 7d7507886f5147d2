/**
 * Loads a package that the user has installed, also from inside a bundle.
 *
 * A bundler that follows `import("pg")` may produce code that cannot run: a native addon has no place
 * in a bundle, and an ES module has no `require`. Then the package is loaded once more, as the program
 * that the process was started with would load it.
 *
 * Boundary: knows no package by name, and nothing of stores.
 */

import { hasNoDescriptors } from "../foundation/free-descriptors.ts";
import { isError } from "../foundation/is-error.ts";

/** Why a package cannot be loaded. */
export interface LoadFailure {
  /** To be put after "Cannot ...: ", with the remedy. */
  readonly reason: string;
  /** Whether the process is short of something, such as file descriptors, and may try again. */
  readonly retryable: boolean;
  readonly cause: unknown;
}

export type LoadedPackage<T> =
  | { readonly kind: "loaded"; readonly module: T }
  | { readonly kind: "failed"; readonly failure: LoadFailure };

const MISSING_CODES = new Set(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);
const SHORTAGE_CODES = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/**
 * @param name - The package, such as `pg`
 * @param load - Imports it; written out at the caller, so that bundlers see it
 * @param loadFromProgram - Replaced in tests
 */
export async function loadInstalled<T>(
  name: string,
  load: () => Promise<T>,
  loadFromProgram: (name: string) => unknown = requireFromProgram,
): Promise<LoadedPackage<T>> {
  // Node remembers for good what it could not read then, and calls the package missing ever after.
  if (hasNoDescriptors()) return { kind: "failed", failure: noDescriptors(name) };
  try {
    return { kind: "loaded", module: await load() };
  } catch (first) {
    try {
      return { kind: "loaded", module: loadFromProgram(name) as T };
    } catch (second) {
      return { kind: "failed", failure: explain(name, first, second) };
    }
  }
}

/** The file of a package that {@link loadInstalled} has loaded, for other threads; undefined: not found. */
export function findInstalled(name: string): string | undefined {
  const { createRequire } = process.getBuiltinModule("node:module");
  for (const from of [findOwnFile(), process.argv[1] ?? `${process.cwd()}/`]) {
    try {
      if (from === undefined) continue;
      return createRequire(from).resolve(name);
    } catch {
      continue; // A bundle, mostly.
    }
  }
  return undefined;
}

/**
 * This file, read off a stack; undefined in a bundle. `import.meta` could not be turned into CommonJS,
 * as Jest wants it (F32).
 */
function findOwnFile(): string | undefined {
  const { stack = "" } = new Error("here");
  return /\((.*[\\/]provider[\\/]installed-package\.[jt]s):\d/.exec(stack)?.[1];
}

/** As `require(name)` in the file that the process was started with. */
function requireFromProgram(name: string): unknown {
  const { createRequire } = process.getBuiltinModule("node:module");
  return createRequire(process.argv[1] ?? `${process.cwd()}/`)(name) as unknown;
}

function noDescriptors(name: string): LoadFailure {
  const reason = `"${name}" cannot be loaded now: this process has no free file descriptors; close files and sockets, or raise their limit (\`ulimit -n\`), and try again`;
  return { reason, retryable: true, cause: undefined };
}

function explain(name: string, first: unknown, second: unknown): LoadFailure {
  const shortage = [first, second].find((error) => SHORTAGE_CODES.has(codeOf(error)));
  if (shortage !== undefined) {
    const reason = `"${name}" cannot be loaded now (${codeOf(shortage)}: the process is out of files or memory); close what it holds open, or raise its limits, and try again`;
    return { reason, retryable: true, cause: shortage };
  }
  const isMissing = isAbout(second, name);
  if (isMissing && isAbout(first, name)) {
    const reason = `the package "${name}" is not installed; run \`npm install ${name}\``;
    return { reason, retryable: false, cause: first };
  }
  const cause = isMissing ? first : second;
  const reason = isMissing
    ? `"${name}" cannot be loaded from inside this bundle (${messageOf(cause)}); leave it out of the bundle (\`external: ["${name}"]\`) and install it beside the program`
    : `the package "${name}" is installed and cannot be loaded (${messageOf(cause)}); run \`npm rebuild ${name}\`, with the same Node that runs the program`;
  return { reason, retryable: false, cause };
}

/** Whether the error says that this package is missing, and not something that the package needs. */
function isAbout(error: unknown, name: string): boolean {
  return MISSING_CODES.has(codeOf(error)) && messageOf(error).includes(`'${name}'`);
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

function messageOf(error: unknown): string {
  const message = isError(error) ? error.message : String(error);
  return message.split("\n")[0]?.slice(0, 200) ?? "";
}
