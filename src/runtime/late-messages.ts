/**
 * Messages for instances that are being loaded: a claim or a start under way does not contain messages
 * that are committed after its read.
 *
 * I1. A reader gets the messages that arrived after it began. Earlier ones are in its claim, or another
 *     turn has consumed them.
 * I2. Messages are kept only for readers under way.
 */

import type { InstanceKey, QueuedMessage } from "../provider/provider.ts";

/** Names a reader: a claim or a start that is under way. */
export type Reader = number;

interface LateMessage {
  /** The youngest reader when it arrived. */
  readonly after: Reader;
  readonly message: QueuedMessage;
}

export class LateMessages {
  /** Oldest first. */
  readonly #readers = new Set<Reader>();
  /** Those with the oldest last message first. */
  readonly #byKey = new Map<InstanceKey, LateMessage[]>();
  #youngest: Reader = 0;

  /** Instances with kept messages. */
  get size(): number {
    return this.#byKey.size;
  }

  /** To be called before the store is asked. */
  begin(): Reader {
    this.#youngest += 1;
    this.#readers.add(this.#youngest);
    return this.#youngest;
  }

  keep(key: InstanceKey, message: QueuedMessage): void {
    if (this.#readers.size === 0) return;
    const kept = this.#byKey.get(key) ?? [];
    this.#byKey.delete(key);
    this.#byKey.set(key, kept);
    kept.push({ after: this.#youngest, message });
  }

  /** What the reader has to take in with the instance (I1). */
  take(key: InstanceKey, reader: Reader): QueuedMessage[] {
    const kept = this.#byKey.get(key);
    if (kept === undefined) return [];
    this.#byKey.delete(key);
    return kept.filter(({ after }) => after >= reader).map(({ message }) => message);
  }

  /** Everything that the reader brought is in memory. */
  end(reader: Reader): void {
    this.#readers.delete(reader);
    const [oldest = Number.POSITIVE_INFINITY] = this.#readers;
    for (const [key, kept] of this.#byKey) {
      if ((kept.at(-1)?.after ?? 0) >= oldest) return;
      this.#byKey.delete(key); // (I2)
    }
  }
}
