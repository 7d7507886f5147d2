/**
 * Statements of users: numbered parameters as PostgreSQL has them, values as JavaScript has them.
 *
 * Boundary: knows SQLite's tokens and no more of its grammar.
 *
 * Bindings bind plain `?` in the same way and numbered ones in different ways, so each `$n` becomes a
 * `?` of its own.
 */

import { UsageError } from "../../foundation/errors.ts";
import type { QueryResult } from "../../foundation/transaction.ts";
import type { SqliteDatabase } from "./driver.ts";

/** What of a statement matters here. */
export interface UserStatement {
  /** With `?` for each `$n`. */
  readonly sql: string;
  /** The parameter of each `?`, from 0; undefined when the statement has plain ones. */
  readonly order: readonly number[] | undefined;
  /** Its first words in lower case. */
  readonly words: readonly string[];
  readonly isReturning: boolean;
}

/** Texts, quoted names, comments, parameters, words, numbers, and every other character by itself. */
const TOKEN =
  /'[^']*(?:''[^']*)*'?|"[^"]*(?:""[^"]*)*"?|`[^`]*(?:``[^`]*)*`?|\[[^\]]*\]?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\$\d+|\?\d*|[a-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|[\s\S]/gi;
const NOTHING = /^(\s|--|\/\*)/;
const WORD = /^[a-z_]/i;
const WORDS_KEPT = 4;

const ENDS = new Set(["begin", "commit", "end", "rollback"]);
const CHANGES = new Set(["insert", "update", "delete", "replace", "with"]);
const READS = new Set(["select", "values", "with", "pragma", "explain"]);

/** @throws UsageError `invalid_argument` for what a transaction must not contain */
export function parseStatement(sql: string): UserStatement {
  const order: number[] = [];
  const words: string[] = [];
  let text = "";
  let isPlain = false;
  let isReturning = false;
  let isEnded = false;
  let isMore = false;
  for (const [token] of sql.matchAll(TOKEN)) {
    const isNumbered = token.startsWith("$") && token.length > 1;
    text += isNumbered ? "?" : token;
    if (NOTHING.test(token)) continue;
    if (token === ";") isEnded = true;
    else if (isEnded) isMore = true;
    if (isNumbered) order.push(Number(token.slice(1)) - 1);
    if (token.startsWith("?")) isPlain = true;
    if (!WORD.test(token)) continue;
    if (words.length < WORDS_KEPT) words.push(token.toLowerCase());
    if (token.toLowerCase() === "returning") isReturning = true;
  }
  assertAllowed(words, isMore);
  if (isPlain && order.length > 0) throw unusable("it mixes `?` and `$1`; write `$1`, `$2`");
  return { sql: text, order: isPlain ? undefined : order, words, isReturning };
}

function assertAllowed(words: readonly string[], isMore: boolean): void {
  const [first = ""] = words;
  const isPartial = first === "rollback" && words.slice(1, 3).includes("to");
  if (ENDS.has(first) && !isPartial) {
    throw unusable("the transaction begins and ends by itself; throw to roll it back");
  }
  const isTrigger = first === "create" && words.slice(1, 3).includes("trigger");
  // Bindings would run the first of several and forget the others.
  if (isMore && !isTrigger) throw unusable("it is more than one; pass one at a time");
}

/** The values in the order of the placeholders. */
export function toValues({ order }: UserStatement, parameters: readonly unknown[]): unknown[] {
  const values = parameters.map(toValue);
  if (order === undefined) return values;
  const wanted = Math.max(0, ...order.map((index) => index + 1));
  if (wanted !== values.length || order.includes(-1)) {
    throw unusable(`it has $1 to $${wanted}, and ${values.length} parameters were passed`);
  }
  return order.map((index) => values[index]);
}

function toValue(value: unknown, index: number): unknown {
  switch (typeof value) {
    case "undefined":
      return null;
    case "boolean":
      return value ? 1 : 0;
    case "string":
    case "number":
    case "bigint":
      return value;
    default:
      break;
  }
  if (value === null || value instanceof Uint8Array) return value;
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  throw unusable(
    `parameter $${index + 1} is a value of type ${typeof value}; pass a text, number, boolean, ` +
      "bigint, byte array, valid date or null, and objects as JSON texts",
  );
}

/** What bindings offer besides the common methods. */
interface AnyStatement {
  run(...values: unknown[]): { readonly changes: number | bigint };
  all(...values: unknown[]): unknown[];
  /** Of `node:sqlite`, from some version on; better-sqlite3's throws for statements without rows. */
  columns?(): readonly unknown[];
  /** Of better-sqlite3. */
  readonly reader?: boolean;
}

/** Runs a statement on any binding. */
export function runStatement(
  database: SqliteDatabase,
  statement: UserStatement,
  values: readonly unknown[],
): QueryResult<unknown> {
  const prepared = database.prepare(statement.sql) as unknown as AnyStatement;
  if (returnsRows(prepared, statement)) {
    // Bindings make rows without a prototype, which show as such wherever they are printed.
    const rows = prepared.all(...values).map((row) => ({ ...(row as object) }));
    return { rows, rowCount: rows.length };
  }
  const { changes } = prepared.run(...values);
  // SQLite reports the changes of the statement before for one that changes no rows.
  return { rows: [], rowCount: CHANGES.has(statement.words[0] ?? "") ? Number(changes) : 0 };
}

function returnsRows(prepared: AnyStatement, { words, isReturning }: UserStatement): boolean {
  if (typeof prepared.reader === "boolean") return prepared.reader;
  if (typeof prepared.columns === "function") return prepared.columns().length > 0;
  return isReturning || READS.has(words[0] ?? "");
}

function unusable(why: string): UsageError {
  return new UsageError("invalid_argument", `Cannot run this statement: ${why}`);
}
