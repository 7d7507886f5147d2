/** Works on a SQLite file from another process, as the `sqlite3` shell does. */

import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { findBinding } from "../../src/providers/sqlite/binding.ts";
import { openDatabase } from "../../src/providers/sqlite/driver.ts";

const PROGRAM = fileURLToPath(new URL("./sqlite-shell.process.ts", import.meta.url));
const ARGUMENTS = ["--import", "tsx", "--conditions=@duroxide-ts/source", PROGRAM];

/**
 * Opens the file in another process, runs the statement, and closes. The `sqlite3` program is tried
 * first: before 3.51 SQLite deletes a log as soon as the locks on the file are gone, later ones look
 * at the locks on the index of the log, too.
 */
async function runShell(file: string, sql: string): Promise<void> {
  const run = promisify(execFile);
  try {
    await run("sqlite3", [file, sql]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await run(process.execPath, [...ARGUMENTS, file, sql]);
  }
}

/** Makes the backup that the manual names. @returns The ids of the instances in it, in order */
export async function backUp(file: string): Promise<readonly string[]> {
  const copy = `${file}-${randomUUID()}.backup`;
  await runShell(file, `vacuum into '${copy}'`);
  const database = openDatabase(await findBinding(), copy);
  try {
    const rows = database.prepare("select id from instances order by id").all();
    return rows.map((row) => (row as { readonly id: string }).id);
  } finally {
    database.close();
  }
}
