import { unlinkSync } from "node:fs";
import { join } from "node:path";

import {
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  Runtime,
  SqliteProvider,
} from "duroxide-ts";
import { describe, expect, test, vi } from "vitest";

import { createDeferred } from "../../src/foundation/deferred.ts";
import { recordingLogger } from "../support/logger.ts";
import { temporaryFolder } from "../support/sqlite-store.ts";

const GONE = { code: "store_not_found", retryable: false };
const go = defineEvent<number>("Go");

describe("a runtime whose SQLite file is removed", () => {
  test("F43 acknowledges nothing any more, fails no instance, and still shuts down", async () => {
    const file = join(temporaryFolder(), "store.db");
    const store = await SqliteProvider.open(file);
    const logger = recordingLogger();
    const begun = createDeferred<void>();
    const ending = createDeferred<void>();
    const slow = defineActivity("Slow", async () => {
      begun.resolve();
      await ending.promise;
    });
    const listener = defineOrchestration("Listener", (ctx) => ctx.scheduleWait(go));
    const worker = defineOrchestration("Worker", (ctx) => ctx.scheduleActivity(slow, undefined));
    const runtime = await Runtime.start({
      store,
      activities: [slow],
      orchestrations: [listener, worker],
      lease: "300ms",
      logger,
    });
    const client = new Client(store);
    const listening = await client.startOrchestration("listener", listener, undefined);
    const working = await client.startOrchestration("worker", worker, undefined);
    const results = [listening.result(), working.result()].map((it) =>
      it.then(String, (error: unknown) => error),
    );
    await begun.promise;

    unlinkSync(file);
    await expect(client.raiseEvent("listener", go, 1)).rejects.toMatchObject(GONE);
    await expect(client.startOrchestration("late", listener, undefined)).rejects.toMatchObject(
      GONE,
    );
    ending.resolve();
    expect(await Promise.all(results)).toEqual([
      expect.objectContaining(GONE),
      expect.objectContaining(GONE),
    ]);
    await vi.waitFor(() => {
      expect(JSON.stringify(logger.lines)).toContain("was removed or replaced");
    });
    expect(JSON.stringify(logger.lines)).not.toMatch(/parked|poison|failed"/i);
    await runtime.shutdown({ timeout: "100ms" });
    await store.close();
  });
});
