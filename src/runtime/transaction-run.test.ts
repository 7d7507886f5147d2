import { describe, expect, test } from "vitest";

import { recordingLogger } from "../../tests/support/logger.ts";
import { broken, busy } from "../../tests/support/hooked-store.ts";
import { StoreUnderTest, activity } from "../../tests/support/sqlite-store.ts";
import { UsageError } from "../foundation/errors.ts";
import { decodeMessage } from "../history/message.ts";
import { StoreHub } from "../provider/hub.ts";
import type { ProviderTransactions } from "../provider/provider.ts";
import type { RuntimeSettings } from "./options.ts";
import { TransactionRun, type TransactionRunParts } from "./transaction-run.ts";

interface Setting {
  readonly store: StoreUnderTest;
  readonly logger: ReturnType<typeof recordingLogger>;
  readonly controller: AbortController;
  readonly run: TransactionRun;
  entries(): Promise<unknown>;
}

/** A run of an activity that this node has claimed; its function writes a row unless it is given. */
async function prepare(
  some: Partial<Omit<TransactionRunParts, "transactions">> & {
    readonly transactions?: (real: ProviderTransactions) => ProviderTransactions;
  } = {},
): Promise<Setting> {
  const store = await StoreUnderTest.open("memory");
  const { provider } = store;
  await provider.transaction((tx) => tx.query("create table ledger (entry text)"));
  await store.begin("a", { newActivities: [activity(2)] });
  const [claimed] = await store.claimActivities();
  const logger = recordingLogger();
  const controller = new AbortController();
  const { transactions } = provider;
  const run = new TransactionRun({
    claimed: claimed!,
    settings: { logger } as unknown as RuntimeSettings,
    hub: StoreHub.of(provider),
    signal: controller.signal,
    work: async (tx) => {
      await tx.query("insert into ledger values ('x')");
      return "1";
    },
    ...some,
    transactions: some.transactions?.(transactions) ?? transactions,
  });
  const entries = async () =>
    (await provider.transaction((tx) => tx.query("select * from ledger"))).rowCount;
  return { store, logger, controller, run, entries };
}

async function messagesOf(store: StoreUnderTest): Promise<unknown[]> {
  const held = await store.provider.readHeldWork(store.node, 10);
  return held.flatMap(({ messages }) => messages.map(({ body }) => decodeMessage(body)));
}

describe("TransactionRun", () => {
  test("lands the rows and the completion together (I1, G1)", async () => {
    const { run, store, entries } = await prepare();
    expect(await run.start()).toEqual({ kind: "settled" });
    expect(await entries()).toBe(1);
    expect(await messagesOf(store)).toMatchObject([
      { kind: "activityCompleted", sourceEventId: 2, result: "1" },
    ]);
  });

  test("hands the completion to the runtimes of this process after the commit (G3)", async () => {
    const { run, store } = await prepare();
    const delivered: unknown[] = [];
    StoreHub.of(store.provider).join({
      isGathering: false,
      tryStart: () => undefined,
      isRunning: () => false,
      onEnded: () => undefined,
      onCanceled: () => undefined,
      onDelivered: (messages) => {
        delivered.push(...messages.map(({ instanceId }) => instanceId));
      },
      onActivitiesReady: () => {},
      onDue: () => {},
      onBlocked: () => {},
      onUncertain: () => {},
    });
    await run.start();
    expect(delivered).toEqual(["a"]);
  });

  test("reports what the function throws, and leaves nothing of it", async () => {
    const { run, store, entries } = await prepare({
      work: async (tx) => {
        await tx.query("insert into ledger values ('x')");
        throw new RangeError("no");
      },
    });
    expect(await run.start()).toMatchObject({
      kind: "failed",
      failure: { code: "activity_failed", name: "RangeError", message: "no" },
    });
    expect(await entries()).toBe(0);
    expect(await messagesOf(store)).toEqual([]);
  });

  test("tries again after a fault that passes, wherever it comes up (I3, G7)", async () => {
    let tries = 0;
    const { run, entries, logger } = await prepare({
      work: async (tx) => {
        await tx.query("insert into ledger values ('x')");
        tries += 1;
        if (tries === 1) throw busy();
        if (tries === 2) throw new Error("wrapped by the user", { cause: busy() });
        return "1";
      },
    });
    expect(await run.start()).toEqual({ kind: "settled" });
    expect(tries).toBe(3);
    expect(await entries()).toBe(1);
    expect(logger.messages("warn")).toHaveLength(2);
  });

  test("does not run again what has landed although the answer was lost (I2)", async () => {
    let tries = 0;
    const { run, store, entries } = await prepare({
      transactions: (real) => ({
        write: (...args) => real.write(...args),
        run: async (work) => {
          tries += 1;
          await real.run(work);
          throw busy();
        },
      }),
    });
    expect(await run.start()).toEqual({ kind: "settled" });
    expect(tries).toBe(1);
    expect(await entries()).toBe(1);
    expect(await messagesOf(store)).toHaveLength(1);
  });

  test("rolls back when the claim is somebody else's (I2, G5)", async () => {
    const { run, store, entries, logger } = await prepare();
    await store.provider.removeNode(store.node);
    expect(await run.start()).toEqual({ kind: "settled" });
    expect(await entries()).toBe(0);
    expect(logger.messages("info")).toHaveLength(1);
  });

  test.each(["before", "while"])("rolls back when it is told to stop %s it runs", async (when) => {
    const setting = await prepare({
      work: async (tx) => {
        await tx.query("insert into ledger values ('x')");
        setting.controller.abort();
        return "1";
      },
    });
    if (when === "before") setting.controller.abort();
    expect(await setting.run.start()).toEqual({ kind: "settled" });
    expect(await setting.entries()).toBe(0);
  });

  test("gives up what the store refuses for good, and fails what the function has spoiled", async () => {
    const refusing = (error: Error) => (real: ProviderTransactions) => ({
      run: real.run,
      write: () => Promise.reject(error),
    });
    const first = await prepare({ transactions: refusing(broken()) });
    expect(await first.run.start()).toMatchObject({ kind: "refused" });
    const spoiled = new UsageError("invalid_argument", "Cannot write: an error was swallowed");
    const second = await prepare({ transactions: refusing(spoiled) });
    expect(await second.run.start()).toMatchObject({ kind: "failed" });
    expect([await first.entries(), await second.entries()]).toEqual([0, 0]);
  });

  test("ends when the store is closed while it waits", async () => {
    const { run, store } = await prepare({ work: () => Promise.reject(busy()) });
    const ended = run.start();
    await store.provider.close();
    expect(await ended).toMatchObject({ kind: expect.stringMatching(/settled|refused/) as string });
  });
});
