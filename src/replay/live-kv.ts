/** `ctx.kv`: reads from the execution's view, and turns writes into actions. */

import { UsageError } from "../foundation/errors.ts";
import { assertKey, KEY_VALUE_BYTES_MAX, KEY_VALUE_COUNT_MAX } from "../foundation/limits.ts";
import { guardMethods } from "../foundation/own-object.ts";
import type { KeyValueStore } from "../orchestration/context.ts";
import type { Execution } from "./execution.ts";
import type { KeyValueView } from "./kv-view.ts";
import type { Scope } from "./scope.ts";

export class LiveKeyValueStore implements KeyValueStore {
  readonly #execution: Execution;
  readonly #scope: Scope;

  static {
    guardMethods(this, "ctx.kv", (it) => #execution in it);
  }

  constructor(execution: Execution, scope: Scope) {
    this.#execution = execution;
    this.#scope = scope;
  }

  get size(): number {
    return this.#enter().size;
  }

  get<T = unknown>(key: string): T | undefined {
    return this.#execution.decode(this.#enter(key).get(key)?.value) as T | undefined;
  }

  set(key: string, value: unknown): void {
    const view = this.#enter(key);
    const subject = `the value of key ${JSON.stringify(key)}`;
    const encoded = this.#execution.encode(value, subject, KEY_VALUE_BYTES_MAX);
    if (encoded === undefined) {
      throw new UsageError(
        "not_serializable",
        `Cannot store ${subject}: it is undefined; pass a value, or call kv.delete()`,
      );
    }
    if (view.size >= KEY_VALUE_COUNT_MAX && !view.has(key)) {
      throw new UsageError(
        "limit_exceeded",
        `Cannot store ${subject}: the store has ${view.size} keys and the limit is ${KEY_VALUE_COUNT_MAX}; delete a key first`,
        { details: { key, keyCount: view.size, keyCountMax: KEY_VALUE_COUNT_MAX } },
      );
    }
    view.set(key, { value: encoded, updatedMs: this.#execution.nowMs });
    this.#execution.emit({ kind: "KeyValueSet", key, value: encoded });
  }

  delete(key: string): boolean {
    const view = this.#enter(key);
    const wasThere = view.has(key);
    this.#clearKey(view, key);
    return wasThere;
  }

  clear(): void {
    this.#enter().clear();
    this.#execution.emit({ kind: "KeyValuesCleared" });
  }

  keys(): string[] {
    return this.#enter().keys();
  }

  entries<T = unknown>(): [key: string, value: T][] {
    const view = this.#enter();
    return view.keys().map((key) => [key, this.#execution.decode(view.get(key)?.value) as T]);
  }

  pruneUpdatedBefore(cutoff: Date | number): number {
    const view = this.#enter();
    const cutoffMs: unknown = cutoff instanceof Date ? cutoff.getTime() : cutoff;
    if (typeof cutoffMs !== "number" || Number.isNaN(cutoffMs)) {
      throw new UsageError(
        "invalid_argument",
        "Cannot prune the key-value store: the cutoff is not a point in time; pass a Date or milliseconds since the Unix epoch",
      );
    }
    // By order, not by millisecond: turns may share one, and up to now everything is before now.
    const isNow = cutoffMs >= this.#execution.nowMs;
    const keys = view.keysUpdatedBefore(isNow ? Infinity : cutoffMs);
    for (const key of keys) this.#clearKey(view, key);
    return keys.length;
  }

  #clearKey(view: KeyValueView, key: string): void {
    view.delete(key);
    this.#execution.emit({ kind: "KeyValueCleared", key });
  }

  #enter(key: unknown = ""): KeyValueView {
    this.#execution.assertUsable(this.#scope);
    assertKey(key);
    return this.#execution.keyValues;
  }
}
