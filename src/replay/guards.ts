/**
 * Catches the common ways to be nondeterministic in the act: while a window is open, the globals
 * below throw (or warn) and name the `ctx` method to use instead.
 *
 * Boundary: replaces globals only for a round of windows, and puts back exactly what it found, so that
 * the host, its tests and its fake timers never notice.
 *
 * I1. Orchestration code is what carries the mark of the execution whose window is open: its function,
 *     what that calls, and what continues after its awaits. All other code gets the real thing, also
 *     inside of a window: code of the host after an `await` of a promise that the orchestration has
 *     resolved, and callbacks that are bound to another context.
 * I2. A listener that orchestration code calls through the platform (an emitter, a stream, a hook on promises) may be
 *     anybody's: it gets the real thing, and the use is logged once for each line.
 */

import { NondeterminismError } from "../orchestration/errors.ts";
import { findCaller, isInListener, type Boundary } from "./source.ts";
import { thread } from "./thread.ts";

/** What happens when orchestration code uses a guarded global. @default "error" */
export type GuardMode = "error" | "warn" | "off";

export const GUARD_MODES: readonly GuardMode[] = ["error", "warn", "off"];

/** One use of a guarded global. */
export interface GuardTrip {
  /** Such as `Math.random()`. */
  readonly what: string;
  /** The `ctx` method to use instead. */
  readonly instead: string;
  /** The line of user code. */
  readonly source: string | undefined;
  readonly stack: string | undefined;
  /** False in a listener that the orchestration has called: it may be anybody's. */
  readonly isCertain: boolean;
}

/** The execution that is watched now. */
export interface GuardWatch {
  mode: GuardMode;
  /** The execution whose window is open. */
  owner: object | undefined;
  report: ((trip: GuardTrip) => void) | undefined;
}

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

const INSTEAD_OF_TIMERS = "ctx.scheduleTimer(delay)";

/** Reports a use; in mode "error" it throws at the very line that is at fault. (I1, I2) */
function trip(what: string, instead: string, boundary: Boundary): void {
  const { mode, owner, report } = thread.guards;
  if (report === undefined || thread.code.current !== owner) return;
  const { source, stack } = findCaller(boundary, what);
  const found: GuardTrip = { what, instead, source, stack, isCertain: !isInListener(stack) };
  report(found);
  if (mode === "error" && found.isCertain) throw guardError(found);
}

/** Uses by listeners that have been logged. Beyond the bound none is: a hook may use the clock at each promise. */
const loggedUses = new Set<string>();
const LOGGED_USES_MAX = 1_000;

/** What a listener has used: the value is given, and this is logged; undefined when it has been. (I2) */
export function describeListener({ what, instead, source }: GuardTrip): string | undefined {
  const use = `${what} ${source ?? ""}`;
  if (loggedUses.has(use) || loggedUses.size >= LOGGED_USES_MAX) return undefined;
  loggedUses.add(use);
  return (
    `A listener, hook or stream that an orchestration has called uses ${what}${source === undefined ? "" : ` (${source})`}: ` +
    `it gives another value on replay; if the orchestration needs it, use ${instead} there`
  );
}

/** The error that orchestration code gets for a use of something guarded. */
export function guardError(trip: GuardTrip): NondeterminismError {
  const { what, instead, source, stack } = trip;
  return new NondeterminismError({
    code: "guard_violation",
    actual: what,
    message:
      `Cannot use ${what} in an orchestration${source === undefined ? "" : ` (${source})`}: ` +
      `it gives another value on replay; use ${instead}, or do it in an activity`,
    source,
    stack,
  });
}

/**
 * Wraps a function so that calling it inside a window is reported; outside it behaves as before.
 *
 * @param what - Such as `crypto.randomUUID()`
 * @param instead - What to use, such as `ctx.newGuid()`
 */
export function guarded<F>(original: F, what: string, instead: string): F {
  const wrapper: AnyFunction = function (this: unknown, ...args) {
    trip(what, instead, wrapper);
    return Reflect.apply(original as AnyFunction, this, args);
  };
  return Object.assign(wrapper, original);
}

function createGuardedDate(original: DateConstructor): DateConstructor {
  const now = guarded(original.now.bind(original), "Date.now()", "ctx.utcNowMs()");
  const construct: ProxyHandler<DateConstructor>["construct"] = (target, args, newTarget) => {
    if (args.length === 0) trip("new Date()", "ctx.utcNow()", construct as Boundary);
    return Reflect.construct(target, args, newTarget === date ? target : newTarget) as Date;
  };
  const apply = (target: DateConstructor): string => {
    trip("Date()", "ctx.utcNow()", apply);
    return target();
  };
  const date: DateConstructor = new Proxy(original, {
    construct,
    apply,
    get: (target, key, receiver) =>
      key === "now" ? now : (Reflect.get(target, key, receiver) as unknown),
  });
  return date;
}

/** The random functions of Web Crypto, and what to use instead. */
const CRYPTO_GUARDS = [
  ["randomUUID", "crypto.randomUUID()", "ctx.newGuid()"],
  ["getRandomValues", "crypto.getRandomValues()", "ctx.random()"],
] as const;
const PERFORMANCE_GUARDS = [["now", "performance.now()", "ctx.utcNowMs()"]] as const;

interface Guard {
  readonly target: Record<string, unknown>;
  readonly key: string;
  readonly original: unknown;
  readonly replacement: unknown;
}

function createGuards(): readonly Guard[] {
  const onGlobal = (key: string, what: string, instead: string): Guard => ({
    target: globalThis,
    key,
    original: (globalThis as Record<string, unknown>)[key],
    replacement: guarded((globalThis as Record<string, unknown>)[key], what, instead),
  });
  const { Date, Math } = globalThis;
  return [
    {
      target: Math as unknown as Record<string, unknown>,
      key: "random",
      original: Math.random,
      replacement: guarded(Math.random.bind(Math), "Math.random()", "ctx.random()"),
    },
    {
      target: globalThis,
      key: "Date",
      original: Date,
      replacement: createGuardedDate(Date),
    },
    onGlobal("setTimeout", "setTimeout()", INSTEAD_OF_TIMERS),
    onGlobal("setInterval", "setInterval()", INSTEAD_OF_TIMERS),
    onGlobal("setImmediate", "setImmediate()", INSTEAD_OF_TIMERS),
    onGlobal("fetch", "fetch()", "ctx.scheduleActivity()"),
  ];
}

let guards: readonly Guard[] | undefined;
/** What {@link enterGuards} found, to be put back; one window at a time is open. */
const found: unknown[] = [];

/** Methods that live on a prototype; own properties that pass through outside windows shadow them. */
function shadowMethods(
  target: object,
  methods: readonly (readonly [string, string, string])[],
): void {
  const source = target as Record<string, (...args: unknown[]) => unknown>;
  for (const [key, what, instead] of methods) {
    const value = guarded(source[key]?.bind(target), what, instead);
    Reflect.defineProperty(target, key, { value, configurable: true, writable: true });
  }
}

/**
 * Puts the guards up. Without a watch they pass through.
 *
 * @returns Takes them down again
 */
export function raiseGuards(): () => void {
  if (guards === undefined) {
    shadowMethods(globalThis.crypto, CRYPTO_GUARDS);
    shadowMethods(globalThis.performance, PERFORMANCE_GUARDS);
  }
  // Host code keeps what it has, such as the fake timers of a test. (I1)
  if (guards?.every(isInPlace) !== true) guards = createGuards();
  for (let i = 0; i < guards.length; i += 1) {
    const { target, key, replacement } = guards[i] as Guard;
    found[i] = target[key];
    // A global that a host has frozen stays as it is: its use is then found by replay.
    Reflect.set(target, key, replacement);
  }
  return lowerGuards;
}

function isInPlace({ target, key, original }: Guard): boolean {
  return target[key] === original;
}

function lowerGuards(): void {
  for (let i = 0; i < (guards?.length ?? 0); i += 1) {
    const { target, key } = (guards as readonly Guard[])[i] as Guard;
    Reflect.set(target, key, found[i]);
    found[i] = undefined;
  }
}

/**
 * Reports each use of something guarded from now on.
 *
 * @param mode - "off" reports nothing
 * @param owner - The execution whose code is meant
 */
export function watchGuards(
  mode: GuardMode,
  owner: object,
  report: (trip: GuardTrip) => void,
): void {
  thread.guards.mode = mode;
  thread.guards.owner = owner;
  thread.guards.report = mode === "off" ? undefined : report;
}

export function unwatchGuards(): void {
  thread.guards.report = undefined;
  thread.guards.owner = undefined;
}

/** Runs host code that a window calls synchronously: it gets the real thing. (I1) */
export function withoutGuards<T>(work: () => T): T {
  const { report } = thread.guards;
  thread.guards.report = undefined;
  try {
    return work();
  } finally {
    thread.guards.report = report;
  }
}
