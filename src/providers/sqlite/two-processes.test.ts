import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { systemClock } from "../../foundation/clock.ts";
import { createDeferred } from "../../foundation/deferred.ts";
import type { ClaimedInstance, NodeRow } from "../../provider/provider.ts";
import { Neighbour } from "../../../tests/support/sqlite-neighbour.ts";
import {
  activity,
  bodiesOf,
  effects,
  request,
  StoreUnderTest,
  temporaryFolder,
} from "../../../tests/support/sqlite-store.ts";
import { findBinding } from "./binding.ts";
import { openDatabase } from "./driver.ts";
import { type SqliteOptions, SqliteProvider } from "./index.ts";

/** Neighbours share the machine's clock. */
function openStore(some: SqliteOptions = {}): Promise<StoreUnderTest> {
  return StoreUnderTest.open("file", { clock: systemClock, ...some });
}

const NODE = { label: "neighbour", leaseMs: 10_000 };

describe("two processes on one file", () => {
  test("may open it at the same time, while it does not exist yet", async () => {
    const file = join(temporaryFolder(), "store.db");
    const neighbours = [new Neighbour(file), new Neighbour(file)];
    const own = await Promise.all([SqliteProvider.open(file), SqliteProvider.open(file)]);
    for (const neighbour of neighbours)
      expect(await neighbour.opened).toEqual({ value: undefined });
    const ids = await Promise.all([
      ...neighbours.map((neighbour) => neighbour.call("registerNode", NODE)),
      ...own.map((provider) => provider.registerNode(NODE)),
    ]);
    expect(new Set(ids).size).toBe(4);
    await Promise.all(own.map((provider) => provider.close()));
  });

  test("hear of each other's commits, and not of their own", async () => {
    const store = await openStore({ changePollInterval: 1 });
    const neighbour = new Neighbour(store.file!);
    await neighbour.opened;
    const heard = createDeferred<string>();
    let by = "nobody";
    const end = store.provider.watch(() => heard.resolve(by));
    const ended = store.provider.watch(() => heard.resolve("a watch that has ended"));
    ended();
    by = "itself";
    for (let i = 0; i < 20; i += 1) {
      await store.start(`own-${i}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    by = "the neighbour";
    await neighbour.call("write", [{ kind: "startInstance", request: request("theirs") }]);
    expect(await heard.promise).toBe("the neighbour");
    expect(await store.row("theirs")).toMatchObject({ status: "Pending" });
    end();
  });

  test("share the work, and each instance goes to one of them (P4)", async () => {
    const store = await openStore();
    const neighbour = new Neighbour(store.file!);
    const theirs = (await neighbour.call("registerNode", NODE)) as number;
    for (let i = 0; i < 60; i += 1) await store.start(`i${i}`);
    const claimed: string[] = [];
    const takeAll = async (claim: () => Promise<readonly ClaimedInstance[]>): Promise<void> => {
      for (let taken = await claim(); taken.length > 0; taken = await claim()) {
        claimed.push(...taken.map((it) => it.instanceId));
      }
    };
    await Promise.all([
      takeAll(() => store.claim({ limit: 3 })),
      takeAll(
        () =>
          neighbour.call("claimInstances", {
            node: theirs,
            limit: 3,
            remembered: new Map(),
          }) as Promise<ClaimedInstance[]>,
      ),
    ]);
    expect(claimed).toHaveLength(60);
    expect(new Set(claimed).size).toBe(60);
  });

  test("write at the same time, and every commit is there in the end", async () => {
    const store = await openStore();
    const neighbour = new Neighbour(store.file!);
    await neighbour.opened;
    const writeAll = async (name: string, write: (operations: unknown[]) => Promise<unknown>) => {
      for (let i = 0; i < 100; i += 1) {
        await write([{ kind: "startInstance", request: request(`${name}-${i}`) }]);
      }
    };
    await Promise.all([
      writeAll("own", (operations) => store.provider.write(operations as never)),
      writeAll("their", (operations) => neighbour.call("write", operations)),
    ]);
    const page = await store.provider.listInstances({ limit: 1_000 });
    expect(page.rows).toHaveLength(200);
    await neighbour.kill();
    const raw = openDatabase(await findBinding(), store.file!);
    expect(raw.prepare("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
    raw.close();
  });

  test("send messages to what the other one holds", async () => {
    const store = await openStore();
    await store.begin("a");
    const neighbour = new Neighbour(store.file!);
    const message = { instanceId: "a", body: "from afar" };
    await neighbour.call("write", [{ kind: "sendMessage", message }]);
    const [work] = await store.provider.readHeldWork(store.node, 10);
    expect(bodiesOf(work!.messages)).toEqual(["from afar"]);
  });

  test("can prove that the other one is gone, and take over at once", async () => {
    const store = await openStore();
    const neighbour = new Neighbour(store.file!);
    const theirs = (await neighbour.call("registerNode", NODE)) as number;
    await neighbour.call("write", [
      {
        kind: "startInstance",
        request: request("a"),
        firstTurn: {
          node: theirs,
          effects: effects({ newActivities: [activity(1, { isClaimed: true })] }),
        },
      },
      { kind: "sendMessage", message: { instanceId: "a", body: "x" } },
    ]);
    const isDead = (rows: readonly NodeRow[]) =>
      rows.find((it) => it.id === theirs)?.isProvablyDead;
    expect(isDead(await store.provider.listNodes())).toBe(false);
    expect(isDead((await neighbour.call("listNodes")) as NodeRow[])).toBe(false);
    await neighbour.kill();
    expect(isDead(await store.provider.listNodes())).toBe(true);
    expect(await store.provider.removeNode(theirs, { ifRenewals: 0, isCrash: false })).toBe(true);
    expect(await store.claim()).toMatchObject([{ instanceId: "a", claim: { epoch: 2 } }]);
    expect(await store.claimActivities()).toMatchObject([{ claim: { attempt: 2 } }]);
  });

  test("lose nothing that was acknowledged when one of them is killed (P1)", async () => {
    const store = await openStore();
    const neighbour = new Neighbour(store.file!);
    await neighbour.opened;
    let acknowledged = 0;
    const writing = (async () => {
      for (;;) {
        await neighbour.call("write", [
          { kind: "startInstance", request: request(`i${acknowledged}`) },
        ]);
        acknowledged += 1;
        if (acknowledged === 25) return;
      }
    })();
    await writing;
    await neighbour.kill();
    expect((await store.provider.listInstances({ limit: 1_000 })).rows).toHaveLength(25);
  });
});
