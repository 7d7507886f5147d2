/** Several connections to one store: what one writes, the others see and are notified of. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, DONE, historyRow, idsOf, request } from "../effects.ts";
import { expectEqual, expectKind, expectMatch } from "../expectation.ts";
import { commitOf } from "../store-under-test.ts";
import type { StoreChange } from "../../provider/provider.ts";

export const connections: readonly ConformanceCase[] = concern("connections", {
  "see at once what another has written": async (store) => {
    const other = await store.connect();
    const claim = await store.begin("a", { history: [historyRow(1)] });
    expectMatch(await other.readInstances(["a"]), [{ status: "Running" }], "the row");
    await other.write([{ kind: "sendMessage", message: { instanceId: "a", body: "x" } }]);
    expectMatch(await store.heldMessages(), [{ body: "x" }], "the messages");
    await store.land(claim, { change: DONE });
    expectMatch(await other.readInstances(["a"]), [DONE], "the row afterwards");
  },

  "share one list of nodes and their claims": async (store) => {
    const other = await store.connect();
    const node = await other.registerNode({ label: "elsewhere", leaseMs: 10_000 });
    const claim = await store.begin("a");
    await store.send("a", "x");
    const wanted = { node, limit: 1, remembered: new Map() };
    expectEqual(await other.claimInstances(wanted), [], "what is held");
    expectEqual(
      await other.removeNode(store.node, { ifRenewals: 0, isCrash: false }),
      true,
      "the removal",
    );
    const [taken] = await other.claimInstances(wanted);
    expectMatch(taken, { instanceId: "a", previousEpoch: 1 }, "what was freed");
    expectKind(await store.commit(claim), "claimLost", "a turn of the removed node");
  },

  "hand out each piece of work to one of them": async (store) => {
    const other = await store.connect();
    const node = await other.registerNode({ label: "elsewhere", leaseMs: 10_000 });
    const ids = Array.from({ length: 20 }, (_, i) => `i${i}`);
    const newActivities = [activity(1), activity(2)];
    await store.begin("holder", { newActivities });
    for (const id of ids) await store.start(id);
    const claimed = await Promise.all(
      ids.map((_, i) =>
        i % 2 === 0
          ? store.claim({ limit: 1 })
          : other.claimInstances({ node, limit: 1, remembered: new Map() }),
      ),
    );
    expectEqual(idsOf(claimed.flat()).sort(), [...ids].sort(), "the claimed instances");
    const activities = await Promise.all([
      store.claimActivities({ limit: 1 }),
      other.claimActivities({ node, limit: 2 }),
    ]);
    const numbers = activities.flat().map((it) => it.claim.activityId);
    expectEqual(numbers.sort(), [1, 2], "the claimed activities");
  },

  "let one of two starts of an id win": async (store) => {
    const other = await store.connect();
    const start = (runId: string) => [
      { kind: "startInstance" as const, request: request("a", { runId }) },
    ];
    const outcomes = await Promise.all([
      store.provider.write(start("one")),
      other.write(start("other")),
    ]);
    const kinds = outcomes.flat().map((outcome) => outcome.kind);
    expectEqual(kinds.sort(), ["idInUse", "started"], "the outcomes");
  },

  "let one of two final turns of a claim win": async (store) => {
    const other = await store.connect();
    const claim = await store.begin("a");
    const turn = commitOf(claim, { change: DONE });
    const outcomes = await Promise.all([store.provider.write([turn]), other.write([{ ...turn }])]);
    const kinds = outcomes.flat().map((outcome) => outcome.kind);
    expectEqual(kinds.sort(), ["claimLost", "committed"], "the outcomes");
  },

  "are told of what another has written, until they end the watch": async (store) => {
    const other = await store.connect();
    const heard: StoreChange[] = [];
    const end = store.provider.watch((change) => heard.push(change));
    const isTold = (): boolean =>
      heard.some(({ hasWork, instanceIds }) => hasWork && (instanceIds?.includes("a") ?? true));
    await other.write([{ kind: "startInstance", request: request("a") }]);
    await store.eventually(isTold, "a watcher to hear of a start");
    end();
    end();
    heard.length = 0;
    const silent = heard.length;
    const again: StoreChange[] = [];
    const endAgain = store.provider.watch((change) => again.push(change));
    await other.write([{ kind: "startInstance", request: request("b") }]);
    await store.eventually(() => again.length > 0, "a second watcher to hear of a start");
    endAgain();
    expectEqual(heard.length, silent, "what an ended watch hears");
  },

  "are told of a turn that ends an instance": async (store) => {
    const other = await store.connect();
    const claim = await store.begin("a");
    const heard: StoreChange[] = [];
    const end = other.watch((change) => heard.push(change));
    await store.land(claim, { change: DONE });
    const isTold = (): boolean =>
      heard.some(({ instanceIds }) => instanceIds?.includes("a") ?? true);
    await store.eventually(isTold, "a watcher to hear of an end");
    end();
  },

  "go on when another one closes": async (store) => {
    const other = await store.connect();
    await other.write([{ kind: "startInstance", request: request("a") }]);
    await other.close();
    expectEqual(idsOf(await store.claim()), ["a"], "the claimable instances");
  },
});
