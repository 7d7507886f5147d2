/** A SQLite library beside the one that stores use: a copy of a binding with its native part. */

import { cpSync, mkdirSync, mkdtempSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import type { SqliteBinding } from "../../src/providers/sqlite/driver.ts";

const require = createRequire(import.meta.url);

/** The binding of another copy of the package, as another `node_modules` folder would have it. */
export function loadSecondLibrary(): SqliteBinding {
  // Not removed: what is loaded stays mapped until the process ends.
  const modules = join(mkdtempSync(join(tmpdir(), "duroxide-library-")), "node_modules");
  const own = dirname(dirname(require.resolve("@photostructure/sqlite")));
  const copy = join(modules, "@photostructure", "sqlite");
  mkdirSync(copy, { recursive: true });
  for (const part of ["package.json", "dist"]) {
    cpSync(join(own, part), join(copy, part), { recursive: true });
  }
  const platform = `${process.platform}-${process.arch}`;
  cpSync(join(own, "prebuilds", platform), join(copy, "prebuilds", platform), { recursive: true });
  const needs = createRequire(join(own, "package.json"));
  const loader = dirname(needs.resolve("node-gyp-build"));
  cpSync(realpathSync(loader), join(modules, "node-gyp-build"), { recursive: true });
  return require(copy) as SqliteBinding;
}
