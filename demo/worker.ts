/** A worker process, from the outside. */

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { LEDGER_VARIABLE, STORE_VARIABLE } from "./shop.ts";

const PROGRAM = fileURLToPath(new URL("./worker.process.ts", import.meta.url));

export interface WorkerFiles {
  readonly store: string;
  readonly ledger: string;
}

export class Worker {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exit = once(child, "exit");
  }

  /** @returns Resolves when the worker works */
  static async start(files: WorkerFiles): Promise<Worker> {
    const child = fork(PROGRAM, {
      env: {
        ...process.env,
        [STORE_VARIABLE]: files.store,
        [LEDGER_VARIABLE]: files.ledger,
      },
    });
    const worker = new Worker(child);
    const ended = worker.#exit.then(() => "ended" as const);
    const ready = once(child, "message").then(() => "ready" as const);
    if ((await Promise.race([ready, ended])) === "ended") {
      throw new Error("Cannot start the worker: it ended at once; see what it wrote above");
    }
    return worker;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** No warning, no clean-up: the process is gone in the middle of what it does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  /** Lets it end in order. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.send("stop");
    await this.#exit;
  }
}
