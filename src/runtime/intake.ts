/** Makes a resident of a claimed instance, or says why that cannot be. */

import { DuroxideError } from "../foundation/errors.ts";
import { nearestOf } from "../foundation/nearest.ts";
import { decodeEvents } from "../history/codec.ts";
import { decodeMessage, type InstanceMessage } from "../history/message.ts";
import { defineOrchestration, type OrchestrationDefinition } from "../orchestration/define.ts";
import type { OrchestrationRegistry } from "../orchestration/registry.ts";
import type { ClaimedInstance } from "../provider/provider.ts";
import { Execution } from "../replay/execution.ts";
import type { RuntimeSettings } from "./options.ts";
import type { Cause } from "./parking.ts";
import { Resident } from "./resident.ts";

export interface Intake {
  readonly resident: Resident;
  /** Why it cannot have a turn here: its code or its data is not to be had. */
  readonly cause?: Cause | undefined;
}

/** A fresh execution with this runtime's settings. */
export function createExecution(
  settings: RuntimeSettings,
  definition: OrchestrationDefinition,
  instanceId: string,
  keyValues?: ClaimedInstance["keyValues"],
): Execution {
  const { codec, guards, context, payloadBytesMax } = settings;
  return new Execution({
    definition,
    instanceId,
    keyValues,
    codec,
    guards,
    context,
    payloadBytesMax,
  });
}

export function takeIn(claimed: ClaimedInstance, settings: RuntimeSettings): Intake {
  const { row, claim, instanceId, history = [] } = claimed;
  let cause: Cause | undefined;
  let messages: readonly InstanceMessage[] = [];
  let events: Resident["unreadHistory"] = [];
  try {
    messages = claimed.messages.map((message) => decodeMessage(message.body));
    events = history.flatMap((turn) => decodeEvents(turn));
  } catch (error) {
    cause = toCause(error); // Weakness R22: nothing unreadable is dropped.
  }
  // The stamped version once there is one (weakness U7), then what the start asked for, then policy.
  const version = history.length > 0 ? row.version : findStartVersion(messages);
  const definition = settings.orchestrations.resolve(row.name, version);
  if (definition === undefined) cause ??= notRegistered(row.name, version, settings.orchestrations);
  const code = definition ?? placeholder(row.name);
  const execution = createExecution(settings, code, instanceId, claimed.keyValues);
  const resident = new Resident(instanceId, claim, execution);
  resident.unreadHistory = events;
  resident.executionId = row.executionId;
  resident.parent = row.parent;
  resident.runId = row.runId;
  resident.startedMs = history[0]?.timestampMs ?? 0;
  resident.bytes = history.reduce((sum, turn) => sum + turn.data.length, 0);
  return { resident, cause };
}

function findStartVersion(messages: readonly InstanceMessage[]): string | undefined {
  for (const message of messages) {
    if (message.kind === "continueAsNew") return message.version;
  }
  for (const message of messages) {
    if (message.kind === "start") return message.version;
  }
  return undefined;
}

function toCause(error: unknown): Cause {
  if (error instanceof DuroxideError) return { code: error.code, message: error.message };
  return {
    code: "history_corrupt",
    message: `Cannot read what is queued: ${String(error)}; restore the store from a backup or delete the instance`,
  };
}

function notRegistered(
  name: string,
  version: string | undefined,
  registry: OrchestrationRegistry,
): Cause {
  const near = registry.has(name) ? undefined : nearestOf(name, registry.names());
  const versions = registry.versions(name).slice(-10).join(", ");
  const what = version === undefined ? `"${name}"` : `"${name}" version "${version}"`;
  return {
    code: "not_registered",
    message: `Cannot run orchestration ${what}: this runtime does not know it${
      near === undefined ? "" : `, did you mean "${near}"?`
    }${versions === "" ? "" : ` (it has ${versions})`}; register it, or start a runtime that does`,
  };
}

/** Stands for code that is not here; never run. */
function placeholder(name: string): OrchestrationDefinition {
  return defineOrchestration(name, () => undefined);
}
