/**
 * Ending instances without their code.
 *
 * A client ends an instance with one commit, without a live runtime, also when a node holds it. The
 * client reads the history, builds the last turn from it, and writes that turn unless another turn has
 * landed meanwhile.
 *
 * E1. When turns of the instance land first again and again, the client also sends a cancellation: the
 *     next turn of the instance is then its last.
 */

import { host } from "../foundation/host.ts";
import { toTimerMs } from "../foundation/timer.ts";
import { UsageError } from "../foundation/errors.ts";
import { assertInstanceId, assertPayloadSize } from "../foundation/limits.ts";
import { systemRandom } from "../foundation/random.ts";
import { toEffects } from "../effects/turn-effects.ts";
import { canceledFailure } from "../history/failure.ts";
import { encodeMessage, tryDecodeMessage, type InstanceMessage } from "../history/message.ts";
import type { InstanceRow, QueuedMessage, WriteOutcome } from "../provider/provider.ts";
import { abortExecution } from "../replay/abort.ts";
import { findRow, read, type Connection } from "./connection.ts";
import { hasEnded, type FinishedStatus } from "./status.ts";

/** What became of a termination; all are durable facts. */
export type TerminationOutcome =
  | { readonly kind: "terminated" }
  /** Its end came first. */
  | { readonly kind: "alreadyFinished"; readonly status: FinishedStatus["status"] }
  | { readonly kind: "unknownInstance" };

/** Which instance ends, and why. */
export interface EndTarget {
  readonly instanceId: string;
  /** @default whichever run has the id */
  readonly runId: string | undefined;
  readonly reason: string;
}

/** Lost races after which the instance is asked as well. (E1) */
const ASK_AFTER = 3;
/** Longest pause between two tries after that, in milliseconds. */
const PAUSE_MS_MAX = 250;
/** Children that are ended at once. */
const CHILDREN_AT_ONCE = 32;

/** @throws UsageError `invalid_argument`, `payload_too_large` */
export function assertReason(
  { payloadBytesMax }: Connection,
  reason: unknown,
  call: string,
): asserts reason is string {
  if (typeof reason !== "string") {
    throw new UsageError(
      "invalid_argument",
      `Cannot ${call}: the reason is a value of type ${typeof reason}; pass a text or leave it out`,
    );
  }
  assertPayloadSize(reason, "the reason of a cancellation", payloadBytesMax);
}

/** Ends an instance and its descendants without running their code. */
export async function terminateInstance(
  connection: Connection,
  target: EndTarget,
): Promise<TerminationOutcome> {
  assertInstanceId(target.instanceId);
  assertReason(connection, target.reason, `terminate instance "${target.instanceId}"`);
  return terminate(connection, target);
}

async function terminate(connection: Connection, target: EndTarget): Promise<TerminationOutcome> {
  const { instanceId, runId, reason } = target;
  for (let tries = 1; ; tries += 1) {
    const row = await findRow(connection, instanceId);
    if (!isRun(row, runId)) return { kind: "unknownInstance" };
    if (hasEnded(row)) {
      const isOurs = tries > ASK_AFTER && row.failure?.isTerminated === true;
      return isOurs ? { kind: "terminated" } : { kind: "alreadyFinished", status: row.status };
    }
    const outcome = await tryEnd(connection, row, { reason, isTerminated: true });
    if (outcome.kind === "committed") {
      await terminateChildren(connection, instanceId);
      return { kind: "terminated" };
    }
    if (tries === ASK_AFTER) await askToEnd(connection, row, reason);
    if (tries >= ASK_AFTER) await host.sleep(toTimerMs(Math.min(2 ** tries, PAUSE_MS_MAX)));
  }
}

/**
 * Ends an instance at once if it has not begun, or cannot go on.
 *
 * @returns False when it is to be asked: it is running, has ended, or is unknown
 */
export async function endUnlessRunning(
  connection: Connection,
  { instanceId, runId, reason }: EndTarget,
): Promise<boolean> {
  for (;;) {
    const row = await findRow(connection, instanceId);
    if (!isRun(row, runId)) return false;
    const isStuck = row.status === "Pending" || row.blocked !== undefined;
    if (!isStuck || hasEnded(row)) return false;
    const outcome = await tryEnd(connection, row, { reason, isTerminated: false });
    if (outcome.kind === "committed") return true;
  }
}

function isRun(row: InstanceRow | undefined, runId: string | undefined): row is InstanceRow {
  return row !== undefined && (runId === undefined || row.runId === runId);
}

interface Ending {
  readonly reason: string;
  readonly isTerminated: boolean;
}

/** Refused when something has been recorded since the row was read. */
async function tryEnd(
  connection: Connection,
  row: InstanceRow,
  { reason, isTerminated }: Ending,
): Promise<WriteOutcome> {
  const { instanceId, executionId, key, name, version, runId, createdMs } = row;
  const { hub, retryMs } = connection;
  const rows =
    (await read(connection, (provider) => provider.readHistory(instanceId, executionId))) ?? [];
  const queued =
    rows.length > 0 ? [] : await read(connection, (provider) => provider.readMessages(instanceId));
  const nowMs = hub.provider.nowMs();
  const conclusion = abortExecution({
    rows,
    messages: [...findStart(queued), { kind: "cancel", reason }],
    instanceId,
    version,
    failure: canceledFailure(reason, isTerminated),
    nowMs,
  });
  const { seed = "", parent = row.parent } = conclusion.started ?? {};
  const effects = toEffects(
    { instanceId, executionId, name, version, seed, runId, parent, nowMs, startedMs: createdMs },
    conclusion,
    { claims: [], nextSeed: () => systemRandom.uuid() },
  );
  const lastEventId = rows.at(-1)?.lastEventId ?? 0;
  const outcome = await hub.write({ kind: "endInstance", key, lastEventId, effects }, retryMs);
  if (outcome.kind === "committed") hub.watch.notify(instanceId, outcome.ended);
  return outcome;
}

/** How the execution was to begin; what cannot be read says nothing about that. */
function findStart(queued: readonly QueuedMessage[]): readonly InstanceMessage[] {
  for (const { body } of queued) {
    const message = tryDecodeMessage(body);
    if (message?.kind === "start" || message?.kind === "continueAsNew") return [message];
  }
  return [];
}

/** (E1) */
async function askToEnd(
  { hub, retryMs }: Connection,
  { instanceId, runId }: InstanceRow,
  reason: string,
): Promise<void> {
  const body = encodeMessage({ kind: "cancel", reason, isTerminated: true });
  const message = { instanceId, runId, body, isUrgent: true };
  await hub.write({ kind: "sendMessage", message }, retryMs);
}

/** The end of their parent has asked them already, durably; so they end where no runtime lives, too. */
async function terminateChildren(connection: Connection, parentId: string): Promise<void> {
  const rows = await read(connection, (provider) => provider.listChildren(parentId));
  const open = rows.filter((row) => !hasEnded(row));
  for (let i = 0; i < open.length; i += CHILDREN_AT_ONCE) {
    const some = open.slice(i, i + CHILDREN_AT_ONCE);
    await Promise.all(
      some.map(({ instanceId, runId }) =>
        terminate(connection, { instanceId, runId, reason: "parent terminated" }),
      ),
    );
  }
}
