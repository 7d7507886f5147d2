/** Starts and talks to `sqlite-neighbour.process.ts`. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { onTestFinished } from "vitest";

import type { NeighbourAnswer } from "./sqlite-neighbour.process.ts";

const PROGRAM = fileURLToPath(new URL("./sqlite-neighbour.process.ts", import.meta.url));

/** A second process that has a store open; structured cloning keeps maps and `undefined`. */
export class Neighbour {
  readonly #process: ChildProcess;
  /** How opening the store ended. */
  readonly opened: Promise<NeighbourAnswer>;

  /** @param user - `nobody` takes the superuser's rights away from it */
  constructor(file: string, user: "nobody" | "same" = "same") {
    this.#process = fork(PROGRAM, [file, user], {
      execArgv: ["--import", "tsx", "--conditions=@duroxide-ts/source"],
      serialization: "advanced",
    });
    this.opened = this.#answer();
    onTestFinished(() => this.kill());
  }

  /** Calls a method of the provider over there; throws what it threw. */
  async call(method: string, ...args: readonly unknown[]): Promise<unknown> {
    await this.opened;
    const answer = this.#answer();
    this.#process.send({ method, args });
    const result = await answer;
    if ("error" in result) throw new Error(`${result.error.code}: ${result.error.message}`);
    return result.value;
  }

  /** Ends the process the hard way. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  async #answer(): Promise<NeighbourAnswer> {
    const [message] = (await once(this.#process, "message")) as [NeighbourAnswer];
    return message;
  }
}
