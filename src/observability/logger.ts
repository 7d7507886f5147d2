/** Where lines go. A port: users plug in what they have. */

import { OptionDoor } from "../foundation/option-values.ts";

/** Facts beside a line: ids, names, counts. */
export type LogFields = Readonly<Record<string, unknown>>;

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Takes lines. Must not throw; must not block. */
export interface Logger {
  log(level: LogLevel, message: string, fields: LogFields): void;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const LEVELS = Object.keys(RANK) as LogLevel[];

const door = new OptionDoor("Cannot make a logger");

/**
 * Writes one line per entry to standard error, fields as JSON.
 *
 * @param minimum - Lines below it are dropped
 * @throws UsageError `invalid_argument` when it is no level
 */
export function consoleLogger(minimum: LogLevel = "info"): Logger {
  door.oneOf("minimum", minimum, LEVELS);
  return {
    log(level, message, fields) {
      if (RANK[level] < RANK[minimum]) return;
      // One call, one line: control characters in messages must not forge others.
      const text = JSON.stringify(message).slice(1, -1).replaceAll('\\"', '"');
      // eslint-disable-next-line no-console -- Writing to the console is what this logger is for.
      console.error(`[duroxide] ${level} ${text} ${toJson(fields)}`);
    },
  };
}

function toJson(fields: LogFields): string {
  try {
    return JSON.stringify(fields);
  } catch {
    return "{}"; // Fields that are not JSON must not cost the line.
  }
}

/** Drops everything. */
export const silentLogger: Logger = { log: () => undefined };
