/** Tells errors from other values, whichever realm has made them. */

/**
 * Whether a value is an `Error`. Those of another realm (a `vm` context, a test of Jest, whose drivers
 * throw errors of Node's own realm) have another class of that name. Never throws.
 */
export function isError(value: unknown): value is Error {
  if (typeof value !== "object" || value === null) return false;
  try {
    return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
  } catch {
    return false; // A proxy that does not let anybody see.
  }
}
