/**
 * Waiting for instances: notified in this process, a gentle look across processes.
 *
 * W1. What is there already is found, also with a timeout of 0: an answer goes before the clock.
 * W2. Values are decoded after the wait: what the watch calls back throws only to end its own wait.
 * W3. A wait is about one run: that of its handle, or the first one that it reads.
 */

import { parseDurationMs, type DurationInput } from "../foundation/duration.ts";
import { TimeoutError } from "../foundation/errors.ts";
import { assertInstanceId, assertKey } from "../foundation/limits.ts";
import type { WatchLimits } from "../provider/instance-watch.ts";
import type { InstanceRow } from "../provider/provider.ts";
import { assertOptions, assertSignal, assertWholeNumber } from "./arguments.ts";
import { decodeValue, type Connection } from "./connection.ts";
import { describeKey } from "./key-values.ts";
import { KeyWatch } from "./key-watch.ts";
import type { Run } from "./run.ts";
import { hasEnded, toStatus, type FinishedStatus, type KnownStatus } from "./status.ts";

export interface WaitOptions {
  /** 0 looks once. @default no limit */
  readonly timeout?: DurationInput | undefined;
  /** Ends the wait; what is waited for goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** Waits for the end of an instance, known or not yet. */
export async function waitForEnd(
  connection: Connection,
  run: Run,
  options: WaitOptions,
): Promise<FinishedStatus> {
  const { instanceId, runId } = run;
  assertInstanceId(instanceId);
  const limits = {
    ...toLimits(options, `the end of instance "${instanceId}"`),
    isToCome: connection.hub.isRunning(instanceId, runId),
  };
  const row = await waitForRow(connection, run, { isAnswer: hasEnded, limits });
  return toStatus(row, connection.codec) as FinishedStatus;
}

/** Waits until the custom status is newer than `sinceVersion`, or the instance has ended. */
export async function waitForStatusChange(
  connection: Connection,
  run: Run,
  sinceVersion: number,
  options: WaitOptions,
): Promise<KnownStatus> {
  const { instanceId } = run;
  assertInstanceId(instanceId);
  assertWholeNumber(sinceVersion, 0, "`sinceVersion`");
  const limits = toLimits(options, `a change of the custom status of instance "${instanceId}"`);
  const isAnswer = (row: InstanceRow): boolean =>
    row.customStatusVersion > sinceVersion || hasEnded(row);
  const row = await waitForRow(connection, run, { isAnswer, limits });
  return toStatus(row, connection.codec);
}

/** Waits until a key is set. */
export async function waitForKey(
  connection: Connection,
  target: { readonly instanceId: string; readonly key: string },
  options: WaitOptions,
): Promise<unknown> {
  const { instanceId, key } = target;
  assertInstanceId(instanceId);
  assertKey(key);
  const subject = describeKey(instanceId, key);
  const limits = toLimits(options, subject);
  const watch = new KeyWatch(connection.hub, target);
  const entry = await orLastLook(
    () => watch.wait(limits),
    () => watch.lookOnce(),
  );
  return decodeValue(connection.codec, entry.value, subject);
}

function toLimits(options: WaitOptions, subject: string): WatchLimits {
  assertOptions(options);
  const { timeout, signal } = options;
  const timeoutMs = timeout === undefined ? undefined : parseDurationMs(timeout, "`timeout`");
  assertSignal(signal);
  return { timeoutMs, signal, subject };
}

interface RowWait {
  readonly isAnswer: (row: InstanceRow) => boolean;
  readonly limits: WatchLimits;
}

function waitForRow(
  { hub }: Connection,
  run: Run,
  { isAnswer, limits }: RowWait,
): Promise<InstanceRow> {
  const { instanceId } = run;
  const check = (row: InstanceRow | undefined): { value: InstanceRow } | undefined => {
    if (row === undefined) return undefined;
    run.assertOwn(row);
    return isAnswer(row) ? { value: row } : undefined;
  };
  return orLastLook(
    () => hub.watch.waitFor(instanceId, check, limits),
    async () => check((await hub.provider.readInstances([instanceId]))[0])?.value,
  );
}

/** (W1) In a busy process the clock may win against an answer that nobody had the time to read. */
async function orLastLook<T>(
  wait: () => Promise<T>,
  look: () => Promise<T | undefined>,
): Promise<T> {
  try {
    return await wait();
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    // A store that cannot answer now leaves it at the timeout.
    const answer = await look().catch(() => undefined);
    if (answer === undefined) throw error;
    return answer;
  }
}
