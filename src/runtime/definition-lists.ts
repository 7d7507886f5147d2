/** The options `activities` and `orchestrations`: lists of definitions, or registries. */

import { UsageError } from "../foundation/errors.ts";
import { showValue } from "../foundation/option-values.ts";
import type { ActivityDefinition, OrchestrationDefinition } from "../orchestration/define.ts";
import {
  ActivityRegistry,
  ActivityRegistryBuilder,
  OrchestrationRegistry,
  OrchestrationRegistryBuilder,
} from "../orchestration/registry.ts";
import { findWrong, type RegisteredKind } from "../orchestration/wrong-definition.ts";

type Option = "activities" | "orchestrations";

const KINDS: Readonly<Record<Option, RegisteredKind>> = {
  activities: "activity",
  orchestrations: "orchestration",
};

/** @throws UsageError naming the first element that is no activity */
export function toActivities(
  input: readonly ActivityDefinition[] | ActivityRegistry,
): ActivityRegistry {
  if (input instanceof ActivityRegistry) return input;
  const builder = ActivityRegistry.builder();
  assertDefinitions("activities", input);
  for (const definition of input) builder.register(definition);
  return builder.build();
}

/** @throws UsageError naming the first element that is no orchestration */
export function toOrchestrations(
  input: readonly OrchestrationDefinition[] | OrchestrationRegistry,
): OrchestrationRegistry {
  if (input instanceof OrchestrationRegistry) return input;
  const builder = OrchestrationRegistry.builder();
  assertDefinitions("orchestrations", input);
  for (const definition of input) builder.register(definition);
  return builder.build();
}

function assertDefinitions(option: Option, input: unknown): void {
  if (!Array.isArray(input))
    throw wrongOption(`option \`${option}\``, ...describeList(input, option));
  for (let i = 0; i < input.length; i += 1) {
    const wrong = findWrong(input[i], KINDS[option]);
    if (wrong !== undefined)
      throw wrongOption(`index ${i} of \`${option}\``, wrong.what, wrong.instead);
  }
}

/** What is no list, and what to do. */
function describeList(input: unknown, option: Option): [what: string, instead: string] {
  if (input instanceof ActivityRegistryBuilder || input instanceof OrchestrationRegistryBuilder)
    return ["the builder of a registry", "call its build(), and pass what that returns"];
  if (input instanceof ActivityRegistry)
    return ["a registry of activities", "pass it as `activities`"];
  if (input instanceof OrchestrationRegistry)
    return ["a registry of orchestrations", "pass it as `orchestrations`"];
  const isOne = typeof input === "object" && findWrong(input, KINDS[option]) === undefined;
  const what = isOne ? "one definition" : showValue(input);
  return [what, "pass a list or a registry"];
}

function wrongOption(place: string, what: string, instead: string): UsageError {
  return new UsageError(
    "invalid_argument",
    `Cannot start a runtime: ${place} is ${what}; ${instead}`,
  );
}
