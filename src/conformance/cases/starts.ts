/** How instances come into being, and what happens when their id is in use. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import {
  activity,
  bodiesOf,
  DONE,
  effects,
  historyRow,
  idsOf,
  keyValues,
  request,
} from "../effects.ts";
import { expectEqual, expectKind, expectMatch, expectThat } from "../expectation.ts";
import type { StoreUnderTest } from "../store-under-test.ts";

const parent = { instanceId: "p", executionId: 1, eventId: 5 };

/** Ids that a careless comparison or encoding would mix up. */
const IDS: readonly string[] = [
  "a",
  "A",
  "a ",
  " a",
  "ä",
  "a\u0308",
  "a\u0001",
  "a%",
  "a_",
  "a'; drop table instances; --",
  "ö/💥",
  "x".repeat(1_000),
];

export const starts: readonly ConformanceCase[] = concern("starts", {
  "create a pending row and queue its first message": async (store) => {
    const fromMs = store.nowMs;
    const outcome = expectKind(await store.start("a", { version: "1.5.0" }), "started", "a start");
    const delivered = [{ instanceId: "a", key: outcome.key, message: { body: "start a" } }];
    expectMatch(outcome.delivered, delivered, "what was delivered");
    const row = await store.row("a");
    const expected = {
      key: outcome.key,
      instanceId: "a",
      name: "order",
      version: "1.5.0",
      runId: "run of a",
      status: "Pending",
      executionId: 1,
      customStatusVersion: 0,
      createdMs: row.createdMs,
      updatedMs: row.createdMs,
    };
    expectEqual(row, expected, "the row");
    const isNow = row.createdMs >= fromMs && row.createdMs <= store.nowMs;
    expectThat(isNow, `the creation to be now, found ${row.createdMs}`);
  },

  "have no version where none was asked for": async (store) => {
    await store.start("a");
    expectEqual((await store.row("a")).version, "", "the version");
  },

  "are running as soon as a turn has landed": async (store) => {
    await store.start("a");
    const { claim } = await store.claimOne();
    expectMatch(await store.row("a"), { status: "Pending" }, "the row before the turn");
    await store.land(claim);
    expectMatch(await store.row("a"), { status: "Running" }, "the row after the turn");
  },

  "with a first turn land both, and queue no message": async (store) => {
    await store.begin("a", {
      history: [historyRow(1)],
      change: { version: "1.0.0", customStatus: { value: "1" } },
    });
    const expected = { status: "Running", version: "1.0.0", customStatus: "1" };
    expectMatch(await store.row("a"), { ...expected, customStatusVersion: 1 }, "the row");
    expectEqual(await store.provider.readHistory("a", 1), [historyRow(1)], "the history");
    expectEqual(await store.heldMessages(), [], "the messages");
  },

  "may end in their first turn": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)], change: DONE });
    expectMatch(await store.row("a"), DONE, "the row");
    expectKind(await store.commit(claim), "claimLost", "a further turn");
    expectEqual(await store.claim(), [], "the claimable instances");
  },

  "say that an id is in use, and whether by the very same request": async (store) => {
    await store.start("a");
    const same = await store.start("a");
    const existing = { instanceId: "a", status: "Pending" };
    expectMatch(same, { kind: "idInUse", isSame: true, existing }, "the same request again");
    for (const idReuse of ["reject", "ignore", "replaceFinished"] as const) {
      const other = { idReuse, runId: "another", body: "another", name: "another" };
      const outcome = await store.start("a", other);
      expectMatch(outcome, { kind: "idInUse", isSame: false }, `another request (${idReuse})`);
    }
    const { row, messages } = await store.claimOne();
    expectEqual(row.name, "order", "the name");
    expectEqual(bodiesOf(messages), ["start a"], "the messages");
  },

  "with a first turn leave nothing when the id is in use": async (store) => {
    await store.start("a");
    const outcome = await store.write({
      kind: "startInstance",
      request: request("a", { runId: "another" }),
      firstTurn: {
        node: store.node,
        effects: effects({ history: [historyRow(1)], starts: [request("child")], change: DONE }),
      },
    });
    expectKind(outcome, "idInUse", "the start");
    expectMatch(await store.row("a"), { status: "Pending" }, "the row");
    expectEqual(await store.provider.readHistory("a", 1), [], "the history");
    expectEqual(await store.provider.readInstances(["child"]), [], "the child");
  },

  "replace a finished instance with everything that it had": replacesFinished,

  "do not replace a finished instance by the very request that made it": async (store) => {
    await store.begin("a", { change: DONE });
    const outcome = await store.start("a", { idReuse: "replaceFinished" });
    expectMatch(outcome, { kind: "idInUse", isSame: true }, "the outcome");
  },

  "free the ids of descendants with that of a replaced instance": async (store) => {
    await store.begin("p", { starts: [request("c", { parent })], change: DONE });
    const child = await store.claimOne();
    const link = { instanceId: "c", executionId: 1, eventId: 2 };
    await store.land(child.claim, { starts: [request("g", { parent: link })] });
    const again = await store.start("p", { runId: "second", idReuse: "replaceFinished" });
    expectKind(again, "started", "the next life");
    expectEqual(await store.provider.readInstances(["c", "g"]), [], "the descendants");
    expectKind(await store.commit(child.claim), "claimLost", "a turn of the removed child");
    expectKind(await store.start("c", { runId: "new" }), "started", "the child's id");
  },

  "are not done by a message": async (store) => {
    expectKind(await store.send("a", "x"), "unknownInstance", "the message");
    expectEqual(await store.provider.readInstances(["a"]), [], "the row");
  },

  "tell every two ids apart": async (store) => {
    for (const id of IDS) expectKind(await store.start(id), "started", `the start of "${id}"`);
    for (const id of IDS) expectEqual((await store.row(id)).instanceId, id, "the id");
    const page = await store.provider.listInstances({ limit: 100 });
    expectEqual(idsOf(page.rows).reverse(), IDS, "the ids of the list");
  },

  "of children carry the link to their parent": async (store) => {
    const link = { ...parent, runId: "run of p" };
    await store.begin("p", { starts: [request("c", { parent: link }), request("d", { parent })] });
    expectMatch(await store.row("c"), { parent: link, status: "Pending" }, "the row");
    expectEqual((await store.row("d")).parent, parent, "the link without a run");
    expectEqual(idsOf(await store.provider.listChildren("p")), ["c", "d"], "the children");
  },

  "of a child that was there already are no conflict": async (store) => {
    const onConflict = { instanceId: "p", body: "conflict" };
    const claim = await store.begin("p", { starts: [request("c", { parent })] });
    const { refusedStarts, delivered } = await store.land(claim, {
      starts: [
        // The same run, and the same call of the same parent.
        request("c", { onConflict }),
        request("c", { onConflict, parent, runId: "drawn again" }),
      ],
    });
    expectEqual(refusedStarts, [], "the refused starts");
    expectEqual(delivered, [], "what was delivered");
  },

  "of a child whose id is in use are listed, and the parent is told": async (store) => {
    await store.start("c");
    const claim = await store.begin("p");
    const outcome = await store.land(claim, {
      starts: [
        request("c", { parent, runId: "r", onConflict: { instanceId: "p", body: "conflict" } }),
        request("c", { runId: "detached" }),
        request("c", { runId: "q", onConflict: { instanceId: "p", runId: "no", body: "x" } }),
      ],
    });
    expectEqual(outcome.refusedStarts, ["c", "c", "c"], "the refused starts");
    expectEqual(outcome.droppedMessageCount, 1, "the number of dropped messages");
    expectEqual(bodiesOf(await store.heldMessages()), ["conflict"], "what the parent is told");
    expectEqual(await store.provider.listChildren("p"), [], "the children");
  },

  "of a first turn whose ids are in use are listed": async (store) => {
    await store.start("c");
    const starts = [
      request("c", { runId: "detached" }),
      request("d"),
      request("d", { runId: "r" }),
    ];
    const outcome = await store.write({
      kind: "startInstance",
      request: request("p"),
      firstTurn: { node: store.node, effects: effects({ history: [historyRow(1)], starts }) },
    });
    const { refusedStarts } = expectKind(outcome, "started", "the start");
    expectEqual(refusedStarts, ["c", "d"], "the refused starts");
    const queued = expectKind(await store.start("q"), "started", "a start without a turn");
    expectEqual(queued.refusedStarts, [], "those of a start without a turn");
  },
});

async function replacesFinished(store: StoreUnderTest): Promise<void> {
  const old = await store.begin("a", {
    history: [historyRow(1)],
    newActivities: [activity(1)],
    ...keyValues({ k: "1" }),
    change: { ...DONE, customStatus: { value: "1" } },
  });
  const stale = await store.claimActivity();
  const again = { runId: "second", idReuse: "replaceFinished" } as const;
  const { key } = expectKind(await store.start("a", again), "started", "the replacement");
  expectThat(key !== old.key, "another key for the new instance");
  const fresh = { status: "Pending", runId: "second", customStatus: undefined, output: undefined };
  expectMatch(await store.row("a"), { ...fresh, customStatusVersion: 0 }, "the row");
  expectEqual(await store.provider.readHistory("a", 1), [], "the history");
  expectEqual(await store.provider.readKeyValues("a"), new Map(), "the key-values");
  expectKind(await store.complete(stale.claim), "claimLost", "a late activity of the old one");
  const late = await store.send("a", "for the old one", "run of a");
  expectKind(late, "unknownInstance", "a message for the old one");
  expectKind(await store.send("a", "new", "second"), "accepted", "a message for the new one");
  const { messages } = await store.claimOne();
  expectEqual(bodiesOf(messages), ["start a", "new"], "the messages of the new one");
  const same = await store.start("a", again);
  expectMatch(same, { kind: "idInUse", isSame: true }, "the same request once more");
}
