/**
 * Whether the store's file, its log and its index are still where they were opened, and whole.
 *
 * SQLite goes on with files that were removed, replaced or cut, where nothing that it writes is ever
 * found.
 *
 * I1. Checked between each commit and its acknowledgement to a caller, so that nothing is
 *     acknowledged that cannot be read back. Commits that no caller waits for, such as the turns of a
 *     running instance, are checked a few milliseconds apart: a removal that is noticed so late is as
 *     one that happened so late.
 * I2. What was gone once stays gone: files that were put back may lack what was written meanwhile.
 * I3. Nothing is opened: the system is asked for the facts of a name.
 * I4. Names are followed anew each time: a symbolic link that names another file replaces the file.
 */

import { statSync, type Stats } from "node:fs";
import { dirname } from "node:path";

import { systemClock } from "../../foundation/clock.ts";
import { ProviderError } from "../../provider/errors.ts";
import { FileSize, type Pages } from "./file-size.ts";

/** What lies in the folder while a store is open, by the end of its name. */
const ENDINGS = ["", "-wal", "-shm"];
/**
 * How long after a change of the folder its time may stay the same at the next change, in
 * milliseconds: FAT counts in 2 s, a kernel that counts finer by its ticks of up to 10 ms.
 */
const SAME_TIME_MS = { inSeconds: 3_000, finer: 100 };
/** Longest times between two checks while the store is used, in milliseconds. */
const CHECK_MS = { reads: 500, writes: 5 };
/** Longest time between two questions for the size while the store is used, in milliseconds. */
const SIZE_MS = 100;
/** How long a link may be missing, in milliseconds: `ln -sf` removes it before it makes it anew. */
const LINK_MISSING_MS = 1_000;

/** What the system says of a name: `undefined` when there is no such file. */
type Facts = Stats | "unknown" | undefined;

/** How a store is opened, and the time passes. */
export interface FileInPlaceOptions {
  /** The absolute path by which it was opened; symbolic links in it are followed (I4). */
  readonly name?: string;
  readonly readPages?: () => Pages;
  readonly monotonicMs?: () => number;
}

const NO_PAGES: Pages = { count: 0, bytes: 1 };

export class FileInPlace {
  readonly #subject: string;
  readonly #path: string;
  /** Undefined without symbolic links. */
  readonly #link: string | undefined;
  readonly #size: FileSize;
  #sizeMs: number;
  #linkMissingMs: number | undefined;
  readonly #folder: string;
  readonly #places: ReadonlyMap<string, Facts>;
  readonly #monotonicMs: () => number;
  /** The folder as it was when all files were in place; removing or replacing one changes it. */
  #quiet: Facts;
  #quietSinceMs = 0;
  #checkedMs: number;
  /** What is wrong, to be put after "Cannot use ...: ". */
  #fault: Fault | undefined;

  /** @param path - Of an open store, without symbolic links */
  constructor(path: string, subject: string, options: FileInPlaceOptions = {}) {
    const { name = path, readPages = () => NO_PAGES } = options;
    this.#subject = subject;
    this.#path = path;
    this.#link = name === path ? undefined : name;
    this.#folder = dirname(path);
    // Windows does not let open files be removed.
    const endings = process.platform === "win32" ? [] : ENDINGS;
    this.#places = new Map(
      endings.map((ending) => [`${path}${ending}`, readFacts(`${path}${ending}`)]),
    );
    this.#size = new FileSize(path, readPages);
    this.#monotonicMs = options.monotonicMs ?? (() => systemClock.monotonicMs());
    this.#checkedMs = this.#monotonicMs();
    this.#sizeMs = this.#checkedMs;
  }

  /** @throws ProviderError `store_not_found`; `store_corrupt` when the file was cut */
  assert(): void {
    if (!this.isGone() || this.#fault === undefined) return;
    const { code, is, advice } = this.#fault;
    throw new ProviderError(
      code,
      `Cannot use ${this.#subject}: ${is} while the store was open; end all processes of the store, ` +
        `${advice}, and start again`,
      { retryable: false },
    );
  }

  /** Does the same where no caller waits for the acknowledgement, and only now and then. */
  assertNowAndThen(use: keyof typeof CHECK_MS): void {
    const nowMs = this.#monotonicMs();
    if (this.#fault === undefined && nowMs - this.#checkedMs < CHECK_MS[use]) return;
    this.#checkedMs = nowMs;
    this.assert();
  }

  isGone(): boolean {
    if (this.#fault !== undefined) return true; // (I2)
    if (this.#places.size === 0) return false;
    const nowMs = this.#monotonicMs();
    const path = (this.#isQuiet(nowMs) ? undefined : this.#findMoved()) ?? this.#findTurned(nowMs);
    if (path !== undefined) this.#fault = removed(path);
    else if (this.#isCut(nowMs)) this.#fault = cut(this.#path);
    return this.#fault !== undefined;
  }

  #isCut(nowMs: number): boolean {
    if (nowMs - this.#sizeMs < SIZE_MS) return false;
    this.#sizeMs = nowMs;
    return this.#size.isCut();
  }

  /** (I4) */
  #findTurned(nowMs: number): string | undefined {
    if (this.#link === undefined) return undefined;
    const facts = readFacts(this.#link);
    if (facts === undefined) {
      this.#linkMissingMs ??= nowMs;
      return nowMs - this.#linkMissingMs > LINK_MISSING_MS ? this.#link : undefined;
    }
    this.#linkMissingMs = undefined;
    return isSame(facts, this.#places.get(this.#path)) ? undefined : this.#link;
  }

  /** One question instead of three, while nothing comes and goes in the folder. */
  #isQuiet(nowMs: number): boolean {
    const folder = readFacts(this.#folder);
    if (typeof folder !== "object") return false; // A folder that is gone says nothing of its files.
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

interface Fault {
  readonly code: "store_corrupt" | "store_not_found";
  readonly is: string;
  readonly advice: string;
}

function removed(path: string): Fault {
  const is = `"${path}" was removed or replaced`;
  return { code: "store_not_found", is, advice: "put its files back or restore a backup" };
}

function cut(path: string): Fault {
  return { code: "store_corrupt", is: `"${path}" was cut`, advice: "restore a backup" };
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
