/**
 * Notices that somebody else has changed the store: another process the file, or a transaction of the
 * user either.
 *
 * I1. What this connection commits by itself is never reported: SQLite's `data_version` counts the
 *     commits of others.
 * I2. The timer exists only while somebody listens, and keeps no process alive.
 * I3. After a while in which nothing has changed it looks more rarely: an idle process costs next to
 *     nothing, and a busy neighbour is seen soon.
 */

import type { StoreChange } from "../../provider/provider.ts";
import type { Connection, SqliteStatement } from "./driver.ts";

type Listener = (change: StoreChange) => void;

/** Looks without a change after which it is quiet, and how many times rarer they are then. */
const QUIET_LOOKS = 200;
const QUIET_FACTOR = 5;

/** The file does not say what has changed. */
const ANYTHING: StoreChange = { hasWork: true };

export class ChangeWatch {
  readonly #dataVersion: SqliteStatement;
  readonly #pollMs: number | undefined;
  readonly #listeners = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;
  #seen: unknown;
  #unchangedLooks = 0;

  /** @param pollMs - Undefined where no other process can reach the store */
  constructor(connection: Connection, pollMs: number | undefined) {
    this.#dataVersion = connection.prepare("pragma data_version");
    this.#pollMs = pollMs;
  }

  /** @returns A function that ends this watch */
  add(listener: Listener): () => void {
    // The same function may listen twice.
    const entry: Listener = (change) => listener(change);
    this.#listeners.add(entry);
    if (this.#timer === undefined && this.#pollMs !== undefined) {
      this.#seen = this.#read();
      this.#unchangedLooks = 0;
      this.#arm(this.#pollMs);
    }
    return () => {
      this.#listeners.delete(entry);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  /** Something has changed that nobody else will report. */
  announce(): void {
    if (this.#timer !== undefined) this.#seen = this.#read();
    for (const listener of [...this.#listeners]) listener(ANYTHING);
  }

  close(): void {
    this.#listeners.clear();
    this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(pollMs: number): void {
    const delayMs = this.#unchangedLooks < QUIET_LOOKS ? pollMs : pollMs * QUIET_FACTOR; // (I3)
    this.#timer = setTimeout(() => {
      this.#arm(pollMs);
      this.#look();
    }, delayMs).unref();
  }

  #look(): void {
    const version = this.#read();
    this.#unchangedLooks += 1;
    if (version === this.#seen) return;
    this.#seen = version;
    this.#unchangedLooks = 0;
    for (const listener of [...this.#listeners]) listener(ANYTHING);
  }

  #read(): unknown {
    try {
      return (this.#dataVersion.get() as { data_version: unknown }).data_version;
    } catch {
      // Unknown is a change: the listener's own read then meets the error and reports it.
      return Symbol("unknown");
    }
  }
}
