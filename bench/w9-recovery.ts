/**
 * W9. Question: a process with ten thousand orchestrations in flight is killed; how long until all of
 * them progress in another one?
 *
 * Each has one step behind it and its second activity running. The lease counts from the kill, which
 * is when the last renewal can have been at the latest; a store that can prove a death is faster.
 */

import { setTimeout as sleep } from "node:timers/promises";

import { Client, defineActivity, Runtime, silentLogger } from "duroxide-ts";

import { increment, twoSteps } from "./programs.ts";
import { openStoreAt } from "./store.ts";
import { LEASE_MS, startWorker, type Worker } from "./workers.ts";
import type { Workload } from "./workload.ts";
import { callInLoop, count, timeMs } from "./world.ts";

async function waitUntilAllHang(worker: Worker, total: number): Promise<void> {
  for (;;) {
    const { hangingCount } = (await worker.ask({})) as { readonly hangingCount: number };
    if (hangingCount >= total) return;
    await sleep(50);
  }
}

export const recovery: Workload = {
  id: "w9",
  question: "How long until everything goes on after a SIGKILL?",
  async run(bench) {
    const total = bench.isQuick ? 1_000 : 10_000;
    const store = await bench.createStore();
    const victim = await startWorker(store.address, "hanging");
    // No runtime shares this provider, so all the work goes to the victim.
    const client = new Client(store.provider);
    await callInLoop(total, 500, async (i) => {
      await client.startOrchestration(`in-flight-${i}`, twoSteps, i);
    });
    await waitUntilAllHang(victim, total);

    const progressing = new Set<number>();
    let onAll = (): void => undefined;
    const allProgress = new Promise<void>((resolve) => {
      onAll = resolve;
    });
    const survivingEcho = defineActivity("Echo", (value: number) => {
      progressing.add(value);
      if (progressing.size === total) onAll();
      return value;
    });
    const survivorStore = await openStoreAt(store.address);
    const survivor = await Runtime.start({
      store: survivorStore,
      activities: [increment, survivingEcho],
      orchestrations: [twoSteps],
      lease: LEASE_MS,
      logger: silentLogger,
    });
    await sleep(LEASE_MS / 2);
    const progressMs = await timeMs(async () => {
      await victim.kill();
      await allProgress;
    });
    const endMs = progressMs + (await timeMs(() => waitForEnd(client)));
    await survivor.shutdown();
    await survivorStore.close();
    await store.close();

    const name = `W9, SIGKILL with ${count(total)} in flight`;
    const s = { unit: "s", better: "lower" } as const;
    return [
      { figure: `${name}: all progress after the kill`, value: progressMs / 1_000, ...s },
      {
        figure: `${name}: all progress after the lease of ${LEASE_MS / 1_000} s`,
        value: Math.max(0, progressMs - LEASE_MS) / 1_000,
        ...s,
        target: bench.target({ sqlite: 2, postgres: 5 }),
      },
      { figure: `${name}: all have ended after the kill`, value: endMs / 1_000, ...s },
    ];
  },
};

async function waitForEnd(client: Client): Promise<void> {
  for (;;) {
    const { instances } = await client.listInstances({ status: "Running", limit: 1 });
    if (instances.length === 0) return;
    await sleep(20);
  }
}
