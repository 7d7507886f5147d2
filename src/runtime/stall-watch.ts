/**
 * Notices that the event loop of this thread, mostly the main one, does not turn: a small thread of its
 * own counts.
 *
 * Boundary: reports to standard error, notes the turn in the store (`stall-note.ts`), and ends the
 * process where that is asked for. What becomes of the work is decided by other processes, when the
 * lease of this one ends.
 *
 * I1. One watching thread for each thread that has runtimes, for those of all copies of this package, from
 *     the first one on; it keeps no process alive, and costs a timer in each thread.
 * I2. Turns and activities cost nothing more: what the process is doing is asked for in a stall only.
 * I3. A turn is noted before another process may take this one over: that is two thirds of a lease after
 *     the last turn of the loop at the earliest, as leases are renewed three times.
 */

import { threadId, Worker } from "node:worker_threads";

import { host } from "../foundation/host.ts";
import { takeStack } from "../foundation/stack.ts";
import { toTimerMs } from "../foundation/timer.ts";
import { findUserFrame } from "../replay/source.ts";
import type { StallNote } from "../provider/provider.ts";
import { turnLoop, type WindowTask } from "../replay/turn-loop.ts";
import { Cell, CELL_COUNT, DESCRIBE_KEY, STALL_EXIT_CODE, THREAD_SOURCE } from "./stall-thread.ts";

/** Fewest ticks of the watching thread from the last turn of the loop to the report of a stall. */
const TICKS = 6;
/** Those to the note of a turn, in a third of the shortest lease. (I3) */
const NOTE_TICKS = 3;
/** How long the end of the process waits for the thread, in milliseconds. */
const ENDING_MS_MAX = 1_000;
/** Most activities that a report names. */
const NAMES_MAX = 10;

/** What happens when the event loop has not turned for long. */
export type StallPolicy = "report" | "exit";

export interface StallWatcher {
  readonly stallAfterMs: number;
  readonly leaseMs: number;
  readonly onStall: StallPolicy;
  /** Names the activities that run. */
  readonly activities: () => readonly string[];
  /** How to note a turn; undefined when it is none of this one's, or cannot be noted. */
  readonly noteOf: (task: WindowTask, source: string | undefined) => StallNote | undefined;
}

class StallWatch {
  readonly #watchers = new Set<StallWatcher>();
  readonly #cells = new Int32Array(new SharedArrayBuffer(CELL_COUNT * 4));
  #thread: Worker | undefined;
  #heart: ReturnType<typeof host.setInterval> | undefined;

  /** @returns A function that ends the watch for this one */
  join(watcher: StallWatcher): () => void {
    this.#watchers.add(watcher);
    this.#adjust();
    return () => {
      this.#watchers.delete(watcher);
      this.#adjust();
    };
  }

  /** Called by the watching thread, through the inspector, in the middle of anything. */
  describe(): string {
    const activities = [...this.#watchers].flatMap((watcher) => watcher.activities());
    const source = findUserFrame(withoutInspector(takeStack("stalled")));
    const task = turnLoop.current;
    return JSON.stringify({
      instanceId: task?.subject,
      activities: activities.slice(0, NAMES_MAX),
      source,
      note: task && this.#noteOf(task, source),
    });
  }

  #noteOf(task: WindowTask, source: string | undefined): StallNote | undefined {
    for (const watcher of this.#watchers) {
      const note = watcher.noteOf(task, source);
      if (note !== undefined) return note;
    }
    return undefined;
  }

  #adjust(): void {
    host.clearInterval(this.#heart);
    this.#cells[Cell.isIgnored] = 1;
    if (this.#watchers.size === 0) return;
    const watchers = [...this.#watchers];
    const stallAfterMs = Math.min(...watchers.map((it) => it.stallAfterMs));
    const noteAfterMs = Math.min(...watchers.map((it) => it.leaseMs)) / 3;
    const tickMs = Math.ceil(Math.min(stallAfterMs / TICKS, noteAfterMs / NOTE_TICKS));
    this.#cells[Cell.tickMs] = tickMs;
    this.#cells[Cell.ticksMax] = Math.ceil(stallAfterMs / tickMs);
    this.#cells[Cell.noteTicks] = Math.max(1, Math.floor(noteAfterMs / tickMs));
    this.#cells[Cell.isFatal] = watchers.some((it) => it.onStall === "exit") ? 1 : 0;
    this.#heart = host.setInterval(this.#beat, toTimerMs(Math.max(1, Math.floor(tickMs / 2))));
    this.#heart.unref();
    this.#beat();
    this.#start();
  }

  #start(): void {
    if (this.#thread !== undefined) return;
    this.#cells[Cell.isEnding] = 0;
    const { buffer: shared } = this.#cells;
    const workerData = {
      shared,
      cell: Cell,
      describeKey: DESCRIBE_KEY,
      exitCode: STALL_EXIT_CODE,
      threadId,
    };
    try {
      this.#thread = new Worker(THREAD_SOURCE, {
        eval: true,
        workerData,
        execArgv: [],
        resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
      });
      this.#thread.unref();
      this.#thread.on("error", () => {
        this.#thread = undefined; // No threads here: nothing is watched, all else goes on.
      });
      this.#thread.on("exit", () => {
        this.#thread = undefined;
      });
      process.on("exit", this.#onExit);
    } catch {
      this.#thread = undefined;
    }
  }

  readonly #beat = (): void => {
    this.#cells[Cell.isIgnored] = isDebugged() ? 1 : 0;
    Atomics.add(this.#cells, Cell.beat, 1);
  };

  readonly #onExit = (): void => {
    if (this.#thread === undefined) return;
    Atomics.store(this.#cells, Cell.isEnding, 1);
    Atomics.notify(this.#cells, Cell.isEnding);
    Atomics.wait(this.#cells, Cell.isEnding, 1, ENDING_MS_MAX);
  };
}

/** Without the frame through which the thread asks. */
function withoutInspector(stack: string | undefined): string | undefined {
  return stack
    ?.split("\n")
    .filter((line) => !/^\s*at <anonymous>(?::\d+)*$/.test(line))
    .join("\n");
}

/** Whether a debugger may stop this thread, so that standing still says nothing; of a main thread only. */
function isDebugged(): boolean {
  try {
    return process.getBuiltinModule("node:inspector").url() !== undefined;
  } catch {
    return false; // No inspector here.
  }
}

/** (I1) Found by copies of this package, and by the thread. */
const shared = globalThis as Record<symbol, StallWatch | undefined>;
const KEY = Symbol.for(DESCRIBE_KEY);

/** The one of this thread. */
export const stallWatch: StallWatch = (shared[KEY] ??= new StallWatch());
