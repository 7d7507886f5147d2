/**
 * The seam: the few methods that are needed of `pg`, so that no type of the driver leaks out of the
 * package and any pool of that shape will do.
 */

import { ProviderError } from "../../provider/errors.ts";

/** What a query gives back. */
export interface PgResult {
  readonly rows: readonly Record<string, unknown>[];
  readonly rowCount: number | null;
}

/** One query. */
export interface PgQuery {
  readonly text: string;
  readonly values?: unknown[] | undefined;
}

/** A notification of the server. */
export interface PgNotification {
  readonly channel: string;
  readonly payload?: string | undefined;
}

/** A client of `pg`, as far as it is needed. */
export interface PgClient {
  query(query: PgQuery): Promise<PgResult>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "notification", listener: (message: PgNotification) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "notification", listener: (message: PgNotification) => void): unknown;
}

/** A client that was taken from a pool. */
export interface PgPoolClient extends PgClient {
  /** @param destroy - True or an error: the connection is closed and not used again */
  release(destroy?: boolean | Error): void;
}

/** A pool of `pg`, as far as it is needed. */
export interface PgPool {
  connect(): Promise<PgPoolClient>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** What a pool of our own is made of. */
export interface PoolConfig {
  readonly connectionString: string;
  readonly max: number;
  readonly password?: (() => string | Promise<string>) | undefined;
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
}

/**
 * Opens a pool with the user's installed `pg`.
 *
 * @throws ProviderError `store_failed` when it is not installed
 */
export async function createPool(config: PoolConfig): Promise<PgPool> {
  const { Pool } = await importDriver();
  const pool = new Pool({
    connectionString: config.connectionString,
    max: config.max,
    application_name: config.applicationName,
    connectionTimeoutMillis: config.connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    ...(config.password !== undefined && { password: config.password }),
  });
  return pool;
}

type PoolConstructor = new (config: Readonly<Record<string, unknown>>) => PgPool;

async function importDriver(): Promise<{ readonly Pool: PoolConstructor }> {
  try {
    const driver = (await import("pg")) as unknown as {
      readonly Pool?: PoolConstructor;
      readonly default?: { readonly Pool: PoolConstructor };
    };
    const Pool = driver.Pool ?? driver.default?.Pool;
    if (Pool !== undefined) return { Pool };
    throw new TypeError("the module has no Pool");
  } catch (error) {
    throw new ProviderError(
      "store_failed",
      'Cannot connect to PostgreSQL: the driver "pg" cannot be loaded; run `npm install pg`, or pass a pool of your own',
      { retryable: false, cause: error },
    );
  }
}
