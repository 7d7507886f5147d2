/** Real processes for tests: started from TypeScript, killed, waited for. */

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";

export interface Child {
  readonly process: ChildProcess;
  /** Resolves when the process has said that it is ready, or has ended. */
  readonly ready: Promise<unknown>;
  readonly exited: Promise<unknown>;
}

/** What `src` runs as, without a build. */
const FROM_SOURCE = ["--conditions=@duroxide-ts/source"];

/**
 * @param file - A `*.process.ts` file
 * @param conditions - Which form of the package it runs, as options of Node
 */
export function startProcess(
  file: URL,
  args: readonly string[],
  conditions: readonly string[] = FROM_SOURCE,
): Child {
  const child = fork(file, args, {
    execArgv: ["--import", "tsx", ...conditions],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  return { process: child, exited, ready: Promise.race([once(child, "message"), exited]) };
}
