/** What a value is that stands where a definition is to be registered. */

import { showValue } from "../foundation/option-values.ts";

/** What is registered. */
export type RegisteredKind = "activity" | "orchestration";

export interface WrongDefinition {
  readonly what: string;
  readonly instead: string;
}

const INSTEAD: Readonly<Record<string, string>> = {
  activity: "pass it with the activities",
  orchestration: "pass it with the orchestrations",
  event: "leave it out, events are not registered",
  queue: "leave it out, queues are not registered",
};

/** @returns Undefined for a definition of this kind */
export function findWrong(value: unknown, kind: RegisteredKind): WrongDefinition | undefined {
  const { kind: actual, name } = (value ?? {}) as { kind?: unknown; name?: unknown };
  if (actual === kind) return undefined;
  const other = typeof actual === "string" ? INSTEAD[actual] : undefined;
  if (other !== undefined)
    return { what: `the definition of ${String(actual)} ${JSON.stringify(name)}`, instead: other };
  const returned = `pass what ${kind === "activity" ? "defineActivity" : "defineOrchestration"}() returned`;
  if (value === undefined) {
    const instead = `${returned}; among modules that import each other it may not be there yet`;
    return { what: "undefined", instead };
  }
  const what =
    typeof value === "function" && value.name !== ""
      ? `the function ${JSON.stringify(value.name)}`
      : showValue(value);
  return { what, instead: returned };
}
