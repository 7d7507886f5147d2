/**
 * Notices that somebody else has changed the store: another process the file, or a transaction of the
 * user either.
 *
 * I1. What this connection commits by itself is never reported: SQLite's `data_version` counts the
 *     commits of others.
 * I2. Timer and file watcher exist only while somebody listens, and keep no process alive.
 * I3. After a while in which nothing has changed the operating system is asked to tell of the next
 *     write, and looks become rare: an idle process hardly wakes up, and a neighbour is seen soon.
 *     Where that cannot be had, looks stay five times as rare as before.
 * I4. A commit is told of before it can be seen: SQLite writes the log, flushes it, and only then says
 *     so, in memory that nobody is told of. So looks follow each notice, and become rare step by step:
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
/** The same when one was told of a write, which is mostly a write of our own. */
const QUIET_LOOKS_WHEN_TOLD = 20;
/** How many times rarer looks are while it is quiet and nobody tells of a write. */
const QUIET_FACTOR = 5;
/** Longest time between two looks while the operating system tells of writes, in milliseconds. */
const TOLD_LOOK_MS = 5_000;
/** Windows may tell of a write to an open file only when it is closed. */
const IS_TOLD = process.platform !== "win32";
/** Quiet looks after which a change that no notice came with proves that none come: 0.75 s by default. */
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

  /** Something has changed that nobody else will report. */
  announce(): void {
    if (this.#timer !== undefined) this.#seen = this.#read();
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener(ANYTHING);
  }

  /** Everybody is told once more: their next look says that the store is closed. */
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
      this.#stop(); // Nothing will change any more; those who read meet the error.
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

  /** While somebody writes, looking is cheaper than being told of each write. */
  #lookOften(times: number): void {
    const wasQuiet = this.#unchangedLooks >= QUIET_LOOKS;
    this.#unchangedLooks = QUIET_LOOKS - times;
    this.#stopListening();
    if (wasQuiet) this.#arm();
  }

  /** Asks to be told of the next write to the log, where every commit goes first. */
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
      // Unknown is a change: the listener's own read then meets the error and reports it.
      return Symbol("unknown");
    }
  }
}
