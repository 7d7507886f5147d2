/**
 * Long texts of rows that are compared with others; the schema says why.
 *
 * I1. A column of such a row holds a short text itself, and the number of a long one; `node:sqlite`
 *     binds each number as a real one, so no type but that of texts is asked for.
 * I2. A long text goes with the row that names it: triggers of the schema remove it.
 */

import type { Connection, SqliteStatement, SqlValue } from "./driver.ts";

/**
 * Longest text that stays in its row, in UTF-16 units. With all else that is in the row it fits into a
 * quarter of a page, which is what SQLite keeps of a key within its page.
 */
const SHORT_LENGTH_MAX = 512;
/** Most bytes of a UTF-16 unit in UTF-8. */
const UNIT_BYTES_MAX = 3;

const INSERT = `
insert into long_texts (text)
values (?)`;

/** The text that a column holds or names, for a select. (I1) */
export function textOf(column: string): string {
  return `iif(
    typeof(${column}) in ('text', 'null'),
    ${column},
    (select t.text from long_texts t where t.id = ${column})
  )`;
}

export class LongTexts {
  readonly #insert: SqliteStatement;

  constructor(connection: Connection) {
    this.#insert = connection.prepare(INSERT);
  }

  /** @returns What the column of a row holds for the text (I1) */
  place(text: string): SqlValue {
    if (text.length <= SHORT_LENGTH_MAX / UNIT_BYTES_MAX) return text;
    if (text.length <= SHORT_LENGTH_MAX && Buffer.byteLength(text) <= SHORT_LENGTH_MAX) return text;
    return Number(this.#insert.run(text).lastInsertRowid);
  }
}
