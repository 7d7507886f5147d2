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

interface Guard {
  /** Such as `client.raiseEvent()`. */
  readonly call: string;
  readonly isOwn: (it: object) => boolean;
  /** Gives what an async method rejects with. It costs each call a promise. */
  readonly toReason?: ((error: unknown) => unknown) | undefined;
}

/**
 * Lets the methods of a class answer with a sentence when `this` is no object of the class.
 *
 * @param noun - How an object is called in code, such as `client`
 * @param isOwn - Whether an object is one of the class, as in `(it) => #connection in it`
 * @param toReason - Gives what an async method rejects with; it costs each call a promise
 */
export function guardMethods(
  { prototype }: { readonly prototype: object },
  noun: string,
  isOwn: Guard["isOwn"],
  toReason?: Guard["toReason"],
): void {
  for (const key of Reflect.ownKeys(prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
    if (key === "constructor" || typeof descriptor.value !== "function") continue;
    Object.defineProperty(prototype, key, {
      ...descriptor,
      value: guard(descriptor.value as Method, {
        call: `${noun}.${String(key)}()`,
        isOwn,
        toReason,
      }),
    });
  }
}

function guard(method: Method, { call, isOwn, toReason }: Guard): Method {
  const isAsync = method.constructor.name === "AsyncFunction";
  const assertOwn = (self: unknown): void => {
    if (typeof self === "object" && self !== null && isOwn(self)) return;
    throw new UsageError(
      "invalid_argument",
      `Cannot call ${call} without its object: it was taken off, or the object is a copy or a proxy; ` +
        `call ${call} itself, and pass it on as () => ${call}`,
    );
  };
  return Object.defineProperties(isAsync ? guardAsync() : guardSync, {
    name: { value: method.name, configurable: true },
    length: { value: method.length, configurable: true },
  });

  function guardSync(this: unknown, ...args: unknown[]): unknown {
    assertOwn(this);
    return Reflect.apply(method, this, args);
  }

  function guardAsync(): Method {
    if (toReason === undefined)
      return function (this: unknown, ...args: unknown[]): unknown {
        try {
          assertOwn(this);
        } catch (error) {
          return Promise.reject(error);
        }
        return Reflect.apply(method, this, args);
      };
    return async function (this: unknown, ...args: unknown[]): Promise<unknown> {
      try {
        assertOwn(this);
        return await Reflect.apply(method, this, args);
      } catch (error) {
        throw toReason(error);
      }
    };
  }
}
