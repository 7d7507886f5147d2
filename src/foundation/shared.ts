/**
 * Objects of which a thread has one, however many copies of this package it has loaded: two versions
 * side by side, a bundle beside a module, a hot reload.
 *
 * @param name - With the version of what the copies have to agree on, such as `turn-loop/1`
 * @param create - Called by the first copy that asks
 */
export function shared<T extends object>(name: string, create: () => T): T {
  const holder = globalThis as unknown as Record<symbol, T | undefined>;
  return (holder[Symbol.for(`duroxide-ts/${name}`)] ??= create());
}
