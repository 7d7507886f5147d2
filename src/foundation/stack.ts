/**
 * Stacks of errors, where an application may have changed how they are made.
 *
 * Boundary: the only file that takes a stack or sets how long one is; a lint rule sees to it. A loader,
 * a source map library or a hardened realm may have replaced `Error.prepareStackTrace` or frozen
 * `Error`: that costs a report its line and nothing else.
 *
 * I1. Nothing here throws.
 * I2. `Error` is left as it was found.
 */

type AnyFunction = (...args: never[]) => unknown;

export interface StackOptions {
  /** The frames above the call of this function are left out. @default What calls `takeStack` is the first */
  readonly above?: AnyFunction | undefined;
  /** How many frames there are at least, if the stack is as deep. @default 10 */
  readonly framesMin?: number | undefined;
}

/** What `Error` has by default. */
const FRAMES_MIN = 10;

/**
 * The stack of the caller as text; undefined where none can be had.
 *
 * @param message - Its first line
 */
export function takeStack(message: string, options: StackOptions = {}): string | undefined {
  const { above = takeStack, framesMin = FRAMES_MIN } = options;
  const limit = Error.stackTraceLimit as number | undefined;
  return withErrorSetting("stackTraceLimit", Math.max(limit ?? 0, framesMin), () => {
    const take = (): string | undefined => {
      const error = new Error(message);
      Error.captureStackTrace(error, above);
      return readStack(error);
    };
    return take() ?? withErrorSetting("prepareStackTrace", undefined, take);
  });
}

/** The stack of what was thrown; undefined where it has none, or none that is a text. */
export function readStack(error: unknown): string | undefined {
  try {
    const stack: unknown = (error as { readonly stack?: unknown } | undefined)?.stack;
    return typeof stack === "string" ? stack : undefined;
  } catch {
    return undefined; // `Error.prepareStackTrace` of the application, or a getter, throws. (I1)
  }
}

/** Undefined when `work` throws. (I1, I2) */
function withErrorSetting<T>(
  key: "stackTraceLimit" | "prepareStackTrace",
  value: unknown,
  work: () => T,
): T | undefined {
  const isSet = Object.hasOwn(Error, key);
  const before: unknown = Reflect.get(Error, key);
  try {
    // A realm that has frozen `Error` keeps its own value.
    Reflect.set(Error, key, value);
    return work();
  } catch {
    return undefined;
  } finally {
    if (isSet) Reflect.set(Error, key, before);
    else Reflect.deleteProperty(Error, key);
  }
}
