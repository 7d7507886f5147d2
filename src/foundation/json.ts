/**
 * Users' values as text: strict JSON, with an error that names the place inside the value.
 *
 * What JSON would change silently (a function that vanishes, `NaN` that becomes `null`, an
 * `undefined` inside an array) is refused, because the value read back would not be the value given.
 */

import { UsageError } from "./errors.ts";

/** Turns users' values into text and back. A codec must be deterministic: equal values, equal text. */
export interface Codec {
  /** Stored with nothing; used in messages and errors. */
  readonly name: string;
  /**
   * @param value - Any value but `undefined`
   * @param subject - What the value is, for the error
   * @throws UsageError `not_serializable` naming the path inside the value
   */
  encode(value: unknown, subject: string): string;
  decode(text: string): unknown;
}

/** Deepest nesting that a value may have. */
export const JSON_DEPTH_MAX = 500;
/** Longest path that an error shows, in UTF-16 units. */
const PATH_LENGTH_MAX = 200;

/** The default codec. */
export const jsonCodec: Codec = {
  name: "json",
  encode(value, subject) {
    const problem = findProblem(value, new Set());
    if (problem !== undefined) throw notSerializable(subject, problem);
    try {
      return JSON.stringify(value);
    } catch (cause) {
      // Only a value that answers differently each time it is read passes the search and fails here.
      throw notSerializable(
        subject,
        { what: "a value that changes while it is read", path: [] },
        cause,
      );
    }
  },
  decode: (text) => JSON.parse(text) as unknown,
};

interface Problem {
  readonly what: string;
  /** Members from the inside to the outside: the path is only known where the search comes back. */
  readonly path: string[];
}

function notSerializable(subject: string, problem: Problem, cause?: unknown): UsageError {
  const whole = problem.path.reverse().join(".");
  const path = whole.length > PATH_LENGTH_MAX ? `${whole.slice(0, PATH_LENGTH_MAX)}…` : whole;
  return new UsageError(
    "not_serializable",
    `Cannot store ${subject}: ${problem.what} at ${path === "" ? "its root" : `"${path}"`} is not JSON; ` +
      "pass plain objects, arrays, strings, finite numbers, booleans and null",
    { details: { path }, cause },
  );
}

/** Whether no surrogate lacks its partner. Every Node that is supported has it; no scan of ours is as quick. */
function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

/** @param parents - The objects around the value, to find cycles and to count levels */
function findProblem(value: unknown, parents: Set<object>): Problem | undefined {
  switch (typeof value) {
    case "boolean":
      return undefined;
    case "string":
      return isWellFormed(value)
        ? undefined
        : at("a text with half a character (a lone surrogate)");
    case "number":
      return Number.isFinite(value) ? undefined : at(`the number ${value}`);
    case "object":
      return value === null ? undefined : findInObject(value, parents);
    default:
      return at(`a value of type ${typeof value}`);
  }
}

function findInObject(value: object, parents: Set<object>): Problem | undefined {
  if (parents.has(value)) return at("a reference back to an object that contains it");
  if (parents.size >= JSON_DEPTH_MAX) return at(`nesting deeper than ${JSON_DEPTH_MAX} levels`);
  parents.add(value);
  try {
    if ("toJSON" in value && typeof value.toJSON === "function")
      return findInToJson(value, parents);
    if (Array.isArray(value)) return findInArray(value, parents);
    const lost = nameOfLost(value);
    return lost === undefined ? findInRecord(value, parents) : at(lost);
  } catch {
    return at("an object that cannot be read"); // A proxy that throws; the caller reports the place.
  } finally {
    parents.delete(value);
  }
}

/** Objects of which JSON would keep little or nothing. */
function nameOfLost(value: object): string | undefined {
  const isLost =
    value instanceof Map ||
    value instanceof Set ||
    value instanceof WeakMap ||
    value instanceof WeakSet ||
    value instanceof Promise ||
    value instanceof RegExp ||
    value instanceof Error ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    Object.prototype.toString.call(value) === "[object BigInt]";
  return isLost ? `an object of class ${value.constructor.name}` : undefined;
}

function findInToJson(value: object, parents: Set<object>): Problem | undefined {
  if (value instanceof Date && Number.isNaN(value.getTime())) return at("an invalid date");
  let json: unknown;
  try {
    json = (value as { toJSON: () => unknown }).toJSON();
  } catch {
    return at("an object whose toJSON() throws"); // The place says more than what was thrown.
  }
  return findProblem(json, parents);
}

function findInArray(items: readonly unknown[], parents: Set<object>): Problem | undefined {
  for (let i = 0; i < items.length; i += 1) {
    const problem = findProblem(items[i], parents);
    if (problem !== undefined) return inside(problem, String(i));
  }
  return undefined;
}

function findInRecord(record: object, parents: Set<object>): Problem | undefined {
  for (const key of Object.keys(record)) {
    if (key === "__proto__") return inside(at("the key __proto__"), key);
    if (!isWellFormed(key)) return at("a key with half a character (a lone surrogate)");
    let item: unknown;
    try {
      item = (record as Record<string, unknown>)[key];
    } catch {
      return inside(at("a getter that throws"), key); // The place says more than what was thrown.
    }
    if (item === undefined) continue; // JSON leaves such a member out; reading it gives undefined again.
    const problem = findProblem(item, parents);
    if (problem !== undefined) return inside(problem, key);
  }
  return undefined;
}

function at(what: string): Problem {
  return { what, path: [] };
}

function inside(problem: Problem, member: string): Problem {
  problem.path.push(member);
  return problem;
}

/** The length of a text in UTF-8 bytes, which is what limits count. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    // Each half of a surrogate pair counts two of its four bytes.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
