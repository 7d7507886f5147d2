/**
 * An error as data: what crosses queues, history and processes when user code fails.
 *
 * Boundary: turns anything that can be thrown into JSON and never throws itself. Turning it back
 * into an `Error` that users catch is `orchestration/errors.ts`.
 *
 * I1. A failure is bounded: message, stack, details, cause chain and the errors inside of it have
 *     limits with units.
 * I2. Nothing that user code throws (a string, a frozen object, a cycle of causes, a getter that
 *     throws) can make this file throw.
 */

import { isDuroxideError, type ErrorCategory } from "../foundation/errors.ts";
import { isError } from "../foundation/is-error.ts";

/** An error in its stored form. */
export interface Failure {
  readonly category: ErrorCategory;
  /** What happened, as one of the package's codes, such as `activity_failed` or `canceled`. */
  readonly code: string;
  /** Class name of what was thrown, such as `CardDeclinedError`. */
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /**
   * The `code` that the thrown error carried itself; for a failed activity or child that of the error
   * that its code threw, however many levels down.
   */
  readonly userCode?: string | number | undefined;
  /** The other own properties of the thrown error, as far as they are JSON. */
  readonly data?: unknown;
  readonly cause?: Failure | undefined;
  /** The errors of an `AggregateError` and its like; the last one says when some were left out. */
  readonly errors?: readonly Failure[] | undefined;
  /** True when the orchestration was ended without its code. */
  readonly isTerminated?: boolean | undefined;
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
/** Most errors kept beside the chain of causes: those in lists and in properties, at every depth. */
export const NESTED_COUNT_MAX = 64;
/** Most text kept of them together, in UTF-16 units; the first one beyond it is the last one kept. */
export const NESTED_LENGTH_MAX = 131_072;

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
  return new Conversion({ code, category }).convert(thrown, 0);
}

/** The end of the chain of causes: what no other error is the cause of. */
export function rootCauseOf(failure: Failure): Failure {
  let root = failure;
  while (root.cause !== undefined) root = root.cause;
  return root;
}

/** The failure of an orchestration that was canceled, or ended without its code. */
export function canceledFailure(reason: string, isTerminated = false): Failure {
  return {
    category: "application",
    code: CANCELED,
    name: "CanceledError",
    message: cut(reason, MESSAGE_LENGTH_MAX),
    ...(isTerminated && { isTerminated }),
  };
}

interface Label {
  readonly code: string;
  readonly category: ErrorCategory;
}

/** One thrown value on its way into its stored form, with what is left of its bounds (I1). */
class Conversion {
  readonly #label: Label;
  readonly #seen = new Set<unknown>();
  #countLeft = NESTED_COUNT_MAX;
  #lengthLeft = NESTED_LENGTH_MAX;

  constructor(label: Label) {
    this.#label = label;
  }

  /** @param depth - Levels of causes and nested errors above this one */
  convert(thrown: unknown, depth: number): Failure {
    if (typeof thrown !== "object" || thrown === null) {
      const isText = typeof thrown === "string" && thrown.trim() !== "";
      const text = cut(isText ? thrown : printable(thrown), MESSAGE_LENGTH_MAX);
      const message = isText ? text : `${text} was thrown, which is no Error`;
      return { ...this.#label, name: thrown === null ? "null" : typeof thrown, message };
    }
    this.#seen.add(thrown);
    const hasErrorClass = isError(thrown);
    const message = messageOf(thrown);
    const stack = readText(thrown, "stack");
    const userCode = userCodeOf(thrown);
    const cause = read(thrown, "cause");
    const errors = this.#errorsOf(thrown, depth);
    const data = hasErrorClass
      ? this.#ownData(thrown, depth, errors !== undefined)
      : this.#toData(thrown, depth);
    const name = nameOf(thrown) ?? (hasErrorClass ? "Error" : "object");
    return {
      ...this.#label,
      name: cut(name, NAME_LENGTH_MAX),
      message: cut(message ?? (hasErrorClass ? "" : describeObject(thrown)), MESSAGE_LENGTH_MAX),
      ...(stack !== undefined && { stack: cut(stack, STACK_LENGTH_MAX) }),
      ...(typeof userCode === "string" && { userCode: cut(userCode, NAME_LENGTH_MAX) }),
      ...(Number.isFinite(userCode) && { userCode: userCode as number }),
      ...(data !== undefined && { data }),
      ...(cause !== undefined &&
        cause !== null &&
        !this.#seen.has(cause) &&
        depth < CAUSE_DEPTH_MAX && {
          // The end of the chain says most: a chain that is too long is cut before it.
          cause: this.convert(depth + 1 < CAUSE_DEPTH_MAX ? cause : endOf(cause), depth + 1),
        }),
      ...(errors !== undefined && { errors }),
      ...(read(thrown, "isNonRetryable") === true && { isNonRetryable: true }),
    };
  }

  /** Undefined for what has been seen already, and when the bounds are used up. */
  #convertNested(thrown: unknown, depth: number): Failure | undefined {
    const isOver = this.#countLeft <= 0 || this.#lengthLeft <= 0 || depth >= CAUSE_DEPTH_MAX;
    if (isOver || this.#seen.has(thrown)) return undefined;
    this.#countLeft -= 1;
    const before = this.#lengthLeft;
    const failure = this.convert(thrown, depth + 1);
    // What is nested deeper has been counted by then, and is part of the text: it counts once.
    this.#lengthLeft = Math.min(this.#lengthLeft, before - JSON.stringify(failure).length);
    return failure;
  }

  /** The list of an `AggregateError`, or of any error that keeps one under the same name. */
  #errorsOf(thrown: object, depth: number): Failure[] | undefined {
    const list = attempt((): readonly unknown[] => {
      const errors = read(thrown, "errors");
      return Array.isArray(errors) && (isAggregate(thrown) || errors.every(isError)) ? errors : [];
    });
    if (list === undefined || list.length === 0) return undefined;
    const failures: Failure[] = [];
    for (const error of list) {
      const failure = this.#convertNested(error, depth);
      if (failure !== undefined) failures.push(failure);
      else if (this.#countLeft <= 0 || this.#lengthLeft <= 0) {
        const message = `[cut, ${list.length} errors in all]`;
        return [...failures, { ...this.#label, name: "Error", message }];
      }
    }
    return failures.length === 0 ? undefined : failures;
  }

  #ownData(error: Error, depth: number, hasErrors: boolean): unknown {
    // What a failed activity or child threw is the cause: its copies would double with every level.
    const isStep = failureOf(error) !== undefined;
    const keys = attempt(() => [...Object.keys(error), ...hiddenKeysOf(error)]) ?? [];
    const entries: [string, unknown][] = [];
    let lengthLeft = DATA_LENGTH_MAX;
    for (const key of keys) {
      if (STANDARD_KEYS.has(key) || key === "__proto__") continue;
      if (isStep && (key === "failure" || key === "details")) continue;
      if (hasErrors && key === "errors") continue;
      const text = this.#toJsonText(read(error, key), lengthLeft, depth);
      if (text === undefined) continue;
      lengthLeft -= key.length + text.length;
      if (lengthLeft < 0) break;
      entries.push([key, JSON.parse(text)]);
    }
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }

  #toData(value: unknown, depth: number): unknown {
    const text = this.#toJsonText(value, DATA_LENGTH_MAX, depth);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** Undefined when the value is too long or not JSON: the message still tells the story. */
  #toJsonText(value: unknown, lengthMax: number, depth: number): string | undefined {
    // JSON would make `{}` of an error, and of a map or a set of them.
    const withErrors = (_key: string, member: unknown): unknown => {
      if (!isError(member)) return toList(member) ?? member;
      const failure = this.#convertNested(member, depth);
      return failure && toPlain(failure, lengthMax / 8);
    };
    const text = attempt(() => JSON.stringify(value, withErrors) as string | undefined);
    return text === undefined || text.length > lengthMax ? undefined : text;
  }
}

/** An error inside of data, with the names that its reader expects. */
function toPlain(failure: Failure, textMax: number): Record<string, unknown> {
  const { name, message, stack, userCode, data, cause, errors } = failure;
  return {
    ...(data as object | undefined),
    name,
    message: cut(message, textMax),
    ...(stack !== undefined && { stack: cut(stack, textMax) }),
    ...(userCode !== undefined && { code: userCode }),
    ...(cause !== undefined && { cause: toPlain(cause, textMax) }),
    ...(errors !== undefined && { errors: errors.map((error) => toPlain(error, textMax)) }),
  };
}

/** What a `SuppressedError` holds: what was thrown last, and what that has hidden. */
const HIDDEN_KEYS = ["suppressed", "error"] as const;

function hiddenKeysOf(error: Error): readonly string[] {
  return HIDDEN_KEYS.filter(
    (key) => Object.getOwnPropertyDescriptor(error, key)?.enumerable === false,
  );
}

/** The entries of a map, or the members of a set, of any realm. */
function toList(value: unknown): readonly unknown[] | undefined {
  const tag = Object.prototype.toString.call(value);
  return tag === "[object Map]" || tag === "[object Set]"
    ? [...(value as Iterable<unknown>)]
    : undefined;
}

/** A message that is no text, as plain JavaScript allows, is printed. */
function messageOf(thrown: object): string | undefined {
  let message: unknown;
  try {
    ({ message } = thrown as { readonly message?: unknown });
  } catch {
    return "a message that cannot be read";
  }
  return typeof message === "string" || message === undefined ? message : printable(message);
}

/** `X` for an object of `class X extends Error` that does not set its name. */
function nameOf(thrown: object): string | undefined {
  const name = readText(thrown, "name");
  return name === undefined || name === "" || name === "Error"
    ? (classNameOf(thrown) ?? name)
    : name;
}

/** Undefined for a plain object, and for what has no class that can be read. */
function classNameOf(value: object): string | undefined {
  const name: unknown = attempt(() => value.constructor.name);
  return typeof name === "string" && name !== "" && name !== "Object" ? name : undefined;
}

/** The failure that one of our own errors stands for. */
function failureOf(thrown: object): Failure | undefined {
  if (attempt(() => isDuroxideError(thrown)) !== true) return undefined;
  const failure = read(thrown, "failure");
  return typeof failure === "object" && failure !== null ? (failure as Failure) : undefined;
}

function userCodeOf(thrown: object): unknown {
  const failure = failureOf(thrown);
  return failure === undefined ? read(thrown, "code") : failure.userCode;
}

/** The end of a chain of causes; the start of one that never ends. */
function endOf(cause: unknown): unknown {
  const seen = new Set<unknown>();
  let end = cause;
  while (typeof end === "object" && end !== null && !seen.has(end)) {
    seen.add(end);
    const next = read(end, "cause");
    if (next === undefined || next === null) return end;
    end = next;
  }
  return seen.has(end) ? cause : end;
}

function isAggregate(value: unknown): boolean {
  return (
    isError(value) &&
    (attempt(() => value instanceof AggregateError) === true || nameOf(value) === "AggregateError")
  );
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

function printable(value: unknown): string {
  if (value === "") return "an empty text";
  if (typeof value === "string") return JSON.stringify(value);
  // A class that is thrown without `new`: its source says nothing.
  if (typeof value === "function") return `the function ${JSON.stringify(nameOf(value))}`;
  if (typeof value === "object" && value !== null) return toJson(value) ?? UNPRINTABLE;
  return attempt(() => String(value as symbol)) ?? UNPRINTABLE;
}

/** An object that was thrown and has no message: a `Response` has all that matters in its getters. */
function describeObject(value: object): string {
  const className = classNameOf(value);
  const json = toJson(value);
  if (className === undefined) return json ?? UNPRINTABLE;
  const facts = factsOf(value);
  const inGetters =
    facts.length === 0 ? "" : ` (${facts.map((fact) => fact.join(" ")).join(", ")})`;
  const inMembers = json === undefined || json === "{}" ? "" : `: ${json}`;
  return `an object of class ${className}${inGetters}${inMembers}`;
}

/** What a class of the platform says of its objects by getters, which JSON leaves out. */
function factsOf(value: object): [name: string, fact: string | number][] {
  const names = read(value, "status") === undefined ? ["code", "reason", "type"] : STATUS_GETTERS;
  return names.flatMap((name) => {
    const fact = Object.hasOwn(value, name) ? undefined : read(value, name);
    return typeof fact === "number" || (typeof fact === "string" && fact !== "")
      ? [[name, fact]]
      : [];
  });
}

const STATUS_GETTERS = ["status", "statusText"];
const UNPRINTABLE = "a value that cannot be printed";

function toJson(value: object): string | undefined {
  return attempt(() => JSON.stringify(value) as string | undefined);
}

function cut(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return `${text.slice(0, lengthMax)} [cut, ${text.length} characters in all]`;
}
