/**
 * The key-value store of an instance as one execution sees it.
 *
 * Boundary: two layers, the snapshot at the start of the execution and the execution's own changes;
 * the latter are re-applied by the replayed code itself, at the recorded times. Reads are local.
 *
 * I1. What a read gives depends on the snapshot and on what the code did before, never on what was
 *     stored since (semantics section 20, weakness U10).
 * I2. Keys are listed in one order, whatever the order of the snapshot.
 */

import type { EncodedValue } from "../history/event.ts";

/** A stored value and the time of the turn that wrote it. */
export interface KeyValueEntry {
  readonly value: EncodedValue;
  /** Milliseconds since the Unix epoch. */
  readonly updatedMs: number;
}

/** What one turn changed, in the shape that stores take. */
export interface KeyValueDelta {
  /** Everything that was stored before goes first. */
  readonly isCleared: boolean;
  readonly changes: readonly {
    readonly key: string;
    /** Absent when the key is removed. */
    readonly value?: EncodedValue;
    readonly updatedMs: number;
  }[];
}

export class KeyValueView {
  readonly #entries: Map<string, KeyValueEntry>;

  constructor(snapshot: ReadonlyMap<string, KeyValueEntry> = new Map()) {
    this.#entries = new Map(snapshot);
  }

  /** What the next execution starts from. */
  get entries(): ReadonlyMap<string, KeyValueEntry> {
    return this.#entries;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): KeyValueEntry | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** In the order of their UTF-16 units. */
  keys(): string[] {
    return [...this.#entries.keys()].sort();
  }

  /** Keys that were last written before `cutoffMs`, in the order of {@link keys}. */
  keysUpdatedBefore(cutoffMs: number): string[] {
    return this.keys().filter((key) => (this.#entries.get(key)?.updatedMs ?? 0) < cutoffMs);
  }

  set(key: string, entry: KeyValueEntry): void {
    this.#entries.set(key, entry);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
