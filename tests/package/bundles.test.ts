/** The package inside of bundles, as esbuild makes them. */

import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { installPackage, type Consumer } from "../support/archive.ts";
import { root } from "../support/markdown.ts";

const PROGRAM = `
import { Client, defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
const greet = defineActivity("Greet", async (name) => "Hello, " + name + "!");
const hello = defineOrchestration("Hello", async (ctx, name) => {
  await ctx.scheduleTimer("10ms");
  return ctx.scheduleActivity(greet, name);
});
const bad = defineOrchestration("Bad", async () => Math.random());
async function main() {
  const store = await SqliteProvider.open(process.argv[2]);
  const logger = { log() {} };
  const runtime = await Runtime.start({
    store, logger, activities: [greet], orchestrations: [hello, bad], nondeterminism: "fail",
  });
  const client = new Client(store);
  const handle = await client.startOrchestration("good", hello, "World");
  console.log(await handle.result({ timeout: "30s" }));
  const failing = await client.startOrchestration("bad", bad);
  await failing.result({ timeout: "30s" }).catch((error) => console.log(error.message));
  await runtime.shutdown();
  await store.close();
  await PostgresProvider.connect("postgres://localhost:1/none").catch((error) => console.log(error.code));
}
main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
`;

/** Line of `Math.random()` above. */
const BAD_LINE = PROGRAM.split("\n").findIndex((line) => line.includes("Math.random()")) + 1;

let consumer: Consumer;
beforeAll(async () => {
  consumer = await installPackage();
  consumer.write("app.mjs", PROGRAM);
  // The driver is the user's own dependency.
  symlinkSync(join(root, "node_modules/pg"), join(consumer.folder, "node_modules/pg"), "dir");
});
afterAll(() => {
  consumer?.remove();
});

async function bundle(format: "esm" | "cjs"): Promise<string> {
  const outfile = format === "esm" ? "bundle.mjs" : "bundle.cjs";
  await build({
    absWorkingDir: consumer.folder,
    entryPoints: ["app.mjs"],
    outfile,
    format,
    bundle: true,
    platform: "node",
    sourcemap: true,
    logLevel: "error",
  });
  return outfile;
}

describe.each(["esm", "cjs"] as const)("a bundle (%s)", (format) => {
  test("F6 F42 runs, and F36 names the line that the bundle has", async () => {
    const file = await bundle(format);
    const { exitCode, stdout, stderr } = await consumer.node("--no-warnings", file, `${format}.db`);
    const [hello, guard = "", postgres] = stdout.split("\n");
    expect({ exitCode, hello, postgres }, stderr).toEqual({
      exitCode: 0,
      hello: "Hello, World!",
      postgres: "store_unreachable",
    });
    const line = Number(new RegExp(`${file}:(\\d+):`).exec(guard)?.[1]);
    const lines = readFileSync(join(consumer.folder, file), "utf8").split("\n");
    expect(lines[line - 1]).toContain("Math.random()");
  });

  test("F36 names the user's own line with source maps", async () => {
    const file = await bundle(format);
    const ended = await consumer.node("--enable-source-maps", file, `${format}-maps.db`);
    expect(ended.stdout, ended.stderr).toContain(`app.mjs:${BAD_LINE}:`);
  });
});
