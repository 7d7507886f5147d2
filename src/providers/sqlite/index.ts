/**
 * Door `duroxide-ts/sqlite`: the store in a SQLite file, or in memory.
 *
 * @packageDocumentation
 */

export type {
  SqliteBinding,
  SqliteConstructor,
  SqliteDatabase,
  SqliteStatement,
  SqlValue,
} from "./driver.ts";
export type { SqliteDurability, SqliteOptions } from "./options.ts";
export { SqliteProvider } from "./provider.ts";
