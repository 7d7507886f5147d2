/** What a user may choose about a PostgreSQL store, with units, bounds and defaults. */

import { type DurationInput, parseDurationMs } from "../../foundation/duration.ts";
import { UsageError } from "../../foundation/errors.ts";
import { assertKnownOptions, type OptionNames } from "../../foundation/known-options.ts";
import { OptionDoor } from "../../foundation/option-values.ts";

/** Options of {@link PostgresProvider.connect}. */
export interface PostgresOptions {
  /**
   * The schema that holds the store's tables: a letter or underscore, then letters, digits and
   * underscores, at most 40 of them. Several stores in one database have different schemas.
   *
   * @default "duroxide"
   */
  readonly schema?: string | undefined;
  /**
   * Whether processes tell each other of changes with LISTEN and NOTIFY. `false` for a pooler in
   * transaction mode, which cannot pass them on: then each process polls every `pollInterval`.
   *
   * @default true
   */
  readonly notify?: boolean | undefined;
  /**
   * How often the store polls for changes of others. With notifications the polls are a safety net.
   * Twice as often, every 1 s to 30 s, the listening connection is checked. At least 10 ms.
   *
   * @default "60s" with notifications, "1s" without
   */
  readonly pollInterval?: DurationInput | undefined;
  /**
   * Most connections of the pool that is opened for a URL; at least 6. Ignored for a pool of yours.
   *
   * @default 8
   */
  readonly maxConnections?: number | undefined;
  /**
   * Asked for a password or token before each new connection, as cloud identities need it. Ignored
   * for a pool of yours.
   */
  readonly password?: (() => string | Promise<string>) | undefined;
  /**
   * Whether to create or upgrade the tables. `false` for a user without that right; an administrator
   * then runs {@link PostgresProvider.migrationScript}.
   *
   * @default true
   */
  readonly migrate?: boolean | undefined;
  /**
   * How long {@link PostgresProvider.connect} waits for a server that cannot be reached, before it
   * rejects with what happened; 0 asks once.
   *
   * @default 0
   */
  readonly waitForStore?: DurationInput | undefined;
  /**
   * Longest wait for a connection, and for an answer of the server, also to a statement of a
   * transaction of yours and to the migration. A commit that takes longer is not lost: its outcome is
   * asked for before anything else is written. At least 100 ms; there is no value for "no limit".
   *
   * @default "30s"
   */
  readonly queryTimeout?: DurationInput | undefined;
}

const POSTGRES_OPTIONS: OptionNames<PostgresOptions> = {
  schema: true,
  notify: true,
  pollInterval: true,
  maxConnections: true,
  password: true,
  migrate: true,
  waitForStore: true,
  queryTimeout: true,
};

/** Options of {@link PostgresProvider.migrationScript}. */
export interface MigrationScriptOptions {
  /** The schema that holds the tables. @default "duroxide" */
  readonly schema?: string | undefined;
  /** The role that gets the rights of an application. @default none */
  readonly role?: string | undefined;
}

const SCRIPT_OPTIONS: OptionNames<MigrationScriptOptions> = { schema: true, role: true };

/** @throws UsageError `invalid_argument` */
export function parseScriptOptions(options: MigrationScriptOptions): {
  readonly schema: string;
  readonly role: string | undefined;
} {
  assertKnownOptions(options, SCRIPT_OPTIONS, "migrationScript");
  return { schema: parseSchema(options.schema), role: options.role };
}

/** The options after validation. */
export interface StoreSettings {
  readonly schema: string;
  readonly hasNotifications: boolean;
  readonly pollMs: number;
  readonly connectionsMax: number;
  readonly password: (() => string | Promise<string>) | undefined;
  readonly mayMigrate: boolean;
  readonly queryTimeoutMs: number;
  readonly waitForStoreMs: number;
}

const CONNECTIONS_MIN = 6;
const POLL_MS_MIN = 10;
const QUERY_MS_MIN = 100;
/** How often a process asks for changes where it cannot listen, in milliseconds. */
const UNTOLD_POLL_MS = 1_000;
const SCHEMA = /^[a-z_][a-z0-9_]{0,39}$/i;

const door = new OptionDoor("Cannot connect to PostgreSQL");

/** @throws UsageError `invalid_argument`, `invalid_duration` */
export function parseOptions(options: PostgresOptions): StoreSettings {
  assertKnownOptions(options, POSTGRES_OPTIONS, "a PostgreSQL store");
  const { maxConnections = 8, migrate = true, queryTimeout = "30s" } = options;
  const notify = door.flag("notify", options.notify ?? true);
  const pollInterval = options.pollInterval ?? (notify ? "60s" : "1s");
  return {
    schema: parseSchema(options.schema),
    hasNotifications: notify,
    pollMs: door.duration("pollInterval", pollInterval, { min: POLL_MS_MIN }),
    connectionsMax: door.count("maxConnections", maxConnections, CONNECTIONS_MIN),
    password: toPassword(options.password),
    mayMigrate: door.flag("migrate", migrate),
    waitForStoreMs: parseDurationMs(options.waitForStore ?? 0, "`waitForStore`"),
    queryTimeoutMs: door.duration("queryTimeout", queryTimeout, { min: QUERY_MS_MIN }),
  };
}

/** The value is a secret, also where it is none of a function. */
function toPassword(password: PostgresOptions["password"]): PostgresOptions["password"] {
  if (password === undefined || typeof password === "function") return password;
  throw door.refusal(
    "password",
    `a value of type ${typeof password}`,
    "a function that returns the password, or put it into the URL",
  );
}

/** For a pool that has no connection to spare for listening. */
export function withoutListening(settings: StoreSettings): StoreSettings {
  const { hasNotifications, pollMs } = settings;
  return {
    ...settings,
    hasNotifications: false,
    pollMs: hasNotifications ? Math.min(pollMs, UNTOLD_POLL_MS) : pollMs,
  };
}

/** @throws UsageError `invalid_argument` */
export function parseSchema(schema: unknown): string {
  if (schema === undefined) return "duroxide";
  if (typeof schema === "string" && SCHEMA.test(schema)) return schema;
  throw new UsageError(
    "invalid_argument",
    `Cannot use the schema "${typeof schema === "string" ? schema.slice(0, 100) : typeof schema}": a name has at most 40 letters, digits and underscores and begins with no digit; choose another one`,
  );
}
