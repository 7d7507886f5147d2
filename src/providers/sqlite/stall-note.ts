/**
 * Notes a stall from another thread, and parks what was noted.
 *
 * I1. The thread uses the same SQLite library as the store: a second one in the process would end the
 *     locks of the first (see `open-files.ts`). So there are no notes with a binding of the user.
 * I2. The note goes to a node of this process only, should another file lie in the place by now.
 */

import { findInstalled } from "../../provider/installed-package.ts";
import type { InstanceRelease, StallNote } from "../../provider/provider.ts";
import { PACKAGE } from "./binding.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/** Runs in the thread that watches the event loop. */
const SOURCE = `
const { DatabaseSync } = require(data.library);
const database = new DatabaseSync(data.file);
try {
  database.exec("pragma busy_timeout = 2000");
  database
    .prepare("update nodes set stall = ? where id = ? and pid = ? and process_start = ?")
    .run(data.stall, data.node, data.pid, data.start);
} finally {
  database.close();
}
`;

export interface StallPlace {
  /** Absent in memory. */
  readonly file: string | undefined;
  readonly self: ProcessIdentity;
  readonly hasOwnBinding: boolean;
}

/** See `Provider.stallNote`. */
export function toStallNote(release: InstanceRelease, place: StallPlace): StallNote | undefined {
  const { file, self, hasOwnBinding } = place;
  const library = hasOwnBinding ? undefined : findLibrary(); // (I1)
  if (file === undefined || library === undefined) return undefined;
  const { pid, start } = self;
  const data = { library, file, node: release.claim.node, pid, start }; // (I2)
  return { source: SOURCE, data: { ...data, stall: JSON.stringify(release) } };
}

export function parseStall(stall: string): InstanceRelease {
  return JSON.parse(stall) as InstanceRelease;
}

/** As `findBinding` does. */
function findLibrary(): string | undefined {
  const builtIn = "node:sqlite";
  const found: unknown = process.getBuiltinModule(builtIn as "node:fs");
  return found === undefined ? findInstalled(PACKAGE) : builtIn;
}
