/**
 * The seam: the few methods that are needed of `pg`, so that no type of the driver leaks out of the
 * package and any pool of that shape will do.
 */

import { toTimerMs } from "../../foundation/timer.ts";
import { ProviderError } from "../../provider/errors.ts";
import { loadInstalled } from "../../provider/installed-package.ts";

/** What a query gives back. */
export interface PgResult {
  readonly rows: readonly Record<string, unknown>[];
  readonly rowCount: number | null;
}

/** One query. */
export interface PgQuery {
  readonly text: string;
  readonly values?: unknown[] | undefined;
  /** `extended`: exactly one statement, parameters or not. */
  readonly queryMode?: "extended" | undefined;
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
  readonly options?: PgPoolOptions | undefined;
  connect(): Promise<PgPoolClient>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "connect" | "acquire", listener: (client: PgPoolClient) => void): unknown;
}

/** What a pool says of itself, where it does. */
export interface PgPoolOptions {
  readonly max?: number | undefined;
  readonly connectionString?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
  readonly database?: string | undefined;
  readonly user?: string | undefined;
}

/** What a pool of our own is made of. */
export interface PoolConfig {
  readonly connectionString: string;
  readonly max: number;
  readonly password?: PasswordSource | undefined;
  readonly applicationName: string;
  /** Longest wait for a connection, in milliseconds. */
  readonly connectTimeoutMs: number;
}

/** What the driver makes of a URL, the environment and its defaults. */
export interface DriverTarget {
  readonly host?: unknown;
  readonly port?: unknown;
  readonly database?: unknown;
  readonly user?: unknown;
  readonly ssl?: unknown;
}

/** The user's installed `pg`. */
export interface Driver {
  readonly Pool: new (config: DriverConfig) => PgPool;
  readonly Client: ClientConstructor;
}

type DriverConfig = Readonly<Record<string, unknown>>;
type PasswordSource = () => string | Promise<string>;
type ClientConstructor = new (config: DriverConfig) => DriverClient;

interface DriverClient extends DriverTarget, PgClient {
  password: unknown;
}

/** Opens a pool. */
export function createPool({ Pool, Client }: Driver, config: PoolConfig): PgPool {
  const { password } = config;
  return new Pool({
    connectionString: config.connectionString,
    max: config.max,
    application_name: config.applicationName,
    connectionTimeoutMillis: toTimerMs(config.connectTimeoutMs),
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    ...(password !== undefined && { Client: askingFor(password, Client) }),
  });
}

/** The driver takes an empty password from a URL without one, and then asks no function. */
function askingFor(password: PasswordSource, Client: ClientConstructor): ClientConstructor {
  return class extends Client {
    constructor(config: DriverConfig) {
      super(config);
      this.password = password;
    }
  };
}

/** @throws ProviderError `store_failed` when it is not installed */
export async function importDriver(): Promise<Driver> {
  type DriverModule = Partial<Driver> & { readonly default?: Partial<Driver> };
  const loaded = await loadInstalled("pg", () => import("pg") as unknown as Promise<DriverModule>);
  if (loaded.kind === "failed") {
    const { reason, retryable, cause } = loaded.failure;
    throw new ProviderError(
      "store_failed",
      `Cannot connect to PostgreSQL: ${reason}; or pass a pool of your own`,
      { retryable, cause },
    );
  }
  const { module } = loaded;
  const { Pool, Client } = module.Pool === undefined ? (module.default ?? module) : module;
  if (Pool !== undefined && Client !== undefined) return { Pool, Client };
  throw new ProviderError(
    "store_failed",
    'Cannot connect to PostgreSQL: the package "pg" has no Pool; install the driver "pg" 8.11 or newer, or pass a pool of your own',
    { retryable: false },
  );
}
