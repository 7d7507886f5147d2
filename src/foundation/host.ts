/**
 * Timers and clocks of the host, as they were before anything replaced them.
 *
 * Boundary: the only file that may use the globals below; a lint rule sees to it. So the engine works
 * under fake timers of a test, recovers after them, and never trips its own guards.
 *
 * I1. Functions are captured once, at load. Fake timers that are in place by then are looked through,
 *     where they are of the kind that vitest, Jest and sinon use.
 * I2. What is armed here runs in the root context, never in the context of the code that armed it: it
 *     was armed on behalf of all callers (see async-context.ts). Promises are not affected: the code
 *     after an `await` runs in its own context.
 */

import { AsyncContext } from "./async-context.ts";

export type TimerHandle = ReturnType<typeof globalThis.setTimeout>;

type Globals = Pick<
  typeof globalThis,
  | "setImmediate"
  | "setTimeout"
  | "setInterval"
  | "clearTimeout"
  | "clearInterval"
  | "queueMicrotask"
  | "Date"
  | "performance"
>;

/** Where fake timers note what they have replaced: `_setTimeout` and so on. */
interface FakeClock {
  readonly clock?: Readonly<Record<string, unknown>> | undefined;
}

/** (I1) */
function original<K extends keyof Globals>(name: K): Globals[K] {
  const current = (globalThis as Globals)[name];
  const fake =
    (current as FakeClock).clock ?? (globalThis.setTimeout as unknown as FakeClock).clock;
  return (fake?.[`_${name}`] as Globals[K] | undefined) ?? current;
}

const date = original("Date");
const performance = original("performance");

export interface Host extends Pick<
  Globals,
  | "setImmediate"
  | "setTimeout"
  | "setInterval"
  | "clearTimeout"
  | "clearInterval"
  | "queueMicrotask"
> {
  /** Wall-clock time in milliseconds since the Unix epoch. */
  nowMs(): number;
  /** A clock that only goes forward, in milliseconds from an arbitrary start. */
  monotonicMs(): number;
  /** Resolves after the time has passed, in milliseconds. */
  sleep(ms: number): Promise<void>;
}

export const host: Host = {
  setImmediate: AsyncContext.root.bind(original("setImmediate")), // (I2)
  setTimeout: AsyncContext.root.bind(original("setTimeout")),
  setInterval: AsyncContext.root.bind(original("setInterval")),
  queueMicrotask: AsyncContext.root.bind(original("queueMicrotask")),
  clearTimeout: original("clearTimeout"),
  clearInterval: original("clearInterval"),
  nowMs: date.now.bind(date),
  monotonicMs: performance.now.bind(performance),
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      host.setTimeout(resolve, ms);
    });
  },
};
