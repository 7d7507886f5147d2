/** What every part of a client shares: the hub of its store, its codec, its limits. */

import { systemClock } from "../foundation/clock.ts";
import { UsageError } from "../foundation/errors.ts";
import { invariant } from "../foundation/invariant.ts";
import type { Codec } from "../foundation/json.ts";
import { assertPayloadSize } from "../foundation/limits.ts";
import { toTimerMs } from "../foundation/timer.ts";
import { host } from "../foundation/host.ts";
import type { EncodedValue } from "../history/event.ts";
import { ProviderError } from "../provider/errors.ts";
import type { StoreHub } from "../provider/hub.ts";
import type { InstanceRow, Provider, WriteOperation, WriteOutcome } from "../provider/provider.ts";

export interface Connection {
  readonly hub: StoreHub;
  readonly codec: Codec;
  /** Largest encoded value in UTF-8 bytes. */
  readonly payloadBytesMax: number;
  /** How long retryable errors of the store are retried, in milliseconds. */
  readonly retryMs: number;
}

/** How a call becomes durable. */
export interface TransactionOption {
  /**
   * Writes in this transaction: what the call does lands together with your own rows, or not at all.
   * The call then resolves as soon as it is written; it is durable, and others learn of it, when the
   * transaction commits.
   *
   * Pass that of `store.transaction()`, or the driver's own connection on which you have begun one: a
   * `pg` client, or a SQLite database opened on the file of the store.
   *
   * @default a transaction of its own, durable when the call resolves
   */
  readonly transaction?: object | undefined;
}

const RETRY_DELAY_MS_MIN = 5;
const RETRY_DELAY_MS_MAX = 2_000;

/**
 * Reads, and tries again while the store cannot answer for now.
 *
 * @throws ProviderError when the store refuses for good, or for longer than the connection's `retryMs`
 */
export async function read<T>(
  { hub, retryMs }: Connection,
  ask: (provider: Provider) => Promise<T>,
): Promise<T> {
  const endMs = systemClock.monotonicMs() + retryMs;
  for (let delayMs = RETRY_DELAY_MS_MIN; ; delayMs = Math.min(delayMs * 2, RETRY_DELAY_MS_MAX)) {
    try {
      return await ask(hub.provider);
    } catch (error) {
      const leftMs = endMs - systemClock.monotonicMs();
      if (!(error instanceof ProviderError && error.retryable) || leftMs <= 0) throw error;
      await host.sleep(toTimerMs(Math.min(delayMs, leftMs)));
    }
  }
}

/**
 * Writes one operation, in the caller's transaction where there is one.
 *
 * @throws UsageError `invalid_argument` when the store has no transactions to share
 */
export async function write(
  { hub, retryMs }: Connection,
  operation: WriteOperation,
  { transaction }: TransactionOption,
): Promise<WriteOutcome> {
  if (transaction === undefined) return hub.write(operation, retryMs);
  const { transactions, name } = hub.provider;
  if (transactions === undefined) {
    throw new UsageError(
      "invalid_argument",
      `Cannot write in a transaction: the store "${name}" does not share any; leave \`transaction\` out, or use another store`,
    );
  }
  const [outcome] = await transactions.write(transaction, [operation]);
  invariant(outcome !== undefined, "a store answers each operation");
  return outcome;
}

/** How errors call the store. */
export function nameOfStore({ hub }: Pick<Connection, "hub">): string {
  return hub.provider.location ?? `the store "${hub.provider.name}"`;
}

/** The stored facts of an instance, if it exists. */
export async function findRow(
  connection: Connection,
  instanceId: string,
): Promise<InstanceRow | undefined> {
  const rows = await read(connection, (provider) => provider.readInstances([instanceId]));
  return rows[0];
}

/** @throws UsageError `not_serializable` or `payload_too_large` */
export function encodeValue(connection: Connection, value: unknown, subject: string): EncodedValue {
  if (value === undefined) return undefined;
  const text = connection.codec.encode(value, subject);
  assertPayloadSize(text, subject, connection.payloadBytesMax);
  return text;
}

/** @throws UsageError `invalid_argument` when another codec wrote the value */
export function decodeValue(codec: Codec, value: EncodedValue, subject: string): unknown {
  if (value === undefined) return undefined;
  try {
    return codec.decode(value);
  } catch (error) {
    throw new UsageError(
      "invalid_argument",
      `Cannot read ${subject}: the codec "${codec.name}" cannot decode it; give the client the codec that the runtimes use`,
      { cause: error },
    );
  }
}
