/** Which SQLite binding is used when the user names none. */

import { ProviderError } from "../../provider/errors.ts";
import type { SqliteBinding } from "./driver.ts";

/** Where bindings come from; replaced in tests. */
export interface BindingSources {
  /** The module that is built into Node, if it is. */
  readonly builtIn: () => unknown;
  readonly installed: () => Promise<unknown>;
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
  try {
    return (await sources.installed()) as SqliteBinding;
  } catch (error) {
    throw new ProviderError(
      "sqlite_binding_missing",
      `Cannot load a SQLite binding: Node ${process.version} has none built in and ` +
        '"@photostructure/sqlite" cannot be loaded; install "@photostructure/sqlite", ' +
        "use Node 22.13 or newer, or pass one as the option binding",
      { retryable: false, cause: error },
    );
  }
}
