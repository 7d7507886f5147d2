/** Whether two decoded values say the same, whatever the order of their keys. */

/**
 * Compares JSON values and dates; of any other class, only an object and itself are the same.
 * A member that is `undefined` counts as missing.
 */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) return isSameList(a, b);
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  return isRecord(a) && isRecord(b) && isSameRecord(a, b);
}

function isSameList(a: object, b: object): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  return a.every((item, i) => isSameValue(item, b[i]));
}

type Fields = Readonly<Record<string, unknown>>;

function isSameRecord(a: Fields, b: Fields): boolean {
  for (const key of Object.keys(a)) {
    const other = Object.hasOwn(b, key) ? b[key] : undefined;
    if (!isSameValue(a[key], other)) return false;
  }
  return Object.keys(b).every((key) => b[key] === undefined || Object.hasOwn(a, key));
}

function isRecord(value: object): value is Fields {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
