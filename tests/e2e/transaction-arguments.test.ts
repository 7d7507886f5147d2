/** What is passed to a transaction and to its statements, and the context where it does not belong. */

import {
  Client,
  defineActivity,
  defineOrchestration,
  Runtime,
  UsageError,
  type OrchestrationContext,
} from "duroxide-ts";
import { describe, expect, onTestFinished, test } from "vitest";

import { openStore, STORE_KINDS, type TransactionStore } from "../support/transaction-stores.ts";

type Loose = (...args: unknown[]) => Promise<unknown>;

async function refusalOf(call: Promise<unknown>): Promise<UsageError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UsageError);
  expect(error).toMatchObject({ code: "invalid_argument", category: "application" });
  return error as UsageError;
}

describe.each(STORE_KINDS)("F40 on $name", (kind) => {
  test.each([[[]], [[5]], [["select 1"]]])("a transaction of %j is refused", async (args) => {
    const store = await openStore(kind);
    const open = store.transaction.bind(store) as Loose;
    const { message } = await refusalOf(open(...args));
    expect(message).toMatch(/^Cannot open a transaction: its work is .*; pass an async function/);
  });

  test.each([
    ["select 1", 1],
    ["select 1", null],
    ["select 1", "x"],
    [7, []],
  ])("a statement %j with parameters %j is refused", async (...args) => {
    const store: TransactionStore = await openStore(kind);
    const running = store.transaction((tx) => (tx.query.bind(tx) as Loose)(...args));
    expect((await refusalOf(running)).message).toMatch(/^Cannot run this statement: /);
  });

  test("a cursor that is none is refused as a mistake of the caller", async () => {
    const client = new Client(await openStore(kind));
    const error = await refusalOf(client.listInstances({ cursor: "zzz" }));
    expect(error.message).toContain('the cursor "zzz" is none of this store\'s');
  });
});

test("F40 an activity that calls the context of its orchestration gets an error that says so", async () => {
  const store = await openStore(STORE_KINDS[1]!);
  let leaked: OrchestrationContext | undefined;
  const misuse = defineActivity("Misuse", async () => leaked?.scheduleTimer(1));
  const program = defineOrchestration("Program", async (ctx) => {
    leaked = ctx;
    return ctx.scheduleActivity(misuse);
  });
  const lines: string[] = [];
  const runtime = await Runtime.start({
    store,
    activities: [misuse],
    orchestrations: [program],
    logger: { log: (_, message) => void lines.push(message) },
  });
  onTestFinished(() => runtime.shutdown());
  const handle = await new Client(store).startOrchestration("a", program);
  await expect(handle.result({ timeout: "20s" })).rejects.toThrow(
    'Cannot use the context of "a" here: an activity has called it; call it in the orchestration, and pass to activities what they need as their input',
  );
  expect(lines.filter((line) => line.includes("diverged"))).toEqual([]);
});
