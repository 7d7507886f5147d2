import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

/** What asks for names, facts and notices, and leaves no descriptor to close. */
const HARMLESS = new Set([
  "accessSync",
  "constants",
  "fstatSync",
  "FSWatcher",
  "readdirSync",
  "readFileSync",
  "readlinkSync",
  "realpathSync",
  "statfsSync",
  "Stats",
  "statSync",
  "watch",
  "writeSync", // To a descriptor that is open, such as standard error.
]);
/** Opens files under new names of its own, which are no store's. */
const NOTES = "src/providers/sqlite/open-notes.ts";
const IMPORT = /import\s+([^;]*?)\s+from\s+"(?:node:)?fs(?:\/promises)?"/g;
const REQUIRED = /const \{([^}]*)\} = require\("node:fs"\)/g;
const OTHERWISE =
  /(?:import|require|getBuiltinModule)\("(?:node:)?fs(?:\/promises)?"\)|\* as \w+ from "(?:node:)?fs/;
const READ = /\breadFileSync\((["`][^"`$]*)?/g;

/** What of a source could open a file, and close it again. */
function findOpenings(source: string): string[] {
  const lists = [...source.matchAll(IMPORT), ...source.matchAll(REQUIRED)];
  const names = lists.flatMap(([, names = ""]) =>
    names
      .replaceAll(/[{}]|\btype\b/g, " ")
      .split(",")
      .map((name) => name.trim()),
  );
  const reads = [...source.matchAll(READ)].filter(
    ([, path]) => !path?.slice(1).startsWith("/proc/"),
  );
  return [
    ...names.filter((name) => name !== "" && !HARMLESS.has(name)),
    ...reads.map(([read]) => read),
    ...(OTHERWISE.exec(source.replaceAll(REQUIRED, "")) ?? []),
  ];
}

describe("the sources", () => {
  test("F1 open no file beside SQLite: closing another descriptor drops its locks", () => {
    const files = readdirSync("src", { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !/\.test(-d)?\.ts$/.test(file))
      .map((file) => `src/${file}`)
      .filter((file) => file !== NOTES);
    expect(files.length).toBeGreaterThan(100);
    const openings = files.flatMap((file) =>
      findOpenings(readFileSync(file, "utf8")).map((opening) => `${file}: ${opening}`),
    );
    expect(openings).toEqual([]);
  });

  test("F1 open notes under new names only", () => {
    const source = readFileSync(NOTES, "utf8");
    expect(findOpenings(source)).toEqual(["closeSync", "openSync", "readSync", "unlinkSync"]);
    expect(source.match(/openSync\(.*\)/g)).toEqual(['openSync(path, "wx+", 0o600)']);
  });

  test.each([
    'import { openSync } from "node:fs";',
    'import { statSync, type Stats, readSync } from "fs";',
    'import { open } from "node:fs/promises";',
    'import * as fs from "node:fs";',
    'import fs from "node:fs";',
    'const fs = await import("node:fs");',
    'import { readFileSync } from "node:fs"; readFileSync(file);',
    'import { readFileSync } from "node:fs"; readFileSync(`${file}-wal`);',
  ])("F1 would be caught at %s", (source) => {
    expect(findOpenings(source)).not.toEqual([]);
  });
});
