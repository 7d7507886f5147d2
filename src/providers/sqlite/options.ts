/** What a user may choose about a SQLite store, with units, bounds and defaults. */

import { type Clock, systemClock, toWholeClock } from "../../foundation/clock.ts";
import { assertKnownOptions, type OptionNames } from "../../foundation/known-options.ts";
import { OptionDoor, showValue } from "../../foundation/option-values.ts";
import { type DurationInput, parseDurationMs } from "../../foundation/duration.ts";
import { isBinding, type SqliteBinding } from "./driver.ts";

/**
 * What survives.
 *
 * - `full`: what was acknowledged survives a power loss (WAL, `synchronous=full`).
 * - `process`: what was acknowledged survives the end of the process, however it ends; a power loss
 *   may take back the last moments, never a part of one (WAL, `synchronous=normal`).
 */
export type SqliteDurability = "full" | "process";

/** Options of {@link SqliteProvider.open} and {@link SqliteProvider.inMemory}. */
export interface SqliteOptions {
  /** @default "full" */
  readonly durability?: SqliteDurability | undefined;
  /**
   * How long a call waits while another process holds the store; the event loop stays free.
   *
   * @default "30s"
   */
  readonly busyTimeout?: DurationInput | undefined;
  /**
   * A SQLite binding of your own choice: the module `node:sqlite`, `better-sqlite3` or another one
   * of either shape. All connections of a process to the file have to be of one SQLite library: pass
   * the class with which you open the same file yourself.
   *
   * @default the built-in `node:sqlite` where it exists, otherwise `@photostructure/sqlite`
   */
  readonly binding?: SqliteBinding | undefined;
  /**
   * Another clock, for tests. Its times are whole milliseconds; fractions are dropped.
   *
   * @default the machine's clock
   */
  readonly clock?: Clock | undefined;
  /**
   * How often the store polls for changes of other processes. After 200 polls without a change the
   * operating system notifies of the next write, and polls become rare, down to one in five seconds;
   * on Windows, on network and virtual file systems that notify of nothing, and where there are no
   * watches left, five times as rare. At least 1 ms.
   *
   * @default 10 milliseconds
   */
  readonly changePollInterval?: DurationInput | undefined;
}

const SQLITE_OPTIONS: OptionNames<SqliteOptions> = {
  durability: true,
  busyTimeout: true,
  binding: true,
  clock: true,
  changePollInterval: true,
};

/** The options after validation. */
export interface StoreSettings {
  readonly isFullyDurable: boolean;
  readonly busyTimeoutMs: number;
  readonly changePollMs: number;
  readonly binding: SqliteBinding | undefined;
  readonly clock: Clock;
}

const DURABILITIES: readonly SqliteDurability[] = ["full", "process"];
const BUSY_TIMEOUT_MS = 30_000;
const CHANGE_POLL_MS = 10;

const door = new OptionDoor("Cannot open the store");

/** @throws UsageError `invalid_argument`, `invalid_duration` */
export function parseOptions(options: SqliteOptions): StoreSettings {
  assertKnownOptions(options, SQLITE_OPTIONS, "a SQLite store");
  return {
    isFullyDurable: door.oneOf("durability", options.durability ?? "full", DURABILITIES) === "full",
    busyTimeoutMs: parseDurationMs(options.busyTimeout ?? BUSY_TIMEOUT_MS, "`busyTimeout`"),
    changePollMs: door.duration(
      "changePollInterval",
      options.changePollInterval ?? CHANGE_POLL_MS,
      {
        min: 1,
      },
    ),
    binding: toBinding(options.binding),
    clock: options.clock === undefined ? systemClock : toWholeClock(options.clock),
  };
}

function toBinding(binding: unknown): SqliteBinding | undefined {
  if (binding === undefined || isBinding(binding)) return binding;
  throw door.refusal(
    "binding",
    showValue(binding),
    'the module itself, such as `import Database from "better-sqlite3"`, or leave it out',
  );
}
