/** Reading the key-values of an instance. */

import { assertInstanceId, assertKey } from "../foundation/limits.ts";
import { decodeValue, read, type Connection } from "./connection.ts";

/** How errors call a key-value. */
export function describeKey(instanceId: string, key: string): string {
  return `key ${JSON.stringify(key)} of instance "${instanceId}"`;
}

export async function readKeyValues(
  connection: Connection,
  instanceId: string,
): Promise<Map<string, unknown>> {
  assertInstanceId(instanceId);
  const stored = await read(connection, (provider) => provider.readKeyValues(instanceId));
  return new Map(
    [...(stored ?? [])].map(([key, { value }]) => [
      key,
      decodeValue(connection.codec, value, describeKey(instanceId, key)),
    ]),
  );
}

export async function readKeyValue(
  connection: Connection,
  instanceId: string,
  key: string,
): Promise<unknown> {
  assertInstanceId(instanceId);
  assertKey(key);
  const stored = await read(connection, (provider) => provider.readKeyValues(instanceId));
  return decodeValue(connection.codec, stored?.get(key)?.value, describeKey(instanceId, key));
}
