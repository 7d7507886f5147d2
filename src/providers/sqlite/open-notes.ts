/**
 * Notes of the stores of this process, in all of its threads: which SQLite library has which file open.
 *
 * Threads share no memory unless it is passed to them, but they share descriptors. A note is a small
 * file without a name that stays open: every thread finds it among the descriptors of the process, and
 * it ends with the store, the thread or the process.
 *
 * Boundary: opens and closes its notes, under names that did not exist before, and no other file.
 */

import { randomUUID } from "node:crypto";
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { listDescriptors, readDescriptor } from "./descriptors.ts";

const NOTE_BYTES = 128;
const PREFIX = "duroxide-ts:open-file";

/**
 * Leaves a note; without descriptors to find it by, or without a place for it, there is none.
 *
 * @param file - Device and inode
 * @param library - See `readMark`
 * @returns What takes the note back
 */
export function leaveNote(file: string, library: number): () => void {
  let descriptor = listDescriptors().length === 0 ? undefined : createNote(file, library);
  return () => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined; // Its number will be that of another file.
  };
}

function createNote(file: string, library: number): number | undefined {
  const path = join(tmpdir(), `duroxide-ts-${randomUUID()}`);
  try {
    const descriptor = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    writeSync(descriptor, toNote(file, library));
    return descriptor;
  } catch {
    return undefined; // No place for temporary files: other threads know as much as without notes.
  }
}

/** The libraries by which stores of this process have a file open. */
export function readNotes(file: string): readonly number[] {
  const start = `${PREFIX}|${file}|`;
  const libraries: number[] = [];
  for (const descriptor of listDescriptors()) {
    const note = readNote(descriptor);
    if (note?.startsWith(start) === true) libraries.push(Number(note.slice(start.length)));
  }
  return libraries;
}

function toNote(file: string, library: number): string {
  return `${PREFIX}|${file}|${library}`.padEnd(NOTE_BYTES);
}

function readNote(descriptor: number): string | undefined {
  const stats = readDescriptor(descriptor);
  if (stats?.isFile() !== true || stats.size !== NOTE_BYTES) return undefined;
  const bytes = Buffer.alloc(NOTE_BYTES);
  try {
    readSync(descriptor, bytes, 0, NOTE_BYTES, 0); // From its beginning: moves no position.
  } catch {
    return undefined; // Not ours to read, or closed meanwhile.
  }
  return bytes.toString("latin1");
}
