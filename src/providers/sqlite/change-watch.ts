/**
 * Notices changes of the store by others: by another process in the file, or by a transaction of the
 * user.
 *
 * I1. What this connection commits by itself is never reported: SQLite's `data_version` counts the
 *     commits of others.
 * I2. Timer and file watcher exist only while there are listeners, and keep no process alive.
 * I3. After a while in which nothing has changed the operating system is asked to notify of the next
 *     write, and looks become rare: an idle process hardly wakes up, and a neighbour is seen soon.
 *     Without such notifications, polls stay five times as rare as before.
 * I4. The notification of a commit comes before the commit is visible: SQLite writes the log, flushes it,
 *     and only then updates shared memory, without a notification. So polls follow each one, ever rarer:
 *     a flush that takes long delays the notice of its commit by about as long again, and no more.
 * I5. Network and virtual file systems may tell of nothing. A change that no notice came with proves
 *     it, and one with a notice the contrary; without notices looks stay five times as rare.
 */

import { realpathSync, watch, type FSWatcher } from "node:fs";

import { toTimerMs } from "../../foundation/timer.ts";
import { host, type TimerHandle } from "../../foundation/host.ts";
import type { StoreChange } from "../../provider/provider.ts";
import type { Connection, SqliteStatement } from "./driver.ts";

type Listener = (change: StoreChange) => void;

/** Looks without a change after which it is quiet. */
const QUIET_LOOKS = 200;
/** The same after a notification of a write, which is mostly a write of our own. */
const QUIET_LOOKS_WHEN_TOLD = 20;
/** How many times rarer polls are while it is quiet and no notification comes. */
const QUIET_FACTOR = 5;
/** Longest time between two looks while the operating system tells of writes, in milliseconds. */
const TOLD_LOOK_MS = 5_000;
/** Windows may tell of a write to an open file only when it is closed. */
const IS_TOLD = process.platform !== "win32";
/** Polls without a notice after which a change that no notice came with proves that none come: 0.75 s by default. */
const UNTOLD_LOOKS = 4;

/** The file does not say what has changed. */
const ANYTHING: StoreChange = { hasWork: true };

/** What is watched, and how often. */
export interface ChangeWatchOptions {
  /** Undefined where no other process can reach the store. */
  readonly file: string | undefined;
  /** Absent where nothing can be removed. */
  readonly place?: { isGone(): boolean } | undefined;
  /** Milliseconds between two looks. */
  readonly pollMs: number;
  /** Whether the file system tells of writes of others, until they prove it. */
  readonly isTold?: boolean;
}

export class ChangeWatch {
  readonly #dataVersion: SqliteStatement;
  readonly #options: ChangeWatchOptions;
  readonly #listeners = new Set<Listener>();
  #timer: TimerHandle | undefined;
  #writes: FSWatcher | undefined;
  #seen: unknown;
  #unchangedLooks = 0;
  /** (I5) */
  #isTold: boolean;
  #isNoticed = false;

  constructor(connection: Connection, options: ChangeWatchOptions) {
    this.#isTold = options.isTold ?? true;
    this.#dataVersion = connection.prepare("pragma data_version");
    this.#options = options;
  }

  /** @returns A function that ends this watch */
  add(listener: Listener): () => void {
    // The same function may listen twice.
    const entry: Listener = (change) => listener(change);
    this.#listeners.add(entry);
    if (this.#timer === undefined && this.#options.file !== undefined) {
      this.#seen = this.#read();
      this.#unchangedLooks = 0;
      this.#arm();
    }
    return () => {
      this.#listeners.delete(entry);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  /** Reports a change that has no other notification. */
  announce(): void {
    if (this.#timer !== undefined) this.#seen = this.#read();
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener(ANYTHING);
  }

  /** Notifies all listeners once more: their next read finds the store closed. */
  close(): void {
    for (const listener of [...this.#listeners]) listener(ANYTHING);
    this.#listeners.clear();
    this.#stop();
  }

  #stop(): void {
    host.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stopListening();
  }

  #stopListening(): void {
    this.#writes?.close();
    this.#writes = undefined;
  }

  #arm(): void {
    host.clearTimeout(this.#timer);
    this.#timer = host
      .setTimeout(() => {
        try {
          this.#look();
        } finally {
          if (this.#timer !== undefined) this.#arm();
        }
      }, toTimerMs(this.#delayMs))
      .unref();
  }

  /** (I3, I4) */
  get #delayMs(): number {
    const { pollMs } = this.#options;
    const quietLooks = this.#unchangedLooks - QUIET_LOOKS;
    if (quietLooks < 0) return pollMs;
    const quietMs = pollMs * QUIET_FACTOR;
    if (this.#writes === undefined || !this.#isTold) return quietMs;
    return Math.max(quietMs, Math.min(TOLD_LOOK_MS, quietMs * 2 ** quietLooks));
  }

  #look(): void {
    if (this.#options.place?.isGone() === true) {
      this.#stop(); // Nothing will change any more; readers get the error.
      this.#notify();
      return;
    }
    const version = this.#read();
    if (version !== this.#seen) {
      this.#seen = version;
      this.#learn();
      this.#lookOften(QUIET_LOOKS);
      this.#notify();
      return;
    }
    this.#unchangedLooks += 1;
    if (this.#unchangedLooks === QUIET_LOOKS) this.#listen();
  }

  /** A change was found, with a notice or without (I5). */
  #learn(): void {
    if (this.#isNoticed) this.#isTold = true;
    else if (this.#unchangedLooks >= QUIET_LOOKS + UNTOLD_LOOKS) this.#isTold = false;
  }

  /** While others write, polls are cheaper than a notification of each write. */
  #lookOften(times: number): void {
    const wasQuiet = this.#unchangedLooks >= QUIET_LOOKS;
    this.#unchangedLooks = QUIET_LOOKS - times;
    this.#stopListening();
    if (wasQuiet) this.#arm();
  }

  /** Asks for a notification of the next write to the log, where every commit goes first. */
  #listen(): void {
    const { file } = this.#options;
    this.#isNoticed = false;
    if (!IS_TOLD || file === undefined) return;
    try {
      // SQLite puts its log beside the file itself, not beside a link to it. Only the log may be
      // watched: some systems open what they watch, and closing another descriptor of the file or of
      // its index would drop SQLite's locks.
      this.#writes = watch(`${realpathSync(file)}-wal`, { persistent: false }, () => {
        this.#isNoticed = true;
        this.#lookOften(QUIET_LOOKS_WHEN_TOLD);
        this.#look();
      });
      this.#writes.on("error", () => {
        this.#stopListening();
        this.#arm();
      });
    } catch {
      this.#writes = undefined; // No watches left, or a system without them: looking goes on.
    }
  }

  #read(): unknown {
    try {
      return (this.#dataVersion.get() as { data_version: unknown }).data_version;
    } catch {
      // Unknown is a change: the listener's own read then gets the error and reports it.
      return Symbol("unknown");
    }
  }
}
