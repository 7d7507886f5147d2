/**
 * Messages for instances that are on their way into memory: a claim or a start that is under way does
 * not contain what becomes durable behind it.
 *
 * I1. A reader gets what arrived after it began and nothing from before: that is in its claim, or
 *     somebody else has consumed it since.
 * I2. Nothing is kept that no reader under way could want.
 */

import type { InstanceKey, QueuedMessage } from "../provider/provider.ts";

/** Names a reader: a claim or a start that is under way. */
export type Reader = number;

interface Letter {
  /** The youngest reader when it arrived. */
  readonly after: Reader;
  readonly message: QueuedMessage;
}

export class LateMail {
  /** Oldest first. */
  readonly #readers = new Set<Reader>();
  /** Those with the oldest last letter first. */
  readonly #byKey = new Map<InstanceKey, Letter[]>();
  #youngest: Reader = 0;

  /** Instances with mail that is kept. */
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
    const letters = this.#byKey.get(key) ?? [];
    this.#byKey.delete(key);
    this.#byKey.set(key, letters);
    letters.push({ after: this.#youngest, message });
  }

  /** What the reader has to take in with the instance (I1). */
  take(key: InstanceKey, reader: Reader): QueuedMessage[] {
    const letters = this.#byKey.get(key);
    if (letters === undefined) return [];
    this.#byKey.delete(key);
    return letters.filter(({ after }) => after >= reader).map(({ message }) => message);
  }

  /** Everything that the reader brought is in memory. */
  end(reader: Reader): void {
    this.#readers.delete(reader);
    const [oldest = Number.POSITIVE_INFINITY] = this.#readers;
    for (const [key, letters] of this.#byKey) {
      if ((letters.at(-1)?.after ?? 0) >= oldest) return;
      this.#byKey.delete(key); // (I2)
    }
  }
}
