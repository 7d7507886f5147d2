/**
 * An error as data: what crosses queues, history and processes when user code fails.
 *
 * Boundary: turns anything that can be thrown into JSON and never throws itself. Turning it back
 * into an `Error` that users catch is `orchestration/errors.ts`.
 *
 * I1. A failure is bounded: message, stack, details and cause chain have limits with units.
 * I2. Nothing that user code throws (a string, a frozen object, a cycle of causes, a getter that
 *     throws) can make this file throw.
 */

import { isDuroxideError, type ErrorCategory } from "../foundation/errors.ts";

/** An error in its stored form. */
export interface Failure {
  readonly category: ErrorCategory;
  /** What happened, as one of the package's codes, such as `activity_failed` or `canceled`. */
  readonly code: string;
  /** Class name of what was thrown, such as `CardDeclinedError`. */
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** The `code` that the thrown error carried itself. */
  readonly userCode?: string | number | undefined;
  /** The other own properties of the thrown error, as far as they are JSON. */
  readonly data?: unknown;
  readonly cause?: Failure | undefined;
  /** True when the thrown error says that a retry cannot help. */
  readonly isNonRetryable?: boolean | undefined;
}

/** Longest stored message, in UTF-16 units. */
export const MESSAGE_LENGTH_MAX = 65_536;
/** Longest stored class name and longest stored `code` of a thrown error, in UTF-16 units. */
export const NAME_LENGTH_MAX = 256;
/** Longest stored stack, in UTF-16 units. */
export const STACK_LENGTH_MAX = 16_384;
/** Most JSON text kept of an error's own properties, in UTF-16 units. */
export const DATA_LENGTH_MAX = 65_536;
/** Longest stored chain of causes. */
export const CAUSE_DEPTH_MAX = 16;

/** Code of the failure that a canceled orchestration leaves. */
export const CANCELED = "canceled";

/**
 * Turns anything that was thrown into its stored form.
 *
 * @param thrown - Any value at all
 * @param code - The package's code for what happened
 */
export function toFailure(
  thrown: unknown,
  code: string,
  category: ErrorCategory = "application",
): Failure {
  return convert(thrown, { code, category }, new Set(), 0);
}

/** The text that people read: what the reference displays for the same failure. */
export function describeFailure(failure: Failure): string {
  return failure.code === CANCELED ? `canceled: ${failure.message}` : failure.message;
}

/** The failure of an orchestration that was canceled. */
export function canceledFailure(reason: string): Failure {
  return {
    category: "application",
    code: CANCELED,
    name: "CanceledError",
    message: cut(reason, MESSAGE_LENGTH_MAX),
  };
}

interface Label {
  readonly code: string;
  readonly category: ErrorCategory;
}

function convert(thrown: unknown, label: Label, seen: Set<unknown>, depth: number): Failure {
  if (typeof thrown !== "object" || thrown === null) {
    return { ...label, name: typeof thrown, message: cut(printable(thrown), MESSAGE_LENGTH_MAX) };
  }
  seen.add(thrown);
  const isError = attempt(() => thrown instanceof Error) === true;
  const message = readText(thrown, "message");
  const stack = readText(thrown, "stack");
  const userCode = read(thrown, "code");
  const cause = read(thrown, "cause");
  const data = isError ? ownData(thrown as Error) : toData(thrown);
  return {
    ...label,
    name: cut(readText(thrown, "name") ?? (isError ? "Error" : "object"), NAME_LENGTH_MAX),
    message: cut(message ?? (isError ? "" : printable(thrown)), MESSAGE_LENGTH_MAX),
    ...(stack !== undefined && { stack: cut(stack, STACK_LENGTH_MAX) }),
    ...(typeof userCode === "string" && { userCode: cut(userCode, NAME_LENGTH_MAX) }),
    ...(Number.isFinite(userCode) && { userCode: userCode as number }),
    ...(data !== undefined && { data }),
    ...(cause !== undefined &&
      cause !== null &&
      !seen.has(cause) &&
      depth < CAUSE_DEPTH_MAX && { cause: convert(cause, label, seen, depth + 1) }),
    ...(read(thrown, "isNonRetryable") === true && { isNonRetryable: true }),
  };
}

/** Does what hostile objects may prevent: their getters and proxies may throw. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined; // What cannot be read says nothing about the error that carries it.
  }
}

function read(target: object, key: string): unknown {
  return attempt(() => (target as Record<string, unknown>)[key]);
}

function readText(target: object, key: string): string | undefined {
  const value = read(target, key);
  return typeof value === "string" ? value : undefined;
}

const STANDARD_KEYS = new Set(["name", "message", "stack", "cause", "code", "isNonRetryable"]);

function ownData(error: Error): unknown {
  // Our own errors say everything in `details`; their `failure` would double with every level.
  const isOurs = attempt(() => isDuroxideError(error)) === true;
  const keys = attempt(() => Object.keys(error)) ?? [];
  const entries: [string, unknown][] = [];
  let lengthLeft = DATA_LENGTH_MAX;
  for (const key of keys) {
    if (STANDARD_KEYS.has(key) || key === "__proto__" || (isOurs && key === "failure")) continue;
    const text = toJsonText(read(error, key), lengthLeft);
    if (text === undefined) continue;
    lengthLeft -= key.length + text.length;
    if (lengthLeft < 0) break;
    entries.push([key, JSON.parse(text)]);
  }
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function toData(value: unknown): unknown {
  const text = toJsonText(value, DATA_LENGTH_MAX);
  return text === undefined ? undefined : JSON.parse(text);
}

/** Undefined when the value is too long or not JSON: the message still tells the story. */
function toJsonText(value: unknown, lengthMax: number): string | undefined {
  const text = attempt(() => JSON.stringify(value) as string | undefined);
  return text === undefined || text.length > lengthMax ? undefined : text;
}

function printable(value: unknown): string {
  const text = attempt(() =>
    typeof value === "object"
      ? (JSON.stringify(value) as string | undefined)
      : String(value as symbol),
  );
  return text ?? "a value that cannot be printed";
}

function cut(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return `${text.slice(0, lengthMax)} [cut, ${text.length} characters in all]`;
}
