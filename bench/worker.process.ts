/** A process beside the benchmark's own. Arguments: its role, the store's address as JSON. */

import { Client, defineActivity, Runtime, silentLogger, type RuntimeOptions } from "duroxide-ts";

import { measureIdle } from "./measure.ts";
import { echo, increment, oneActivity, runOneActivities, twoSteps, waiting } from "./programs.ts";
import { openStoreAt, type StoreAddress } from "./store.ts";
import { LEASE_MS, type WorkerRole } from "./workers.ts";

const [role, addressText] = process.argv.slice(2) as [WorkerRole, string];

let hangingCount = 0;

/** Never ends: whoever runs it dies first. */
const hang = defineActivity("Echo", () => {
  hangingCount += 1;
  return new Promise<number>(() => undefined);
});

const CODE: Readonly<Record<WorkerRole, Omit<RuntimeOptions, "store">>> = {
  throughput: { activities: [echo], orchestrations: [oneActivity] },
  waiting: { orchestrations: [waiting] },
  hanging: {
    activities: [increment, hang],
    orchestrations: [twoSteps],
    activityConcurrency: 1_000_000,
    lease: LEASE_MS,
  },
  crowd: { orchestrations: [waiting] },
};

const store = await openStoreAt(JSON.parse(addressText) as StoreAddress);
const runtime = await Runtime.start({ store, logger: silentLogger, ...CODE[role] });
const client = new Client(store);

interface Requests {
  readonly throughput: {
    readonly prefix: string;
    readonly total: number;
    readonly callers: number;
  };
  readonly crowd: { readonly startCount?: number; readonly idleMs?: number };
}

async function answer(request: object): Promise<object> {
  if (role === "throughput") {
    await runOneActivities(client, request as Requests["throughput"]);
    return {};
  }
  if (role === "hanging") return { hangingCount };
  const { startCount = 0, idleMs = 0 } = request as Requests["crowd"];
  let next = 0;
  const startSome = async (): Promise<void> => {
    while (next < startCount) {
      const index = next;
      next += 1;
      await client.startOrchestration(`waiting-${index}`, waiting, false);
    }
  };
  await Promise.all(Array.from({ length: 500 }, startSome));
  globalThis.gc?.();
  const idle = await measureIdle(idleMs);
  const { queryCount } = store as { readonly queryCount?: number };
  return { rssBytes: process.memoryUsage().rss, ...idle, queryCount };
}

process.on("message", (request: { readonly isEnd?: boolean }) => {
  if (request.isEnd === true) {
    void runtime
      .shutdown({ timeout: "5s" })
      .then(() => store.close())
      .then(() => process.exit(0));
    return;
  }
  void answer(request).then((reply) => process.send?.(reply));
});
process.send?.("ready");
