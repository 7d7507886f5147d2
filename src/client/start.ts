/** Starting instances. */

import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";

import { parseDurationMs, type DurationInput } from "../foundation/duration.ts";
import { UsageError } from "../foundation/errors.ts";
import { invariant } from "../foundation/invariant.ts";
import { OptionDoor } from "../foundation/option-values.ts";
import { assertInstanceId } from "../foundation/limits.ts";
import { systemRandom } from "../foundation/random.ts";
import { validate } from "../foundation/standard-schema.ts";
import { encodeMessage } from "../history/message.ts";
import type { OrchestrationDefinition } from "../orchestration/define.ts";
import { assertVersion } from "../orchestration/version.ts";
import type { IdReusePolicy, StartRequest, WriteOutcome } from "../provider/provider.ts";
import { nameOf } from "./arguments.ts";
import { encodeValue, write, type Connection, type TransactionOption } from "./connection.ts";
import { InstanceAlreadyExistsError } from "./errors.ts";
import { Run } from "./run.ts";
import { toStatus } from "./status.ts";

export interface StartOptions extends TransactionOption {
  /** A semantic version. @default what the registry's policy says when the instance begins */
  readonly version?: string | undefined;
  /** Not before then: a time from now, or a date. @default at once */
  readonly startAfter?: DurationInput | Date | undefined;
  /**
   * What happens when the id is in use: `"reject"` throws, `"ignore"` gives a handle on what is there,
   * `"replaceFinished"` removes it if it has ended and throws otherwise.
   *
   * @default "reject"
   */
  readonly idReuse?: IdReusePolicy | undefined;
}

const START_OPTIONS: OptionNames<StartOptions> = {
  version: true,
  startAfter: true,
  idReuse: true,
  transaction: true,
};

const POLICIES: readonly IdReusePolicy[] = ["reject", "ignore", "replaceFinished"];

export interface StartTarget {
  readonly instanceId: string;
  readonly orchestration: OrchestrationDefinition | string;
  readonly input: unknown;
}

/**
 * Makes a start durable.
 *
 * @returns Whether a new instance was started, and the run that the id has now
 */
export async function startInstance(
  connection: Connection,
  target: StartTarget,
  options: StartOptions,
): Promise<{ readonly isNew: boolean; readonly run: Run }> {
  const { orchestration, input } = target;
  const name = nameOf(orchestration, "orchestration");
  // What the schema makes of the input is made again where the orchestration runs, so the input
  // itself is stored.
  if (typeof orchestration !== "string" && orchestration.input !== undefined)
    await validate(orchestration.input, input, inputOf(name));
  const request = toRequest(connection, { ...target, name }, options);
  const outcome =
    options.transaction === undefined
      ? await submit(connection, request)
      : await write(connection, { kind: "startInstance", request }, options);
  const { instanceId, runId } = request;
  const run = new Run(instanceId, { runId });
  if (outcome.kind === "started") return { isNew: true, run };
  invariant(outcome.kind === "idInUse", `a store answers no start with "${outcome.kind}"`);
  if (outcome.isSame) return { isNew: true, run };
  const { existing } = outcome;
  // A handle on another orchestration would promise the wrong type of result.
  if (request.idReuse === "ignore" && existing.name === request.name)
    return { isNew: false, run: new Run(instanceId, { runId: existing.runId }) };
  throw new InstanceAlreadyExistsError(toStatus(existing, connection.codec), request.name);
}

async function submit({ hub, retryMs }: Connection, request: StartRequest): Promise<WriteOutcome> {
  const outcome = await hub.start(request, retryMs);
  // The runtime of this process that wanted to take it lost its node meanwhile: any other may.
  return outcome.kind === "claimLost"
    ? hub.write({ kind: "startInstance", request }, retryMs)
    : outcome;
}

function inputOf(name: string): string {
  return `the input of orchestration "${name}"`;
}

function toRequest(
  connection: Connection,
  { instanceId, name, input }: StartTarget & { readonly name: string },
  options: StartOptions,
): StartRequest {
  assertInstanceId(instanceId);
  assertKnownOptions(options, START_OPTIONS, "startOrchestration");
  const { version, startAfter, idReuse = "reject" } = options;
  assertChoices(instanceId, version, idReuse);
  const notBeforeMs = startAfter === undefined ? undefined : toNotBeforeMs(startAfter, connection);
  const encoded = encodeValue(connection, input, inputOf(name));
  const runId = systemRandom.uuid();
  return {
    instanceId,
    name,
    version,
    runId,
    body: encodeMessage({ kind: "start", name, version, input: encoded, seed: runId }),
    notBeforeMs,
    idReuse,
  };
}

function assertChoices(instanceId: string, version: unknown, idReuse: IdReusePolicy): void {
  const door = new OptionDoor(`Cannot start instance "${instanceId}"`);
  assertVersion(door, version);
  door.oneOf("idReuse", idReuse, POLICIES);
}

function toNotBeforeMs(startAfter: DurationInput | Date, { hub }: Connection): number {
  if (!(startAfter instanceof Date))
    return hub.provider.nowMs() + parseDurationMs(startAfter, "`startAfter`", (date) => date);
  const timeMs = startAfter.getTime();
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new UsageError(
    "invalid_duration",
    "Cannot start an instance: `startAfter` is not a valid date; pass a Date or a duration",
  );
}
