/** Which SQLite binding is used when the user names none. */

import { ProviderError } from "../../provider/errors.ts";
import { loadInstalled } from "../../provider/installed-package.ts";
import type { SqliteBinding } from "./driver.ts";

export const PACKAGE = "@photostructure/sqlite";

/** Where bindings come from; replaced in tests. */
export interface BindingSources {
  /** The module that is built into Node, if it is. */
  readonly builtIn: () => unknown;
  readonly installed: () => Promise<unknown>;
  /** @default what the program would load by this name */
  readonly fromProgram?: ((name: string) => unknown) | undefined;
}

const systemSources: BindingSources = {
  builtIn: () => process.getBuiltinModule("node:sqlite" as "node:fs"),
  installed: () => import("@photostructure/sqlite"),
};

/**
 * Finds a binding: the built-in module first, then `@photostructure/sqlite`.
 *
 * @throws ProviderError `sqlite_binding_missing` when there is neither
 */
export async function findBinding(sources: BindingSources = systemSources): Promise<SqliteBinding> {
  const builtIn = sources.builtIn();
  if (builtIn !== undefined) return builtIn as SqliteBinding;
  const loaded = await loadInstalled(PACKAGE, sources.installed, sources.fromProgram);
  if (loaded.kind === "loaded") return loaded.module as SqliteBinding;
  const { reason, retryable, cause } = loaded.failure;
  throw new ProviderError(
    "sqlite_binding_missing",
    `Cannot load a SQLite binding: Node ${process.version} has none built in, and ${reason}; ` +
      "or use Node 22.13 or newer, or pass one as the option binding",
    { retryable, cause },
  );
}
