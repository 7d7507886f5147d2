/**
 * Whether the store's file, its log and its index are still where they were opened.
 *
 * SQLite goes on with files that were removed or replaced, where nothing that it writes is ever found.
 *
 * I1. Checked between each commit and its acknowledgement to a caller, so that nothing is
 *     acknowledged that cannot be read back. Commits that no caller waits for, such as the turns of a
 *     running instance, are checked a few milliseconds apart: a removal that is noticed so late is as
 *     one that happened so late.
 * I2. What was gone once stays gone: files that were put back may lack what was written meanwhile.
 * I3. Nothing is opened: the system is asked for the facts of a name.
 */

import { statSync, type Stats } from "node:fs";
import { dirname } from "node:path";

import { systemClock } from "../../foundation/clock.ts";
import { ProviderError } from "../../provider/errors.ts";

/** What lies in the folder while a store is open, by the end of its name. */
const ENDINGS = ["", "-wal", "-shm"];
/**
 * How long after a change of the folder its time may stay the same at the next change, in
 * milliseconds: FAT counts in 2 s, a kernel that counts finer by its ticks of up to 10 ms.
 */
const SAME_TIME_MS = { inSeconds: 3_000, finer: 100 };
/** Longest times between two checks while the store is used, in milliseconds. */
const CHECK_MS = { reads: 500, writes: 5 };

/** What the system says of a name: `undefined` when there is no such file. */
type Facts = Stats | "unknown" | undefined;

export class FileInPlace {
  readonly #subject: string;
  readonly #folder: string;
  readonly #places: ReadonlyMap<string, Facts>;
  readonly #monotonicMs: () => number;
  /** The folder as it was when all files were in place; removing or replacing one changes it. */
  #quiet: Facts;
  #quietSinceMs = 0;
  #checkedMs: number;
  #missing: string | undefined;

  /** @param path - Of an open store, without symbolic links */
  constructor(
    path: string,
    subject: string,
    monotonicMs: () => number = () => systemClock.monotonicMs(),
  ) {
    this.#subject = subject;
    this.#folder = dirname(path);
    // Windows does not let open files be removed.
    const endings = process.platform === "win32" ? [] : ENDINGS;
    this.#places = new Map(
      endings.map((ending) => [`${path}${ending}`, readFacts(`${path}${ending}`)]),
    );
    this.#monotonicMs = monotonicMs;
    this.#checkedMs = monotonicMs();
  }

  /** @throws ProviderError `store_not_found` */
  assert(): void {
    if (!this.isGone()) return;
    throw new ProviderError(
      "store_not_found",
      `Cannot use ${this.#subject}: "${this.#missing ?? ""}" was removed or replaced while the store ` +
        "was open; end all processes of the store, put its files back or restore a backup, and start again",
      { retryable: false },
    );
  }

  /** Does the same where no caller waits for the acknowledgement, and only now and then. */
  assertNowAndThen(use: keyof typeof CHECK_MS): void {
    const nowMs = this.#monotonicMs();
    if (this.#missing === undefined && nowMs - this.#checkedMs < CHECK_MS[use]) return;
    this.#checkedMs = nowMs;
    this.assert();
  }

  isGone(): boolean {
    if (this.#missing !== undefined) return true; // (I2)
    if (this.#places.size > 0 && !this.#isQuiet()) this.#missing = this.#findMoved();
    return this.#missing !== undefined;
  }

  /** One question instead of three, while nothing comes and goes in the folder. */
  #isQuiet(): boolean {
    const folder = readFacts(this.#folder);
    if (typeof folder !== "object") return false; // A folder that is gone says nothing of its files.
    const nowMs = this.#monotonicMs();
    if (isSame(folder, this.#quiet) && timeOf(folder) === timeOf(this.#quiet)) {
      return nowMs - this.#quietSinceMs > sameTimeMs(folder);
    }
    this.#quiet = folder;
    this.#quietSinceMs = nowMs;
    return false;
  }

  #findMoved(): string | undefined {
    for (const [path, facts] of this.#places) if (!isSame(readFacts(path), facts)) return path;
    return undefined;
  }
}

function readFacts(path: string): Facts {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return "unknown"; // Such as a folder that may not be searched any more: nothing is proven.
  }
}

function isSame(one: Facts, other: Facts): boolean {
  if (one === "unknown" || other === "unknown") return true;
  return one?.ino === other?.ino && one?.dev === other?.dev;
}

function sameTimeMs(folder: Facts): number {
  const isFiner = (timeOf(folder) ?? 0) % 1_000 !== 0;
  return isFiner ? SAME_TIME_MS.finer : SAME_TIME_MS.inSeconds;
}

function timeOf(facts: Facts): number | undefined {
  return typeof facts === "object" ? facts.mtimeMs : undefined;
}
