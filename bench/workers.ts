/** Processes beside this one: started, asked, killed. What they do is `worker.process.ts`. */

import { once } from "node:events";

import { startProcess } from "../tests/support/processes.ts";
import type { StoreAddress } from "./store.ts";

/** What a worker process is for. */
export type WorkerRole = "throughput" | "waiting" | "hanging" | "crowd";

/** Of a process that is going to be killed, and of those that take its work over. */
export const LEASE_MS = 2_000;

export interface Worker {
  /** Sends a request and waits for the answer; one at a time. */
  ask(request: object): Promise<unknown>;
  /** Ends it as a power cut would, and waits for its end. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Users run what was built, and so does the benchmark. */
const AS_BUILT: readonly string[] = ["--expose-gc"];

/** Resolves when the worker is ready. */
export function startWorker(address: StoreAddress, role: WorkerRole): Promise<Worker> {
  return start("worker.process.ts", [role, JSON.stringify(address)], role);
}

/** A process without a store; answers `{ idleMs }`. */
export function startBare(): Promise<Worker> {
  return start("bare.process.ts", [], "nothing");
}

async function start(file: string, args: readonly string[], purpose: string): Promise<Worker> {
  const child = startProcess(new URL(file, import.meta.url), args, AS_BUILT);
  await child.ready;
  const { process: worker, exited } = child;
  const end = async (): Promise<void> => {
    await exited;
  };
  return {
    ask: async (request) => {
      worker.send(request);
      const answered = once(worker, "message") as Promise<unknown[]>;
      const answer = await Promise.race([answered, exited.then(() => undefined)]);
      if (answer === undefined) throw new Error(`The worker for ${purpose} has died`);
      return answer[0];
    },
    kill: async () => {
      worker.kill("SIGKILL");
      await end();
    },
    stop: async () => {
      worker.send({ isEnd: true });
      await end();
    },
  };
}
