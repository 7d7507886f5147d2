/** F34 F35: what fails and what cannot go on is visible in the log without asking. */

import { Client, defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";
import type { LogFields, LogLevel } from "duroxide-ts";
import { expect, onTestFinished, test, vi } from "vitest";

test.each([false, true])(
  "F35 one line for each failed run and one for the failed instance (evicted every turn: %s)",
  async (evictAfterEveryTurn) => {
    class CardDeclined extends Error {}
    const charge = defineActivity("Charge", () => {
      throw new CardDeclined("no funds"); // The user's line.
    });
    const pay = defineOrchestration("Pay", async (ctx) => {
      await ctx.scheduleActivity(charge).settled();
      await ctx.scheduleActivity(charge);
    });
    const lines: { level: LogLevel; message: string; fields: LogFields }[] = [];
    const store = await SqliteProvider.inMemory();
    const runtime = await Runtime.start({
      store,
      activities: [charge],
      orchestrations: [pay],
      residency: { evictAfterEveryTurn },
      logger: { log: (level, message, fields) => lines.push({ level, message, fields }) },
    });
    onTestFinished(async () => {
      await runtime.shutdown();
      await store.close();
    });
    const handle = await new Client(store).startOrchestration("i-1", pay);
    await expect(handle.result()).rejects.toThrow("no funds");
    const failures = lines.filter(({ message }) => message.endsWith(" failed"));
    const ofCharge = {
      level: "warn",
      message: 'Activity "Charge" failed',
      fields: {
        instanceId: "i-1",
        activityName: "Charge",
        attempt: 1,
        error: "CardDeclined: no funds",
        source: expect.stringContaining("failure-log.test.ts:12") as string,
      },
    };
    expect(failures).toMatchObject([
      ofCharge,
      ofCharge,
      {
        level: "error",
        message: 'Orchestration "i-1" failed',
        fields: {
          instanceId: "i-1",
          orchestrationName: "Pay",
          error: 'ActivityError: activity "Charge" (attempt 1) failed: no funds',
          source: expect.stringContaining("failure-log.test.ts:12") as string,
        },
      },
    ]);
  },
);

test("F34 an instance whose code is missing is logged once by each runtime of the process", async () => {
  const store = await SqliteProvider.inMemory();
  const logs: { message: string; fields: LogFields }[][] = [[], []];
  const runtimes = await Promise.all(
    logs.map((lines) =>
      Runtime.start({
        store,
        orchestrations: [],
        parkedRetryMin: 1,
        parkedRetryMax: 1,
        logger: { log: (_, message, fields) => lines.push({ message, fields }) },
      }),
    ),
  );
  onTestFinished(async () => {
    for (const runtime of runtimes) await runtime.shutdown();
    await store.close();
  });
  const client = new Client(store);
  await client.startOrchestration("i-1", "Nobody");
  await client.startOrchestration("i-2", "Nobody");
  const blocked = (lines: { message: string; fields: LogFields }[]): unknown[] =>
    lines.filter(({ fields }) => fields["blocked"] === "not_registered");
  await vi.waitFor(() => {
    for (const lines of logs) expect(blocked(lines)).toHaveLength(2);
  });
  // It is tried again every millisecond.
  const readSince = async (): Promise<unknown> => {
    const info = await client.getInstanceInfo("i-1");
    return "blocked" in info ? info.blocked?.sinceMs : undefined;
  };
  const sinceMs = await readSince();
  await vi.waitFor(async () => {
    expect(await readSince()).not.toBe(sinceMs);
  });
  for (const lines of logs) {
    expect(blocked(lines)).toMatchObject([
      { message: expect.stringContaining('"Nobody"') as string, fields: { instanceId: "i-1" } },
      { message: expect.stringContaining('"Nobody"') as string, fields: { instanceId: "i-2" } },
    ]);
  }
});
