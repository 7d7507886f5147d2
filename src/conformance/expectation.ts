/** What cases say about a store, as errors that any test runner shows. */

/** Why a case does not hold; its message says what was expected and what was found. */
export class ConformanceError extends Error {
  override readonly name = "ConformanceError";
}

/** Thrown by a case that cannot run on a store; the reason is to be printed. */
export class SkippedCase extends Error {
  override readonly name = "SkippedCase";
}

const SHOWN_LENGTH_MAX = 2_000;

/** @throws ConformanceError unless `condition` holds */
export function expectThat(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ConformanceError(`Expected ${what}`);
}

/** Deep equality; a member that is `undefined` equals one that is absent. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (isEqual(actual, expected, false)) return;
  throw new ConformanceError(`Expected ${what} to be ${show(expected)}, found ${show(actual)}`);
}

/** Like {@link expectEqual}, but objects may have more members than expected. */
export function expectMatch(actual: unknown, expected: unknown, what: string): void {
  if (isEqual(actual, expected, true)) return;
  throw new ConformanceError(`Expected ${what} to match ${show(expected)}, found ${show(actual)}`);
}

/** The one element of a list. */
export function expectOne<T>(list: readonly T[], what: string): T {
  const [only] = list;
  if (only !== undefined && list.length === 1) return only;
  throw new ConformanceError(`Expected exactly one ${what}, found ${list.length}: ${show(list)}`);
}

/** A value of a union, when it is of the kind. */
export function expectKind<T extends { readonly kind: string }, Kind extends T["kind"]>(
  value: T | undefined,
  kind: Kind,
  what: string,
): Extract<T, { readonly kind: Kind }> {
  if (value?.kind === kind) return value as Extract<T, { readonly kind: Kind }>;
  throw new ConformanceError(`Expected ${what} to be "${kind}", found ${show(value)}`);
}

/** What a promise was rejected with, which has to have these members. */
export async function expectRejection(
  promise: Promise<unknown>,
  members: Readonly<Record<string, unknown>>,
  what: string,
): Promise<void> {
  const [result] = await Promise.allSettled([promise]);
  if (result.status === "fulfilled") {
    throw new ConformanceError(`Expected ${what} to be rejected, found ${show(result.value)}`);
  }
  const error: unknown = result.reason;
  if (typeof error === "object" && error !== null && isEqual(error, members, true)) return;
  throw new ConformanceError(
    `Expected ${what} to be rejected with ${show(members)}, found ${String(error)}`,
    { cause: error },
  );
}

function isEqual(a: unknown, b: unknown, isPartial: boolean): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Map || b instanceof Map) {
    return a instanceof Map && b instanceof Map && isEqual(toObject(a), toObject(b), false);
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a) && a.length !== (b as readonly unknown[]).length) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const names = new Set([...(isPartial ? [] : Object.keys(left)), ...Object.keys(right)]);
  return [...names].every((name) => isEqual(left[name], right[name], isPartial));
}

function toObject(map: ReadonlyMap<unknown, unknown>): Record<string, unknown> {
  return Object.fromEntries([...map].map(([key, value]) => [`key ${String(key)}`, value]));
}

/** A short text of anything. */
export function show(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Map) return Object.fromEntries(part as ReadonlyMap<string, unknown>);
    return part === undefined ? "(undefined)" : part;
  }) as string | undefined;
  return (text ?? String(value)).slice(0, SHOWN_LENGTH_MAX);
}
