/**
 * Users' values as text: strict JSON, with an error that names the place inside the value.
 *
 * What JSON would change silently (a function that vanishes, `NaN` that becomes `null`, an object of
 * a class that loses it) is refused or kept, because the value read back has to be the value given.
 * A `toJSON()` is the user's own word for it. `docs/guide/05-api.md` lists every kind.
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
    const search: Search = { parents: new Set(), hasNegativeZero: false };
    const problem = findProblem(value, search);
    if (problem !== undefined) throw notSerializable(subject, problem);
    try {
      return search.hasNegativeZero ? writeExactly(value) : JSON.stringify(value);
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

/**
 * Marks what is never a value, such as an operation that has not been awaited. Shared by all copies
 * of the package in the process.
 */
export const NOT_A_VALUE: unique symbol = Symbol.for("duroxide-ts/not-a-value") as never;

/** What an object that is marked with {@link NOT_A_VALUE} says of itself. */
export interface NotAValue {
  /** Such as `the definition of activity "Charge"`. */
  readonly what: string;
  /** What to do, such as `await it`. */
  readonly instead: string;
}

/** What a value is that is marked as being none. */
export function notAValue(value: unknown): NotAValue | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return (value as { readonly [NOT_A_VALUE]?: NotAValue })[NOT_A_VALUE];
}

/** One search through a value. */
interface Search {
  /** The objects around the current one, to find cycles and to count levels. */
  readonly parents: Set<object>;
  /** `JSON.stringify` writes it as 0, although JSON has it. */
  hasNegativeZero: boolean;
}

const INSTEAD = "pass plain objects, arrays, strings, finite numbers, booleans and null";

interface Problem {
  readonly what: string;
  /** What to do. @default INSTEAD */
  readonly instead?: string;
  /** Members from the inside to the outside: the path is only known where the search comes back. */
  readonly path: string[];
}

function notSerializable(subject: string, problem: Problem, cause?: unknown): UsageError {
  const whole = problem.path.reverse().join(".");
  const path = whole.length > PATH_LENGTH_MAX ? `${whole.slice(0, PATH_LENGTH_MAX)}…` : whole;
  return new UsageError(
    "not_serializable",
    `Cannot store ${subject}: ${problem.what} at ${path === "" ? "its root" : `"${path}"`} is not JSON; ` +
      (problem.instead ?? INSTEAD),
    { details: { path }, cause },
  );
}

/** Whether no surrogate lacks its partner. Every Node that is supported has it; no scan of ours is as quick. */
function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

function findProblem(value: unknown, search: Search): Problem | undefined {
  switch (typeof value) {
    case "boolean":
      return undefined;
    case "string":
      return isWellFormed(value)
        ? undefined
        : at("a text with half a character (a lone surrogate)");
    case "number":
      if (value === 0 && Object.is(value, -0)) search.hasNegativeZero = true;
      return Number.isFinite(value) ? undefined : at(`the number ${value}`);
    case "object":
      return value === null ? undefined : findInObject(value, search);
    default:
      return at(`a value of type ${typeof value}`);
  }
}

function findInObject(value: object, search: Search): Problem | undefined {
  const { parents } = search;
  if (parents.has(value)) return at("a reference back to an object that contains it");
  if (parents.size >= JSON_DEPTH_MAX) return at(`nesting deeper than ${JSON_DEPTH_MAX} levels`);
  parents.add(value);
  try {
    if (Array.isArray(value) && !("toJSON" in value)) return findInArray(value, search);
    const isRecord = isPlain(value);
    // Of a plain object, a mark is found among its symbols.
    const mark = isRecord ? undefined : notAValue(value);
    if (mark !== undefined) return atMark(mark);
    if ("toJSON" in value && typeof value.toJSON === "function" && !isBytes(value))
      return findInToJson(value, search);
    return isRecord ? findInRecord(value, search) : atInstance(value);
  } catch {
    return at("an object that cannot be read"); // A proxy that throws; the caller reports the place.
  } finally {
    parents.delete(value);
  }
}

/** A `Buffer` has a `toJSON()`, and what it gives is no buffer any more. */
function isBytes(value: object): boolean {
  return ArrayBuffer.isView(value);
}

/** Whether an object has no class: a literal, of any realm, or one without prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    prototype === Object.prototype ||
    prototype === null ||
    // The `Object.prototype` of another realm, such as a test runner's.
    (Object.getPrototypeOf(prototype) === null &&
      Object.hasOwn(prototype as object, "hasOwnProperty"))
  );
}

function atInstance(value: object): Problem {
  const { constructor } = value as { readonly constructor?: unknown };
  const name =
    typeof constructor === "function" && constructor.name !== "" ? constructor.name : "unknown";
  return {
    ...at(`an object of class ${name}`),
    instead: `${INSTEAD}, or give the class a toJSON()`,
  };
}

function findInToJson(value: object, search: Search): Problem | undefined {
  if (value instanceof Date && Number.isNaN(value.getTime())) return at("an invalid date");
  let json: unknown;
  try {
    json = (value as { toJSON: () => unknown }).toJSON();
  } catch {
    return at("an object whose toJSON() throws"); // The place says more than what was thrown.
  }
  return findProblem(json, search);
}

function findInArray(items: readonly unknown[], search: Search): Problem | undefined {
  for (let i = 0; i < items.length; i += 1) {
    const problem = findProblem(items[i], search);
    if (problem !== undefined) return inside(problem, String(i));
  }
  return undefined;
}

function findInRecord(record: object, search: Search): Problem | undefined {
  const symbols = Object.getOwnPropertySymbols(record);
  if (symbols.length > 0) {
    const problem = findInSymbols(record, symbols);
    if (problem !== undefined) return problem;
  }
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
    const problem = findProblem(item, search);
    if (problem !== undefined) return inside(problem, key);
  }
  return undefined;
}

function findInSymbols(record: object, symbols: readonly symbol[]): Problem | undefined {
  const mark = notAValue(record);
  if (mark !== undefined) return atMark(mark);
  const symbol = symbols.find((key) => Object.prototype.propertyIsEnumerable.call(record, key));
  return symbol === undefined ? undefined : at(`a member whose key is ${String(symbol)}`);
}

function atMark({ what, instead }: NotAValue): Problem {
  return { ...at(what), instead };
}

/** Writes what the search has accepted as `JSON.stringify` does, and -0 as what it is. */
function writeExactly(value: unknown): string {
  if (typeof value !== "object" || value === null)
    return Object.is(value, -0) ? "-0" : JSON.stringify(value);
  if ("toJSON" in value && typeof value.toJSON === "function")
    return writeExactly((value.toJSON as () => unknown)());
  if (Array.isArray(value)) return `[${value.map(writeExactly).join(",")}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => `${JSON.stringify(key)}:${writeExactly(member)}`);
  return `{${members.join(",")}}`;
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
