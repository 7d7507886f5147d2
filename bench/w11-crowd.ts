/**
 * W11. Question: what do very many instances cost that only wait for an event: memory of the process,
 * CPU while nothing happens, writes to the store while nothing happens?
 */

import { setTimeout as sleep } from "node:timers/promises";

import type { Idle } from "./measure.ts";
import { startBare, startWorker } from "./workers.ts";
import type { Workload } from "./workload.ts";
import { count } from "./world.ts";

const MIB = 1024 ** 2;
/**
 * Longer than a lease and a third: then its process has left the list of nodes; and until the host has
 * given back the memory of the starts, which it does once, some twenty seconds later.
 */
const SETTLE_MS = 30_000;
/** Without the latter. */
const SETTLE_QUICK_MS = 15_000;
/** Until a process without a store has nothing left of its start to do. */
const BARE_SETTLE_MS = 2_000;
const IDLE_MS = 20_000;
const IDLE_QUICK_MS = 5_000;
/** What a quiet process asks a server comes every 10, 33 and 60 s: a shorter look counts too much or too little. */
const POLLS_MS = 60_000;

interface Answer extends Idle {
  readonly rssBytes: number;
  /** Statements so far, where the store counts them. */
  readonly queryCount?: number;
}

export const crowd: Workload = {
  id: "w11",
  question: "What do very many waiting instances cost?",
  async run(bench) {
    const total = bench.isQuick ? 10_000 : 100_000;
    const idleMs = bench.isQuick
      ? IDLE_QUICK_MS
      : bench.kind.name === "sqlite"
        ? IDLE_MS
        : POLLS_MS;
    const store = await bench.createStore();
    const worker = await startWorker(store.address, "crowd");
    const before = (await worker.ask({})) as Answer;
    await worker.ask({ startCount: total });
    await sleep(bench.isQuick ? SETTLE_QUICK_MS : SETTLE_MS);
    const { queryCount: queriesBefore } = (await worker.ask({})) as Answer;
    const watch = await bench.kind.watchWrites(store.address);
    await watch.take();
    const bare = await startBare();
    await sleep(BARE_SETTLE_MS);
    const [idle, bareIdle] = (await Promise.all([
      worker.ask({ idleMs }),
      bare.ask({ idleMs }),
    ]).finally(() => bare.stop())) as [Answer, Idle];
    const changes = await watch.take();
    await watch.close();
    // A server has transactions of its own; what the process asked is what counts.
    const writes = idle.queryCount === undefined ? changes : idle.queryCount - (queriesBefore ?? 0);
    await worker.stop();
    const bytes = await store.close();

    const name = `W11, ${count(total)} waiting`;
    const lower = { better: "lower" } as const;
    return [
      {
        figure: `${name}: memory of the process`,
        unit: "MiB",
        value: idle.rssBytes / MIB,
        ...lower,
        target: 250,
      },
      {
        figure: `${name}: memory beside none waiting`,
        unit: "bytes/instance",
        value: (idle.rssBytes - before.rssBytes) / total,
        ...lower,
      },
      {
        figure: `${name}: CPU while idle`,
        unit: "%",
        value: idle.cpuShare * 100,
        ...lower,
        floor: { ratio: idle.cpuShare / bareIdle.cpuShare, of: "a process without a store" },
        target: 1,
      },
      {
        figure: `${name}: CPU of a process without a store`,
        unit: "%",
        value: bareIdle.cpuShare * 100,
        ...lower,
      },
      {
        figure: `${name}: threads that began to run while idle`,
        unit: "per second",
        value: idle.wakeRate,
        ...lower,
      },
      {
        figure: `${name}: ${bench.kind.name === "sqlite" ? "writes" : "queries"} while idle`,
        unit: "per second",
        value: writes / (idleMs / 1_000),
        ...lower,
        target: bench.target({ sqlite: 0, postgres: 0.2 }),
      },
      { figure: `${name}: on disk`, unit: "bytes/instance", value: bytes / total, ...lower },
    ];
  },
};
