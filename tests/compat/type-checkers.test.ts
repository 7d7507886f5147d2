/** F45: the types of the archive, by each supported compiler and way to resolve modules. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { run, type Consumer } from "../support/archive.ts";
import { install, openProject } from "./user-project.ts";

const APP = `
import { Client, defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";
const greet = defineActivity("Greet", async (name: string) => "Hello, " + name + "!");
const hello = defineOrchestration("Hello", async (ctx, name: string) => ctx.scheduleActivity(greet, name));
export async function main(): Promise<string> {
  const store = await SqliteProvider.inMemory();
  const runtime = await Runtime.start({ store, activities: [greet], orchestrations: [hello] });
  const handle = await new Client(store).startOrchestration("a", hello, "World");
  const text: string = await handle.result();
  await runtime.shutdown();
  return text;
}
`;

/** Compilers, each with types of Node that it can read. */
const COMPILERS: Readonly<Record<string, readonly [compiler: string, nodeTypes: string]>> = {
  "TypeScript 5.4": ["typescript@5.4.5", "@types/node@20.12.12"],
  "TypeScript 5.9": ["typescript@5.9.3", "@types/node@20.19.43"],
  "TypeScript 6": ["@typescript/typescript6@6.0.2", "@types/node@20.19.43"],
  "TypeScript 7": ["typescript@7.0.2", "@types/node@20.19.43"],
};

const RESOLUTIONS: Readonly<Record<string, readonly string[]>> = {
  nodenext: ["--module", "nodenext", "--moduleResolution", "nodenext"],
  bundler: ["--module", "esnext", "--moduleResolution", "bundler"],
  node: ["--module", "esnext", "--moduleResolution", "node"],
};

describe.each(Object.entries(COMPILERS))("%s", (name, packages) => {
  let project: Consumer;
  beforeAll(async () => {
    project = await openProject();
    mkdirSync(join(project.folder, "src"));
    writeFileSync(join(project.folder, "src/app.mts"), APP);
    writeFileSync(join(project.folder, "src/app.ts"), APP);
    await install(project, ...packages);
  }, 600_000);
  afterAll(() => {
    project?.remove();
  });

  // TypeScript 7 has no old resolution any more, and 6 warns of it.
  const ways = Object.keys(RESOLUTIONS).filter((way) => way !== "node" || name.includes("5."));
  test.each(ways)("without skipLibCheck, module resolution %s", async (way) => {
    const file = way === "nodenext" ? "src/app.mts" : "src/app.ts";
    const strict = ["--noEmit", "--strict", "--target", "es2022", "--types", "node"];
    const compiler = name.endsWith("6") ? "tsc6" : "tsc";
    const args = ["--no-install", compiler, ...strict, ...(RESOLUTIONS[way] ?? []), file];
    const { exitCode, stdout, stderr } = await run("npx", args, project.folder);
    expect({ exitCode, stdout: stdout.slice(0, 2_000) }, stderr).toEqual({
      exitCode: 0,
      stdout: "",
    });
  });
});
