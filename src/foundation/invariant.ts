/** Programmer errors end here: a broken invariant is a bug of this package, never of its user. */

/** Thrown when this package contradicts itself. Never caught on purpose. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/**
 * States something that must be true.
 *
 * @throws InvariantError when it is not; please report it as a bug
 */
export function invariant(condition: unknown, statement: string): asserts condition {
  if (!condition) throw new InvariantError(`Invariant violated: ${statement}`);
}

/** The end of an exhaustive `switch`. */
export function unreachable(value: never): never {
  throw new InvariantError(`Unreachable value: ${JSON.stringify(value)}`);
}
