/** Loggers that an application has already, as ours: pino and its kind, winston, the console. */

import type { LogFields, Logger, LogLevel } from "./logger.ts";

/** A logger of pino's kind: fields first, then the message. */
export interface FieldsFirstLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

// Without its `log`, which would take the types from functions that are written in place.
type ConsoleLike = Pick<Console, LogLevel | "groupCollapsed">;

/** What the option `logger` takes. */
export type LoggerLike = Logger | FieldsFirstLogger | ConsoleLike;

type Methods = Partial<Record<LogLevel | "log" | "groupCollapsed", unknown>>;

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** @returns Undefined for what is no logger */
export function toLogger(logger: LoggerLike): Logger | undefined {
  const methods = logger as unknown as Methods | null;
  if (typeof methods !== "object" && typeof methods !== "function") return undefined;
  const hasLevels = LEVELS.every((level) => typeof methods?.[level] === "function");
  // The console writes whatever it is given, and `log` of it knows no levels.
  if (hasLevels && typeof methods?.groupCollapsed === "function") {
    const print = logger as ConsoleLike;
    return {
      log(level: LogLevel, message: string, fields: LogFields): void {
        print[level](message, fields);
      },
    };
  }
  if (typeof methods?.log === "function") return logger as Logger;
  if (!hasLevels) return undefined;
  const structured = logger as FieldsFirstLogger;
  return {
    log(level: LogLevel, message: string, fields: LogFields): void {
      structured[level](fields, message);
    },
  };
}
