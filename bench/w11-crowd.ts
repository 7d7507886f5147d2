/**
 * W11. Question: what do very many instances cost that only wait for an event: memory of the process,
 * CPU while nothing happens, writes to the store while nothing happens?
 */

import { setTimeout as sleep } from "node:timers/promises";

import { startWorker } from "./workers.ts";
import type { Workload } from "./workload.ts";
import { count } from "./world.ts";

const MIB = 1024 ** 2;
/** Longer than the crowd's lease: then its process counts as idle. */
const SETTLE_MS = 2_000;

interface Answer {
  readonly rssBytes: number;
  readonly cpuShare: number;
}

export const crowd: Workload = {
  id: "w11",
  question: "What do very many waiting instances cost?",
  async run(bench) {
    const total = bench.isQuick ? 10_000 : 100_000;
    const idleMs = bench.isQuick ? 2_000 : 10_000;
    const store = await bench.createStore();
    const worker = await startWorker(store.address, "crowd");
    const before = (await worker.ask({})) as Answer;
    await worker.ask({ startCount: total });
    await sleep(SETTLE_MS);
    const watch = await bench.kind.watchWrites(store.address);
    await watch.take();
    const idle = (await worker.ask({ idleMs })) as Answer;
    const writes = await watch.take();
    await watch.close();
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
        target: 1,
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
