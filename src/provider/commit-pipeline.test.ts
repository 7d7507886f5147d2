import { describe, expect, test } from "vitest";

import { eventually, gate } from "../../tests/support/signal.ts";
import { CommitPipeline, type CommitPipelineHooks } from "./commit-pipeline.ts";
import { ProviderError } from "./errors.ts";
import type { Provider, WriteOperation, WriteOutcome } from "./provider.ts";

const busy = (): ProviderError =>
  new ProviderError("store_busy", "Cannot write: busy", { retryable: true });
const broken = (): ProviderError =>
  new ProviderError("store_failed", "Cannot write: broken", { retryable: false });

const message = (name: string): WriteOperation => ({
  kind: "sendMessage",
  message: { instanceId: name, body: name },
});

function nameOf(operation: WriteOperation): string {
  return operation.kind === "sendMessage" ? operation.message.instanceId : operation.kind;
}

interface Store {
  /** Every call, landed or not. */
  readonly calls: string[][];
  /** What has landed, in order. */
  readonly landed: string[];
  /** Called before each call; throws what the store throws. */
  onWrite: (names: readonly string[]) => Promise<void> | void;
  readonly pipeline: CommitPipeline;
}

function open(hooks: Partial<CommitPipelineHooks> = {}, batchMax?: number): Store {
  const calls: string[][] = [];
  const landed: string[] = [];
  const provider = {
    ...(batchMax !== undefined && { batchMax }),
    write: async (operations: readonly WriteOperation[]): Promise<WriteOutcome[]> => {
      const names = operations.map(nameOf);
      calls.push(names);
      await store.onWrite(names);
      landed.push(...names);
      return names.map(() => ({ kind: "accepted", delivered: [] }));
    },
  } as unknown as Provider;
  const pipeline = new CommitPipeline(provider, {
    isGathering: () => false,
    onCommitted: () => undefined,
    onUncertain: () => undefined,
    ...hooks,
  });
  const store: Store = { calls, landed, pipeline, onWrite: () => undefined };
  return store;
}

describe("batches", () => {
  test("what is submitted while a commit is in flight leaves together with the next one", async () => {
    const store = open();
    const first = gate();
    store.onWrite = () => (store.calls.length === 1 ? first.opened : undefined);
    const all = [store.pipeline.submit(message("a"))];
    await eventually(() => store.calls.length === 1);
    all.push(...["b", "c", "d"].map((name) => store.pipeline.submit(message(name))));
    first.open();
    await Promise.all(all);
    expect(store.calls).toEqual([["a"], ["b", "c", "d"]]);
    expect(store.pipeline.commitCount).toBe(2);
  });

  test("a batch is bounded, and nothing is lost at the bound", async () => {
    const store = open();
    const names = Array.from({ length: 1_200 }, (_, i) => `m${i}`);
    await Promise.all(names.map((name) => store.pipeline.submit(message(name))));
    expect(store.calls.map((call) => call.length)).toEqual([512, 512, 176]);
    expect(store.landed).toEqual(names);
  });

  test("a store that wants smaller batches gets them", async () => {
    const store = open({}, 100);
    const names = Array.from({ length: 250 }, (_, i) => `m${i}`);
    await Promise.all(names.map((name) => store.pipeline.submit(message(name))));
    expect(store.calls.map((call) => call.length)).toEqual([100, 100, 50]);
    expect(store.landed).toEqual(names);
  });

  test("G3 a promise resolves after its commit, and after the hooks have heard of it", async () => {
    const heard: string[] = [];
    const store = open({
      onCommitted: (operations) => {
        heard.push(...operations.map(nameOf));
      },
    });
    const inFlight = gate();
    store.onWrite = () => inFlight.opened;
    let isDone = false;
    const done = store.pipeline.submit(message("a")).then(() => {
      isDone = true;
      return [...heard];
    });
    await eventually(() => store.calls.length === 1);
    expect(isDone).toBe(false);
    inFlight.open();
    expect(await done).toEqual(["a"]);
  });

  test("waits for turns under way, but not for ever", async () => {
    const store = open({ isGathering: () => true });
    await store.pipeline.submit(message("a"));
    expect(store.landed).toEqual(["a"]);
  });
});

describe("errors", () => {
  test("G7 R3 a retryable error is retried until it passes, and is nobody's outcome", async () => {
    const store = open();
    store.onWrite = () => {
      if (store.calls.length <= 6) throw busy();
    };
    expect(await store.pipeline.submit(message("a"))).toEqual({ kind: "accepted", delivered: [] });
    expect(store.calls).toHaveLength(7);
  });

  test("what failed goes before what came later", async () => {
    const store = open();
    store.onWrite = () => {
      if (store.calls.length === 1) {
        void store.pipeline.submit(message("later"));
        throw busy();
      }
    };
    await Promise.all([
      store.pipeline.submit(message("a")),
      store.pipeline.submit(message("b")),
      eventually(() => store.landed.includes("later")),
    ]);
    expect(store.landed).toEqual(["a", "b", "later"]);
  });

  test("one operation that the store refuses for good fails alone", async () => {
    const store = open();
    store.onWrite = (names) => {
      if (names.includes("bad")) throw broken();
    };
    const results = await Promise.allSettled(
      ["a", "bad", "b"].map((name) => store.pipeline.submit(message(name))),
    );
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(store.landed).toEqual(["a", "b"]);
  });

  test("one by one, a busy store does not change the order", async () => {
    const store = open();
    let isBusy = true;
    store.onWrite = (names) => {
      if (names.includes("bad")) throw broken();
      if (names[0] === "a" && isBusy) {
        isBusy = false;
        throw busy();
      }
    };
    await Promise.allSettled(
      ["a", "bad", "b", "c"].map((name) => store.pipeline.submit(message(name))),
    );
    expect(store.landed).toEqual(["a", "b", "c"]);
  });

  test("an operation is given up when its own time is over, the others go on", async () => {
    const store = open();
    let isBusy = true;
    store.onWrite = () => {
      if (isBusy) throw busy();
    };
    const impatient = store.pipeline.submit(message("impatient"), 1);
    const patient = store.pipeline.submit(message("patient"));
    await expect(impatient).rejects.toMatchObject({ code: "store_busy" });
    isBusy = false;
    await patient;
    expect(store.landed).toEqual(["patient"]);
  });

  test("after trouble, those who missed news are told to look for themselves", async () => {
    let uncertainCount = 0;
    const store = open({
      onUncertain: () => {
        uncertainCount += 1;
      },
    });
    await store.pipeline.submit(message("a"));
    expect(uncertainCount).toBe(0);
    store.onWrite = () => {
      if (store.calls.length === 2) throw busy();
    };
    await store.pipeline.submit(message("b"));
    expect(uncertainCount).toBe(1);
    await store.pipeline.submit(message("c"));
    expect(uncertainCount).toBe(1);
  });

  test("a hook that throws keeps nobody waiting", async () => {
    let isBad = true;
    const store = open({
      onCommitted: () => {
        if (isBad) throw new Error("a bug in a hook");
      },
    });
    await store.pipeline.submit(message("a"));
    isBad = false;
    await store.pipeline.submit(message("b"));
    expect(store.landed).toEqual(["a", "b"]);
  });
});

describe("flush", () => {
  test("ends when everything has been written or given up", async () => {
    const store = open();
    store.onWrite = (names) => {
      if (names.includes("bad")) throw broken();
    };
    const results = Promise.allSettled(
      ["a", "bad"].map((name) => store.pipeline.submit(message(name))),
    );
    await store.pipeline.flush();
    expect(store.landed).toEqual(["a"]);
    await results;
    await store.pipeline.flush();
  });
});
