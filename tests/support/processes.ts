/** Real processes for tests: started from TypeScript, killed, waited for. */

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";

export interface Child {
  readonly process: ChildProcess;
  /** Resolves when the process has said that it is ready, or has ended. */
  readonly ready: Promise<unknown>;
  readonly exited: Promise<unknown>;
}

/** @param file - A `*.process.ts` file */
export function startProcess(file: URL, args: readonly string[]): Child {
  const child = fork(file, args, {
    execArgv: ["--import", "tsx", "--conditions=@duroxide-ts/source"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  return { process: child, exited, ready: Promise.race([once(child, "message"), exited]) };
}
