/**
 * Waits for one key of one instance.
 *
 * The watch of the store calls when the instance may have changed; each call reads the key-values,
 * and a read that finds the key makes the watch read again, which ends the wait.
 *
 * I1. One read at a time; calls during a read make it read once more.
 * I2. An instance that has ended sets no key any more: a read that begins after the end and finds
 *     none ends the wait.
 */

import type { EncodedValue } from "../history/event.ts";
import { ProviderError } from "../provider/errors.ts";
import type { StoreHub } from "../provider/hub.ts";
import type { WatchLimits } from "../provider/instance-watch.ts";
import type { InstanceRow } from "../provider/provider.ts";
import { InstanceEndedError } from "./errors.ts";
import { describeKey } from "./key-values.ts";
import { hasEnded } from "./status.ts";

/** A key that is set; its value may be anything. */
export interface FoundKey {
  readonly value: EncodedValue;
}

type Answer =
  | { readonly kind: "found"; readonly entry: FoundKey }
  | { readonly kind: "failed"; readonly error: unknown };

export class KeyWatch {
  readonly #hub: StoreHub;
  readonly #instanceId: string;
  readonly #key: string;
  readonly #unknown: Error;
  #answer: Answer | undefined;
  #ended: InstanceRow | undefined;
  #isReading = false;
  #isStale = false;

  /** @param unknown - Ends the wait when there is no such instance */
  constructor(
    hub: StoreHub,
    target: { readonly instanceId: string; readonly key: string },
    unknown: Error,
  ) {
    this.#unknown = unknown;
    this.#hub = hub;
    this.#instanceId = target.instanceId;
    this.#key = target.key;
  }

  /** @throws TimeoutError, AbortedError, ProviderError when the store fails for good */
  async wait(limits: WatchLimits): Promise<FoundKey> {
    const answer = await this.#hub.watch.waitFor(this.#instanceId, this.#check, limits);
    if (answer.kind === "failed") throw answer.error;
    return answer.entry;
  }

  async lookOnce(): Promise<FoundKey | undefined> {
    const keyValues = await this.#hub.provider.readKeyValues(this.#instanceId);
    return keyValues?.get(this.#key);
  }

  readonly #check = (row: InstanceRow | undefined): { readonly value: Answer } | undefined => {
    if (this.#answer !== undefined) return { value: this.#answer };
    if (row === undefined) throw this.#unknown;
    this.#ended = hasEnded(row) ? row : undefined;
    this.#isStale = true;
    if (!this.#isReading) void this.#read();
    return undefined;
  };

  /** (I1) */
  async #read(): Promise<void> {
    this.#isReading = true;
    while (this.#isStale && this.#answer === undefined) {
      this.#isStale = false;
      this.#answer = await this.#tryLook();
    }
    this.#isReading = false;
    if (this.#answer !== undefined) this.#hub.watch.notify(this.#instanceId);
  }

  async #tryLook(): Promise<Answer | undefined> {
    const ended = this.#ended;
    try {
      const entry = await this.lookOnce();
      if (entry !== undefined) return { kind: "found", entry };
      return ended && { kind: "failed", error: toEnded(ended, this.#key) }; // (I2)
    } catch (error) {
      // A store that is busy is asked again at the next call, by the watch's safety net at the latest.
      if (error instanceof ProviderError && error.retryable) return undefined;
      return { kind: "failed", error };
    }
  }
}

function toEnded({ instanceId, status }: InstanceRow, key: string): InstanceEndedError {
  return new InstanceEndedError(describeKey(instanceId, key), instanceId, status);
}
