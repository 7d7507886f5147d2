/**
 * Another program on a SQLite file, such as the `sqlite3` shell: runs one statement and closes.
 *
 * Arguments: the file and the statement.
 */

import { findBinding } from "../../src/providers/sqlite/binding.ts";
import { openDatabase } from "../../src/providers/sqlite/driver.ts";

const [, , file = "", sql = ""] = process.argv;
const database = openDatabase(await findBinding(), file);
// Without a prepared statement: some bindings close a database only after its last one.
database.exec(sql);
database.close();
