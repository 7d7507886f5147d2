/**
 * Public classes refuse to be used without their object: made with `new` where a function makes them,
 * or a method that was taken off, spread into a copy or called through a proxy.
 *
 * Boundary: knows no class. Each public class calls `guardMethods` in a static block, and
 * `tests/package/own-object.test.ts` holds all of them to it.
 */

import { UsageError } from "./errors.ts";

/** What a class with a private constructor is made with: user code does not have it. */
export const MAKER: unique symbol = Symbol("made by the class itself");

/** @throws UsageError `invalid_argument` when `new` was called by other code than the class itself */
export function assertMaker(maker: unknown, what: string, instead: string): void {
  if (maker === MAKER) return;
  throw new UsageError(
    "invalid_argument",
    `Cannot make a ${what} with \`new\`: that opens nothing; call ${instead}`,
  );
}

type Method = (...args: unknown[]) => unknown;

/**
 * Lets the methods of a class answer with a sentence when `this` is no object of the class.
 *
 * @param noun - How an object is called in code, such as `client`
 * @param isOwn - Whether an object is one of the class, as in `(it) => #connection in it`
 */
export function guardMethods(
  { prototype }: { readonly prototype: object },
  noun: string,
  isOwn: (it: object) => boolean,
): void {
  for (const key of Reflect.ownKeys(prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
    if (key === "constructor" || typeof descriptor.value !== "function") continue;
    Object.defineProperty(prototype, key, {
      ...descriptor,
      value: guard(descriptor.value as Method, `${noun}.${String(key)}()`, isOwn),
    });
  }
}

function guard(method: Method, call: string, isOwn: (it: object) => boolean): Method {
  const isAsync = method.constructor.name === "AsyncFunction";
  const guarded = function (this: unknown, ...args: unknown[]): unknown {
    if (typeof this === "object" && this !== null && isOwn(this))
      return Reflect.apply(method, this, args);
    const error = new UsageError(
      "invalid_argument",
      `Cannot call ${call} without its object: it was taken off, or the object is a copy or a proxy; ` +
        `call ${call} itself, and pass it on as () => ${call}`,
    );
    if (isAsync) return Promise.reject(error);
    throw error;
  };
  return Object.defineProperties(guarded, {
    name: { value: method.name, configurable: true },
    length: { value: method.length, configurable: true },
  });
}
