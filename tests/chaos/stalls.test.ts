/** Code that does not come back is reported, by name and line, by a process that cannot do anything else. */

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";

import { Client, type Provider } from "duroxide-ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { SHARED_STORES } from "../support/fleet.ts";
import { eventually } from "../support/signal.ts";
import { LEASE_MS, SHORT_LEASE_MS } from "./stalls.ts";

const WORKER = new URL("stalls.process.ts", import.meta.url);
const LIMIT = { timeout: "60s" } as const;

interface Worker {
  readonly process: ChildProcess;
  readonly exited: Promise<unknown[]>;
  /** What it has written to standard error. */
  readonly errors: () => string;
}

describe.each(SHARED_STORES)("on $name", (kind) => {
  let place: string;
  let clear: () => Promise<void>;
  let store: Provider;
  let client: Client;
  let workers: Worker[];

  beforeEach(async () => {
    ({ place, clear } = await kind.place());
    store = await kind.open(place);
    client = new Client(store);
    workers = [];
  });
  afterEach(async () => {
    for (const { process } of workers) process.kill("SIGKILL");
    await Promise.all(workers.map(({ exited }) => exited));
    await store.close();
    await clear();
  });

  async function startWorker(
    onStall: "report" | "exit",
    { leaseMs = LEASE_MS, thread = "main" }: { leaseMs?: number; thread?: "main" | "worker" } = {},
  ): Promise<Worker> {
    const child = fork(WORKER, [place, onStall, String(leaseMs), thread], {
      execArgv: ["--import", "tsx", "--conditions=@duroxide-ts/source"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let errors = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
    const worker = { process: child, exited: once(child, "exit"), errors: () => errors };
    workers.push(worker);
    const ended = worker.exited.then(() => {
      throw new Error(worker.errors());
    });
    await Promise.race([once(child, "message"), ended]);
    return worker;
  }

  async function startLoop(name: string): Promise<void> {
    await client.startOrchestration("loop", name);
    await eventually(async () => {
      const { status } = await client.getOrchestrationStatus("loop");
      return status === "Running";
    });
    await client.raiseEvent("loop", "go");
  }

  test.each(["Spins", "Yields"])(
    "F44 F58 an orchestration that %s for ever is reported with its instance",
    async (name) => {
      const worker = await startWorker("report");
      await startLoop(name);
      // A machine that is short of time may have stood still before, for another reason.
      const report = /has not turned for \d+ ms: the code of instance "loop" does not come back/;
      await eventually(() => report.test(worker.errors()));
      // Between two steps of a chain of promises there may be no line to be had.
      if (name === "Spins") expect(worker.errors()).toMatch(/at .*stalls\.process\.ts:\d+/);
      expect(worker.process.exitCode).toBeNull();
    },
  );

  test.each(["Spins", "Yields"])(
    "F58 an orchestration that %s for ever is parked after it has blocked a worker, others go on",
    async (name) => {
      await Promise.all([1, 2, 3].map(() => startWorker("report", { leaseMs: SHORT_LEASE_MS })));
      // What a worker frees a lease after its start, for the sake of new code, it has freed then.
      await eventually(async () => {
        const nodes = await store.listNodes();
        const presences = nodes.filter((node) => node.label.endsWith("(presence)"));
        return presences.length === 3 && presences.every((node) => node.renewals > 0);
      });
      await startLoop(name);
      await eventually(async () => {
        const status = await client.getOrchestrationStatus("loop");
        return "blocked" in status && status.blocked?.code === "turn_stalled";
      });
      for (const id of ["a", "b", "c"]) {
        await client.startOrchestration(id, "Echoes");
        const status = await client.waitForOrchestration(id, LIMIT);
        expect(status).toMatchObject({ status: "Completed", output: "echo" });
      }
      const status = await client.getOrchestrationStatus("loop");
      expect(status).toMatchObject({ status: "Running", blocked: { code: "turn_stalled" } });
    },
  );

  test("F58 onStall: exit ends the process with status 70, for its supervisor", async () => {
    const worker = await startWorker("exit");
    await startLoop("Spins");
    expect(await worker.exited).toEqual([70, null]);
    expect(worker.errors()).toContain("ending the process");
    expect(worker.errors()).not.toContain("debugger");
  });

  test.each(["Spins", "Yields"])(
    "F58 an orchestration in a worker thread that %s for ever is reported, and parked by another process",
    async (name) => {
      const worker = await startWorker("report", { leaseMs: SHORT_LEASE_MS, thread: "worker" });
      await startLoop(name);
      const report =
        /loop of worker thread \d+ of process \d+ has not turned for \d+ ms: the code of instance "loop" does not/;
      await eventually(() => report.test(worker.errors()));
      // Between two steps of a chain of promises there may be no line to be had.
      if (name === "Spins") expect(worker.errors()).toMatch(/at .*stalls\.process\.ts:\d+/);
      await startWorker("report", { leaseMs: SHORT_LEASE_MS });
      await eventually(async () => {
        const status = await client.getOrchestrationStatus("loop");
        return "blocked" in status && status.blocked?.code === "turn_stalled";
      });
      await client.startOrchestration("other", "Echoes");
      const status = await client.waitForOrchestration("other", LIMIT);
      expect(status).toMatchObject({ status: "Completed", output: "echo" });
    },
  );

  test("F58 onStall: exit in a worker thread ends the process with status 70", async () => {
    const worker = await startWorker("exit", { thread: "worker" });
    await startLoop("Spins");
    expect(await worker.exited).toEqual([70, null]);
    expect(worker.errors()).toMatch(/instance "loop" does not come back; .*; ending the process/);
    expect(worker.errors()).not.toContain("debugger");
  });

  test("F58 an activity that blocks is reported, and its result counts", async () => {
    const worker = await startWorker("report");
    await client.startOrchestration("task", "Computes");
    const status = await client.waitForOrchestration("task", LIMIT);
    expect(status).toMatchObject({ status: "Completed", output: "computed" });
    const report = /activities that run: "Blocks" of instance "task"[^]*turns again after/;
    await eventually(() => report.test(worker.errors()));
    worker.process.send("stop");
    expect(await worker.exited).toEqual([0, null]);
    expect(worker.errors()).not.toContain("debugger");
  });
});
