/**
 * Waiting for instances: notified in this process, a gentle look across processes.
 *
 * W1. What is there already is found, also with a timeout of 0: an answer goes before the clock.
 * W2. Values are decoded after the wait: what the watch calls back throws only to end its own wait.
 * W3. A wait is about one run: that of its handle, or the first one that it reads.
 */

import { assertKnownOptions, type OptionNames } from "../foundation/known-options.ts";
import { systemClock } from "../foundation/clock.ts";
import { parseDurationMs, type DurationInput } from "../foundation/duration.ts";
import { TimeoutError } from "../foundation/errors.ts";
import { assertInstanceId, assertKey } from "../foundation/limits.ts";
import type { WatchLimits } from "../provider/instance-watch.ts";
import type { InstanceRow } from "../provider/provider.ts";
import { assertSignal, assertWholeNumber } from "./arguments.ts";
import { decodeValue, nameOfStore, type Connection } from "./connection.ts";
import { InstanceNotFoundError } from "./errors.ts";
import { describeKey } from "./key-values.ts";
import { KeyWatch } from "./key-watch.ts";
import { Run } from "./run.ts";
import { describeStanding } from "./standing.ts";
import { hasEnded, toStatus, type FinishedStatus, type KnownStatus } from "./status.ts";

export interface WaitOptions {
  /** 0 reads once. @default no limit */
  readonly timeout?: DurationInput | undefined;
  /** Ends the wait; what is waited for goes on. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long an instance that does not exist may take to appear.
   *
   * @default not at all: an unknown instance is an `InstanceNotFoundError` at once
   */
  readonly createdWithin?: DurationInput | undefined;
}

const WAIT_OPTIONS: OptionNames<WaitOptions> = { timeout: true, signal: true, createdWithin: true };

/** Waits for the end of an instance. */
export async function waitForEnd(
  connection: Connection,
  run: Run,
  options: WaitOptions,
): Promise<FinishedStatus> {
  const { instanceId, runId } = run;
  assertInstanceId(instanceId);
  const asked = toLimits(options, `the end of instance "${instanceId}"`);
  const isToCome = connection.hub.isRunning(instanceId, runId);
  const limits = isToCome ? { ...asked, isToCome } : await untilCreated(connection, run, asked);
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
  const asked = toLimits(options, `a change of the custom status of instance "${instanceId}"`);
  const limits = await untilCreated(connection, run, asked);
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
  const run = new Run(instanceId);
  const limits = await untilCreated(connection, run, toLimits(options, subject));
  const watch = new KeyWatch(connection.hub, target, notFound(connection, instanceId));
  const entry = await orLastLook(
    () => watch.wait(limits),
    () => watch.lookOnce(),
  ).catch((error: unknown) => withStatus(connection, run, error));
  return decodeValue(connection.codec, entry.value, subject);
}

interface Limits extends WatchLimits {
  readonly createdWithinMs: number | undefined;
}

function toLimits(options: WaitOptions, subject: string): Limits {
  assertKnownOptions(options, WAIT_OPTIONS, "a wait");
  const { timeout, signal, createdWithin } = options;
  const timeoutMs = timeout === undefined ? undefined : parseDurationMs(timeout, "`timeout`");
  const createdWithinMs =
    createdWithin === undefined ? undefined : parseDurationMs(createdWithin, "`createdWithin`");
  assertSignal(signal);
  return { timeoutMs, signal, subject, createdWithinMs };
}

function notFound(connection: Connection, instanceId: string): InstanceNotFoundError {
  return new InstanceNotFoundError(instanceId, nameOfStore(connection));
}

/**
 * Waits until there is such an instance, where the caller allows that. Whether there is one in the
 * end, the wait that follows finds out.
 *
 * @returns What is left of the limits
 */
async function untilCreated(
  { hub }: Connection,
  { instanceId }: Run,
  limits: Limits,
): Promise<WatchLimits> {
  const { createdWithinMs, timeoutMs = Number.POSITIVE_INFINITY } = limits;
  if (createdWithinMs === undefined) return limits;
  const sinceMs = systemClock.monotonicMs();
  try {
    await hub.watch.waitFor(instanceId, (row) => row && { value: row }, {
      ...limits,
      timeoutMs: Math.min(createdWithinMs, timeoutMs),
    });
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
  }
  if (limits.timeoutMs === undefined) return limits;
  const leftMs = timeoutMs - (systemClock.monotonicMs() - sinceMs);
  return { ...limits, timeoutMs: Math.max(0, leftMs) };
}

/** Adds the standing of the instance to a timeout. */
async function withStatus(connection: Connection, run: Run, error: unknown): Promise<never> {
  if (!(error instanceof TimeoutError)) throw error;
  const { instanceId } = run;
  // A store that cannot answer now leaves it at the timeout.
  const rows = await connection.hub.provider.readInstances([instanceId]).catch(() => undefined);
  if (rows === undefined) throw error;
  const [row] = rows;
  if (row === undefined) throw notFound(connection, instanceId);
  run.assertOwn(row);
  const { status, blocked } = row;
  const what = error.message.replace(/; wait again$/, "");
  const limits = error.details as { readonly timeoutMs: number };
  const standing = await describeStanding(connection.hub, row, limits.timeoutMs === 0);
  const facts = { ...limits, instanceId, status, blocked };
  throw new TimeoutError(`${what} and it is ${standing}`, facts);
}

interface RowWait {
  readonly isAnswer: (row: InstanceRow) => boolean;
  readonly limits: WatchLimits;
}

function waitForRow(
  connection: Connection,
  run: Run,
  { isAnswer, limits }: RowWait,
): Promise<InstanceRow> {
  const { hub } = connection;
  const { instanceId } = run;
  const check = (row: InstanceRow | undefined): { value: InstanceRow } | undefined => {
    if (row === undefined) throw notFound(connection, instanceId);
    run.assertOwn(row);
    return isAnswer(row) ? { value: row } : undefined;
  };
  return orLastLook(
    () => hub.watch.waitFor(instanceId, check, limits),
    async () => check((await hub.provider.readInstances([instanceId]))[0])?.value,
  ).catch((error: unknown) => withStatus(connection, run, error));
}

/** (W1) In a busy process a timeout may fire before the answer that has arrived is read. */
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
