/** F6 F36 F42: the archive inside of bundles; those of esbuild are in `npm test`. */

import { readdirSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { run, type Consumer } from "../support/archive.ts";
import { freshDatabase } from "../support/postgres.ts";
import { install, openProject, PRINTED, PROGRAM } from "./user-project.ts";

let project: Consumer;
beforeAll(async () => {
  project = await openProject();
  project.write("app.mjs", PROGRAM);
  project.write(
    "rollup.config.mjs",
    `import resolve from "@rollup/plugin-node-resolve";
import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
export default {
  input: "app.mjs",
  output: { dir: "out/rollup", format: "es", sourcemap: true, entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" },
  plugins: [resolve({ preferBuiltins: true, exportConditions: ["node"] }), commonjs(), json()],
  onwarn() {},
};
`,
  );
  project.write(
    "webpack.config.cjs",
    `module.exports = {
  mode: "production", target: "node20", entry: "./app.mjs", devtool: "source-map",
  output: { filename: "app.cjs", path: __dirname + "/out/webpack" },
  stats: "errors-only", ignoreWarnings: [() => true],
};
`,
  );
  project.write(
    "vite.config.mjs",
    `export default {
  build: { ssr: "app.mjs", outDir: "out/vite", sourcemap: true },
  ssr: { noExternal: true }, logLevel: "error",
};
`,
  );
  await install(
    project,
    ...["rollup@4.68.8", "@rollup/plugin-node-resolve@16.0.3", "@rollup/plugin-commonjs@29.0.3"],
    ...["@rollup/plugin-json@6.1.0", "webpack@5.113.0", "webpack-cli@6.0.1", "vite@8.3.8"],
    "@vercel/ncc@0.45.0",
  );
}, 600_000);
afterAll(() => {
  project?.remove();
});

const BUNDLERS: Readonly<
  Record<string, { readonly args: readonly string[]; readonly out: string }>
> = {
  rollup: { args: ["rollup", "-c"], out: "out/rollup" },
  webpack: { args: ["webpack"], out: "out/webpack" },
  "vite SSR": { args: ["vite", "build"], out: "out/vite" },
  ncc: { args: ["ncc", "build", "app.mjs", "-o", "out/ncc", "-s", "-q"], out: "out/ncc" },
};

test.each(Object.entries(BUNDLERS))("%s", async (name, { args, out }) => {
  const built = await run("npx", ["--no-install", ...args], project.folder);
  expect(built.exitCode, built.stdout + built.stderr).toBe(0);
  const files = readdirSync(join(project.folder, out));
  const entry = files.find((file) => /^(app|index)\.(mjs|cjs|js)$/.test(file)) ?? "";
  const file = join(out, entry);
  const database = await freshDatabase();
  const flags = ["--no-warnings", "--enable-source-maps"];
  const ended = await project.node(...flags, file, `${name.replaceAll(" ", "")}.db`, database);
  expect(ended.exitCode, ended.stderr).toBe(0);
  const lines = ended.stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(PRINTED.length);
  for (const [i, line] of lines.entries()) expect(line).toMatch(PRINTED[i]!);
  expect(lines[1]).toContain("app.mjs:"); // The user's own file, through the map.
});
