/**
 * The identity of this process, so that others on the machine can prove that it is gone.
 *
 * A process number means something only inside one boot and one process namespace, and is given
 * again after a while: in a container it is nearly always 1. So all of these are compared, and what
 * cannot be read proves nothing.
 */

import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** A process as its neighbours see it. */
export interface ProcessIdentity {
  /** Machine, boot and process namespace. */
  readonly host: string;
  readonly pid: number;
  /** When the process began, in the machine's own count; empty where that cannot be read. */
  readonly start: string;
}

export function readProcessIdentity(): ProcessIdentity {
  const boot = readOptional(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim());
  const namespace = readOptional(() => readlinkSync("/proc/self/ns/pid"));
  return {
    host: [hostname(), process.platform, boot, namespace].join("|"),
    pid: process.pid,
    start: readStart(process.pid),
  };
}

/** What can be proved of another process, by one that is certainly there. */
export interface ProcessVerdict {
  readonly isProvablyDead: boolean;
  /** Never of our own process: what has ended in it may have been one of its threads. */
  readonly isProvablyAlive: boolean;
}

export function judgeProcess(other: ProcessIdentity, self: ProcessIdentity): ProcessVerdict {
  if (other.host !== self.host) return { isProvablyDead: false, isProvablyAlive: false };
  const isProvablyDead = isProcessGone(other);
  return { isProvablyDead, isProvablyAlive: !isProvablyDead && other.pid !== self.pid };
}

function isProcessGone(other: ProcessIdentity): boolean {
  if (other.start !== "") {
    const start = readStart(other.pid);
    if (start !== "") return start !== other.start;
  }
  try {
    process.kill(other.pid, 0);
    return false;
  } catch (error) {
    // Anything but "no such process", such as "not permitted", says that there is one.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function readStart(pid: number): string {
  // The name in field 2 may contain blanks and brackets; the start time is the 20th after it.
  const stat = readOptional(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A zombie runs no more; it only waits for its parent to take note.
  return fields[0] === "Z" ? "ended" : (fields[19] ?? "");
}

function readOptional(read: () => string): string {
  try {
    return read();
  } catch {
    return ""; // Not Linux, or gone: an empty part proves nothing.
  }
}
