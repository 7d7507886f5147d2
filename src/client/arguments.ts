/** Checks of what callers pass: every mistake is one error that says what to pass instead. */

import { UsageError } from "../foundation/errors.ts";
import { assertName } from "../foundation/limits.ts";

/** What a call may be addressed to. */
type Kind = "orchestration" | "event" | "queue";

const MAKERS: Readonly<Record<Kind, string>> = {
  orchestration: "defineOrchestration()",
  event: "defineEvent()",
  queue: "defineQueue()",
};

/** What takes a definition of each kind. */
const CALLS: Readonly<Record<Kind, string>> = {
  orchestration: "startOrchestration()",
  event: "raiseEvent()",
  queue: "enqueueEvent()",
};

/**
 * The name that a definition carries, or the name itself.
 *
 * @throws UsageError `invalid_argument` also for a bare function, whose own name means nothing here
 */
export function nameOf(target: unknown, kind: Kind): string {
  let name = target;
  if (typeof target !== "string") {
    const definition = target as { readonly kind?: unknown; readonly name?: unknown } | null;
    if (typeof target !== "object" || definition?.kind !== kind) {
      throw wrongKind(target, kind);
    }
    name = definition.name;
  }
  assertName(name, `${kind} name`);
  return name;
}

function wrongKind(target: unknown, kind: Kind): UsageError {
  const { kind: actual, name } = (target ?? {}) as { kind?: unknown; name?: unknown };
  const isOther = typeof actual === "string" && typeof name === "string";
  const what = isOther
    ? `the definition of ${actual} ${JSON.stringify(name)}`
    : typeof target === "function" && target.name !== ""
      ? `the function ${JSON.stringify(target.name)}`
      : `a value of type ${target === null ? "null" : typeof target}`;
  const instead =
    isOther && Object.hasOwn(CALLS, actual)
      ? `pass it to ${CALLS[actual as Kind]}`
      : `pass what ${MAKERS[kind]} returned, or a name`;
  return new UsageError(
    "invalid_argument",
    `Cannot use ${what} as ${kind}: it does not define one; ${instead}`,
  );
}

/** @throws UsageError `invalid_argument` unless `value` is a whole number of at least `min` */
export function assertWholeNumber(value: unknown, min: number, subject: string): void {
  if (Number.isSafeInteger(value) && (value as number) >= min) return;
  throw new UsageError(
    "invalid_argument",
    `Cannot use ${typeof value === "number" ? value : `a value of type ${typeof value}`} as ${subject}: it is out of range; pass a whole number of ${min} or more`,
  );
}

/** @throws UsageError `invalid_argument` unless it is an AbortSignal or absent */
export function assertSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw new UsageError(
    "invalid_argument",
    `Cannot use a value of type ${signal === null ? "null" : typeof signal} as signal: it is no AbortSignal; pass the \`signal\` of an AbortController`,
  );
}
