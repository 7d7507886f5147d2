/** The name of what a call of the context is about. */

import { UsageError } from "../foundation/errors.ts";
import { assertName } from "../foundation/limits.ts";

export type DefinitionKind = "activity" | "orchestration" | "event" | "queue";

/** What takes, and what makes, a definition of each kind. */
const CALLS: Readonly<Record<DefinitionKind, string>> = {
  activity: "ctx.scheduleActivity()",
  orchestration: "ctx.scheduleSubOrchestration() or ctx.scheduleOrchestration()",
  event: "ctx.scheduleWait()",
  queue: "ctx.dequeueEvent()",
};
const MAKERS: Readonly<Record<DefinitionKind, string>> = {
  activity: "defineActivity()",
  orchestration: "defineOrchestration()",
  event: "defineEvent()",
  queue: "defineQueue()",
};

/**
 * The name that a definition carries, or the name itself.
 *
 * @throws UsageError `invalid_argument` for a definition of another kind, and for a bare function
 */
export function nameOf(named: unknown, kind: DefinitionKind): string {
  let name = named;
  if (typeof named !== "string") {
    const definition = named as { readonly kind?: unknown; readonly name?: unknown } | null;
    if (typeof named !== "object" || definition?.kind !== kind) throw wrongKind(named, kind);
    name = definition.name;
  }
  assertName(name, `${kind} name`);
  return name;
}

function wrongKind(named: unknown, kind: DefinitionKind): UsageError {
  const { kind: actual, name } = (named ?? {}) as { kind?: unknown; name?: unknown };
  const isOther = typeof actual === "string" && Object.hasOwn(CALLS, actual);
  const what = isOther
    ? `the definition of ${actual} ${JSON.stringify(name)}`
    : typeof named === "function" && named.name !== ""
      ? `the function ${JSON.stringify(named.name)}`
      : `a value of type ${named === null ? "null" : typeof named}`;
  const instead = isOther
    ? `pass it to ${CALLS[actual as DefinitionKind]}`
    : `pass what ${MAKERS[kind]} returned, or a name`;
  return new UsageError(
    "invalid_argument",
    `Cannot use ${what} as ${kind}: it does not define one; ${instead}`,
  );
}
