/** F49: a cancellation that is accepted during the turn that parks its instance ends the instance. */

import { Client, defineOrchestration, Runtime, silentLogger, SqliteProvider } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import { expect, test } from "vitest";

import { createDeferred } from "../../src/foundation/deferred.ts";
import { freshDatabase } from "../support/postgres.ts";

const stores = {
  memory: () => SqliteProvider.inMemory(),
  postgres: async () => PostgresProvider.connect(await freshDatabase()),
};

test.each(["memory", "postgres"] as const)(
  "F49 a cancellation during the turn that parks does not wait for the next try (%s)",
  async (kind) => {
    const store = await stores[kind]();
    let inTurn = createDeferred<undefined>();
    const parking = defineOrchestration("Parking", async (ctx, _n: number) => {
      await ctx.scheduleTimer(1);
      inTurn.resolve(undefined);
      Math.random(); // A guard parks it.
    });
    const runtime = await Runtime.start({
      store,
      orchestrations: [parking],
      parkedRetryMin: "1h",
      parkedRetryMax: "1h",
      logger: silentLogger,
    });
    const client = new Client(store);
    for (let i = 0; i < 10; i += 1) {
      inTurn = createDeferred();
      const handle = await client.startOrchestration(`i${i}`, parking, i);
      await inTurn.promise;
      expect(await handle.cancel("stop")).toMatchObject({ kind: "accepted" });
      await expect(handle.result({ timeout: "20s" })).rejects.toMatchObject({
        code: "orchestration_canceled",
        reason: "stop",
      });
    }
    await runtime.shutdown();
    await store.close();
  },
);
