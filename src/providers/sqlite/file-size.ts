/**
 * Whether a file was cut in place, as by `truncate` or a rotation of logs that copies and truncates.
 *
 * SQLite does not notice: it goes on with the pages that it remembers, and reads zeros later.
 *
 * I1. The system is asked for the size; SQLite is asked only when the file has become smaller.
 * I2. A vacuum makes a file smaller, too. Then each page is in the file or in the log, so that both
 *     have room for all. A cut of few pages that the log has room for is left for SQLite to find.
 */

import { statSync } from "node:fs";

import type { SqliteDatabase } from "./driver.ts";

/** The format of the log: a header, and before each page another one. */
const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Others may commit and move the log between two questions. */
const TRIES = 3;

/** The pages of a database, with those that are only in the log. */
export interface Pages {
  readonly count: number;
  readonly bytes: number;
}

/** @throws what SQLite throws, such as that the file is damaged */
export function readPagesOf(database: SqliteDatabase): Pages {
  const count = database.prepare("pragma page_count").get() as { readonly page_count: number };
  const bytes = database.prepare("pragma page_size").get() as { readonly page_size: number };
  return { count: count.page_count, bytes: bytes.page_size };
}

export class FileSize {
  readonly #path: string;
  readonly #readPages: () => Pages;
  #bytes: number;

  /** @param path - Of an open store, without symbolic links */
  constructor(path: string, readPages: () => Pages) {
    this.#path = path;
    this.#readPages = readPages;
    this.#bytes = sizeOf(path) ?? 0;
  }

  /** False while the file is not there. */
  isCut(): boolean {
    const before = this.#bytes;
    const bytes = sizeOf(this.#path);
    if (bytes === undefined) return false;
    this.#bytes = bytes;
    if (bytes >= before) return false;
    if (bytes === 0) return true;
    for (let i = 0; i < TRIES; i += 1) if (!this.#lacksPages()) return false; // (I2)
    return true;
  }

  /** Whether there are more pages than file and log have room for. */
  #lacksPages(): boolean {
    const pages = this.#tryReadPages();
    // The log first: what is moved from it meanwhile is then counted twice, and never not at all.
    const log = sizeOf(`${this.#path}-wal`) ?? 0;
    const bytes = sizeOf(this.#path);
    if (pages === undefined || bytes === undefined) return false;
    const inLog = Math.max(0, log - LOG_HEADER_BYTES) / (pages.bytes + FRAME_HEADER_BYTES);
    return pages.count > Math.floor(bytes / pages.bytes) + Math.floor(inLog);
  }

  #tryReadPages(): Pages | undefined {
    try {
      return this.#readPages();
    } catch {
      return undefined; // Busy, or damaged: the next statement says so.
    }
  }
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size;
  } catch {
    return undefined;
  }
}
