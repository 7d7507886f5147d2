/** Transactions that the store's operations share with statements of the user. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { DONE, historyRow, request } from "../effects.ts";
import { expectEqual, expectKind, expectMatch, expectRejection } from "../expectation.ts";
import { commitOf, skip, type StoreUnderTest } from "../store-under-test.ts";
import type { ProviderTransactions, WriteOperation } from "../../provider/provider.ts";

function transactionsOf(store: StoreUnderTest): ProviderTransactions {
  return store.provider.transactions ?? skip("this store shares no transactions with its users");
}

function start(instanceId: string): WriteOperation {
  return { kind: "startInstance", request: request(instanceId) };
}

export const transactions: readonly ConformanceCase[] = concern("transactions", {
  "land what was written in them when they are committed": async (store) => {
    const shared = transactionsOf(store);
    const claim = await store.begin("b");
    const result = await shared.run(async (transaction) => {
      const outcomes = await shared.write(transaction, [
        start("a"),
        { kind: "sendMessage", message: { instanceId: "b", body: "x" } },
        commitOf(claim, { history: [historyRow(1)] }),
      ]);
      return outcomes.map((outcome) => outcome.kind);
    });
    expectEqual(result, ["started", "accepted", "committed"], "the outcomes");
    expectMatch(await store.row("a"), { status: "Pending" }, "the row");
    expectMatch(await store.heldMessages(), [{ body: "x" }], "the messages");
    expectEqual(await store.provider.readHistory("b", 1), [historyRow(1)], "the history");
    expectMatch(await store.claimOne(), { instanceId: "a" }, "the claimable instance");
  },

  "leave nothing when their work throws, and pass on what it threw": async (store) => {
    const shared = transactionsOf(store);
    const claim = await store.begin("b");
    const error = new Error("changed my mind");
    const running = shared.run(async (transaction) => {
      await shared.write(transaction, [start("a"), commitOf(claim, { change: DONE })]);
      throw error;
    });
    await expectRejection(running, { message: "changed my mind" }, "the transaction");
    expectEqual(await store.provider.readInstances(["a"]), [], "the start");
    expectMatch(await store.row("b"), { status: "Running" }, "the turn");
    expectEqual(await store.claim(), [], "the claimable instances");
    await store.land(claim, { change: DONE });
  },

  "go on after a refused operation, which has no effect (P2)": async (store) => {
    const shared = transactionsOf(store);
    const claim = await store.begin("b");
    await shared.run(async (transaction) => {
      const outcomes = await shared.write(transaction, [
        { kind: "sendMessage", message: { instanceId: "nobody", body: "x" } },
        commitOf({ ...claim, epoch: 9 }, { change: DONE }),
        start("a"),
      ]);
      const kinds = outcomes.map((outcome) => outcome.kind);
      expectEqual(kinds, ["unknownInstance", "claimLost", "started"], "the outcomes");
    });
    expectMatch(await store.row("a"), { status: "Pending" }, "the row");
    expectMatch(await store.row("b"), { status: "Running" }, "the row of the refused turn");
  },

  "see what they have written themselves": async (store) => {
    const shared = transactionsOf(store);
    const kinds = await shared.run(async (transaction) => {
      const [first] = await shared.write(transaction, [start("a")]);
      const [second] = await shared.write(transaction, [start("a")]);
      const [third] = await shared.write(transaction, [
        { kind: "sendMessage", message: { instanceId: "a", body: "x" } },
      ]);
      return [first?.kind, second?.kind, third?.kind];
    });
    expectEqual(kinds, ["started", "idInUse", "accepted"], "the outcomes");
    const { messages } = await store.claimOne();
    expectMatch(messages, [{ body: "start a" }, { body: "x" }], "the messages");
  },

  "are not seen by other connections before they are committed": async (store) => {
    const shared = transactionsOf(store);
    const other = await store.connect();
    await shared.run(async (transaction) => {
      await shared.write(transaction, [start("a")]);
      expectEqual(await other.readInstances(["a"]), [], "the row before the commit");
    });
    expectMatch(await other.readInstances(["a"]), [{ instanceId: "a" }], "the row afterwards");
  },

  "refuse what is no transaction of the store": async (store) => {
    const shared = transactionsOf(store);
    for (const stranger of [undefined, null, {}, "transaction"]) {
      const writing = shared.write(stranger, [start("a")]);
      const members = { name: "UsageError", code: "invalid_argument" };
      await expectRejection(writing, members, "a write into something else");
    }
    expectEqual(await store.provider.readInstances(["a"]), [], "the row");
  },

  "refuse to be used after their end": async (store) => {
    const shared = transactionsOf(store);
    let kept: unknown;
    await shared.run(async (transaction) => {
      kept = transaction;
    });
    await expectRejection(shared.write(kept, [start("a")]), {}, "a write after the end");
    expectEqual(await store.provider.readInstances(["a"]), [], "the row");
  },

  "leave room for ordinary calls before, between and after them": async (store) => {
    const shared = transactionsOf(store);
    const done = await Promise.all([
      store.start("before"),
      shared.run((transaction) => shared.write(transaction, [start("one")])),
      store.start("between"),
      shared.run((transaction) => shared.write(transaction, [start("two")])),
      store.start("after"),
    ]);
    for (const outcome of done.flat()) expectKind(outcome, "started", "a start");
    expectEqual((await store.claim()).length, 5, "the number of claimable instances");
  },
});
