/**
 * Door `duroxide-ts/postgres`: the store in a PostgreSQL database.
 *
 * @packageDocumentation
 */

export type {
  PgClient,
  PgNotification,
  PgPool,
  PgPoolClient,
  PgQuery,
  PgResult,
} from "./driver.ts";
export type { PostgresOptions } from "./options.ts";
export { PostgresProvider } from "./provider.ts";
