/** Limits on what users may name and store, each with its unit, and their checks. */

import { UsageError } from "./errors.ts";
import { utf8Bytes } from "./json.ts";

/** Longest instance id, in UTF-8 bytes. */
export const INSTANCE_ID_BYTES_MAX = 1024;
/** Longest name of an orchestration, activity, event or queue, in UTF-8 bytes. */
export const NAME_BYTES_MAX = 256;
/** Largest encoded value (input, output, event, message), in UTF-8 bytes. */
export const PAYLOAD_BYTES_MAX: number = 16 * 1024 * 1024;
/** Largest custom status, in UTF-8 bytes. */
export const CUSTOM_STATUS_BYTES_MAX = 262_144;
/** Highest event id of an execution; also bounds the memory that a damaged history can claim. */
export const EVENT_ID_MAX: number = 2 ** 26;
/** Most operations that code may schedule without waiting for any of them. */
export const OPERATIONS_AT_ONCE_MAX = 100_000;
/** Most keys in the key-value store of an instance. */
export const KEY_VALUE_COUNT_MAX = 150;
/** Largest encoded value in the key-value store of an instance, in UTF-8 bytes. */
export const KEY_VALUE_BYTES_MAX = 65_536;
/** Longest key in the key-value store of an instance, in UTF-8 bytes. */
export const KEY_BYTES_MAX = 1024;

// With the u flag a surrogate class matches only surrogates that have no partner.
const UNSTORABLE = /[\0\p{Surrogate}]/u;

type NameCode = "invalid_argument" | "invalid_definition";

/**
 * @throws UsageError unless `name` is a text of 1 to {@link NAME_BYTES_MAX} bytes without NUL
 */
export function assertName(
  name: unknown,
  subject: string,
  code: NameCode = "invalid_argument",
): asserts name is string {
  assertText(name, subject, { bytesMax: NAME_BYTES_MAX, code });
}

/**
 * @throws UsageError unless `id` is a text of 1 to {@link INSTANCE_ID_BYTES_MAX} bytes without NUL
 */
export function assertInstanceId(id: unknown): asserts id is string {
  assertText(id, "instance id", { bytesMax: INSTANCE_ID_BYTES_MAX, code: "invalid_argument" });
}

/**
 * @throws UsageError unless `key` is a text of 0 to {@link KEY_BYTES_MAX} bytes without NUL
 */
export function assertKey(key: unknown): asserts key is string {
  if (key === "") return;
  assertText(key, "key", { bytesMax: KEY_BYTES_MAX, code: "invalid_argument" });
}

function assertText(
  text: unknown,
  subject: string,
  { bytesMax, code }: { readonly bytesMax: number; readonly code: NameCode },
): void {
  const wanted = `pass a text of 1 to ${bytesMax} UTF-8 bytes without NUL characters`;
  if (typeof text !== "string") {
    throw new UsageError(
      code,
      `Cannot use a value of type ${typeof text} as ${subject}: it is not a text; ${wanted}`,
    );
  }
  const shown = JSON.stringify(text.slice(0, 60));
  if (text.length === 0) {
    throw new UsageError(code, `Cannot use "" as ${subject}: it is empty; ${wanted}`);
  }
  const bytes = utf8Bytes(text);
  if (bytes > bytesMax) {
    throw new UsageError(
      code,
      `Cannot use ${shown}… as ${subject}: it has ${bytes} bytes; ${wanted}`,
    );
  }
  if (UNSTORABLE.test(text)) {
    throw new UsageError(
      code,
      `Cannot use ${shown} as ${subject}: it contains a character that cannot be stored; ${wanted}`,
    );
  }
}

/**
 * @throws UsageError `payload_too_large` when an encoded value exceeds `bytesMax`
 */
export function assertPayloadSize(text: string, subject: string, bytesMax: number): void {
  // A text of n UTF-16 units has at most 3n bytes: most values need no count.
  if (text.length * 3 <= bytesMax) return;
  const bytes = utf8Bytes(text);
  if (bytes <= bytesMax) return;
  throw new UsageError(
    "payload_too_large",
    `Cannot store ${subject}: it has ${bytes} bytes; the limit is ${bytesMax} bytes, store large data elsewhere and pass a reference`,
    { details: { bytes, bytesMax } },
  );
}
