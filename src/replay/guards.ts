/**
 * Catches the common ways to be nondeterministic in the act: while a window is open, the globals
 * below throw (or warn) and name the `ctx` method to use instead.
 *
 * Boundary: replaces globals only for a round of windows, in which no code of the host runs, and puts
 * back exactly what it found, so that the host, its tests and its fake timers never notice.
 */

import { NondeterminismError } from "../orchestration/errors.ts";
import { findCaller, type Boundary } from "./source.ts";

/** What happens when orchestration code uses a guarded global. @default "error" */
export type GuardMode = "error" | "warn" | "off";

/** One use of a guarded global. */
export interface GuardTrip {
  /** Such as `Math.random()`. */
  readonly what: string;
  /** The `ctx` method to use instead. */
  readonly instead: string;
  /** The line of user code. */
  readonly source: string | undefined;
  readonly stack: string | undefined;
}

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

const INSTEAD_OF_TIMERS = "ctx.scheduleTimer(delay)";
const RealDate = globalThis.Date;

let mode: GuardMode = "off";
let report: ((trip: GuardTrip) => void) | undefined;

/** Reports a use; in mode "error" it throws at the very line that is at fault. */
function trip(what: string, instead: string, boundary: Boundary): void {
  if (report === undefined) return;
  const { source, stack } = findCaller(boundary, what);
  report({ what, instead, source, stack });
  if (mode === "error") throw guardError({ what, instead, source, stack });
}

/** The error that orchestration code gets for a use of something guarded. */
export function guardError({ what, instead, source, stack }: GuardTrip): NondeterminismError {
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

function createGuardedDate(): DateConstructor {
  const now = guarded(RealDate.now.bind(RealDate), "Date.now()", "ctx.utcNowMs()");
  const construct: ProxyHandler<DateConstructor>["construct"] = (target, args, newTarget) => {
    if (args.length === 0) trip("new Date()", "ctx.utcNow()", construct as Boundary);
    return Reflect.construct(target, args, newTarget === date ? target : newTarget) as Date;
  };
  const apply = (target: DateConstructor): string => {
    trip("Date()", "ctx.utcNow()", apply);
    return target();
  };
  const date: DateConstructor = new Proxy(RealDate, {
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
  readonly replacement: unknown;
}

function createGuards(): readonly Guard[] {
  const onGlobal = (key: string, what: string, instead: string): Guard => ({
    target: globalThis,
    key,
    replacement: guarded((globalThis as Record<string, unknown>)[key], what, instead),
  });
  return [
    {
      target: Math as unknown as Record<string, unknown>,
      key: "random",
      replacement: guarded(Math.random.bind(Math), "Math.random()", "ctx.random()"),
    },
    {
      target: globalThis,
      key: "Date",
      replacement: createGuardedDate(),
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
function guardMethods(
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
 * Puts the guards up. While nobody watches they pass through.
 *
 * @returns Takes them down again
 */
export function raiseGuards(): () => void {
  if (guards === undefined) {
    guards = createGuards();
    guardMethods(globalThis.crypto, CRYPTO_GUARDS);
    guardMethods(globalThis.performance, PERFORMANCE_GUARDS);
  }
  for (let i = 0; i < guards.length; i += 1) {
    const { target, key, replacement } = guards[i] as Guard;
    found[i] = target[key];
    // A global that a host has frozen stays as it is: its use is then found by replay.
    Reflect.set(target, key, replacement);
  }
  return lowerGuards;
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
 * @param wantedMode - "off" reports nothing
 */
export function watchGuards(wantedMode: GuardMode, onTrip: (trip: GuardTrip) => void): void {
  mode = wantedMode;
  report = wantedMode === "off" ? undefined : onTrip;
}

export function unwatchGuards(): void {
  report = undefined;
}
