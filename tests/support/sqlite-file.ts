/** Looks at a SQLite file behind the back of the provider. */

import { findBinding } from "../../src/providers/sqlite/binding.ts";
import { openDatabase } from "../../src/providers/sqlite/driver.ts";

/** @returns "ok", or what is wrong with the file */
export async function checkIntegrity(file: string): Promise<string> {
  const database = openDatabase(await findBinding(), file);
  try {
    const row = database.prepare("pragma integrity_check").get() as { integrity_check: string };
    return row.integrity_check;
  } finally {
    database.close();
  }
}
