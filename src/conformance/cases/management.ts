/** What operators and clients read. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { DONE, historyRow, idsOf } from "../effects.ts";
import { expectEqual, expectMatch, expectThat } from "../expectation.ts";
import type { StoreUnderTest } from "../store-under-test.ts";
import type { InstanceChange, ListQuery } from "../../provider/provider.ts";

/** Five instances: `a-1` (finished), `a-2`, `b-1` (running), `a-3`, `b-2` (pending), some time apart. */
async function fill(store: StoreUnderTest): Promise<readonly number[]> {
  const createdMs: number[] = [];
  for (const [i, id] of ["a-1", "a-2", "b-1", "a-3", "b-2"].entries()) {
    const name = i % 2 === 0 ? "even" : "odd";
    if (i < 3) await store.begin(id, i === 0 ? { change: DONE } : {}, { name });
    else await store.start(id, { name });
    createdMs.push((await store.row(id)).createdMs);
    await store.reach(store.nowMs + 10);
  }
  return createdMs;
}

async function readPages(store: StoreUnderTest, query: ListQuery): Promise<readonly string[][]> {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await store.provider.listInstances({ ...query, cursor });
    pages.push(idsOf(page.rows));
    cursor = page.cursor;
    expectThat(pages.length < 20, "a listing that ends");
  } while (cursor !== undefined);
  return pages;
}

const FAILED: InstanceChange = {
  status: "Failed",
  failure: {
    category: "application",
    code: "activity_failed",
    name: "RangeError",
    message: "no",
    data: { deep: [1, null] },
  },
};

export const management: readonly ConformanceCase[] = concern("management", {
  "what a commit says of an instance that has ended is what a read says": async (store) => {
    const parent = { instanceId: "p", executionId: 1, eventId: 3, runId: "run-p" };
    const changes: readonly InstanceChange[] = [
      DONE,
      { ...DONE, output: undefined, customStatus: { value: "2" } },
      { ...DONE, name: "other", version: "2.0.0", customStatus: { value: undefined } },
      FAILED,
      { ...FAILED, status: "Canceled" },
    ];
    for (const [i, change] of changes.entries()) {
      const id = `ended-${i}`;
      const status = i === 1 ? {} : { change: { customStatus: { value: "1" } } };
      const claim = await store.begin(id, status, i === 0 ? { parent } : {});
      const { ended } = await store.land(claim, { history: [historyRow(3)], change });
      if (ended !== undefined) expectEqual(ended, await store.row(id), `the row of "${id}"`);
      const running = await store.begin(`running-${i}`);
      const goesOn = await store.land(running, { history: [historyRow(3)] });
      expectEqual(goesOn.ended, undefined, "the row of an instance that goes on");
    }
  },

  "lists newest first": async (store) => {
    await fill(store);
    const page = await store.provider.listInstances({ limit: 10 });
    expectEqual(idsOf(page.rows), ["b-2", "a-3", "b-1", "a-2", "a-1"], "the list");
    expectEqual(page.cursor, undefined, "the cursor of the only page");
    expectEqual(page.rows[0], await store.row("b-2"), "a row of the list");
  },

  "lists page by page, and the last page has no cursor": async (store) => {
    await fill(store);
    const inTwos = await readPages(store, { limit: 2 });
    expectEqual(inTwos, [["b-2", "a-3"], ["b-1", "a-2"], ["a-1"]], "pages of two");
    const inFives = await readPages(store, { limit: 5 });
    expectEqual(inFives.length, 1, "the number of pages of five");
    const prefixed = await readPages(store, { limit: 1, idPrefix: "a" });
    expectEqual(prefixed, [["a-3"], ["a-2"], ["a-1"]], "pages with a prefix");
    const statuses = ["Pending", "Running"] as const;
    const unfinished = await readPages(store, { limit: 3, statuses });
    expectEqual(unfinished, [["b-2", "a-3", "b-1"], ["a-2"]], "pages with statuses");
    const named = await readPages(store, { limit: 2, name: "even" });
    expectEqual(named, [["b-2", "b-1"], ["a-1"]], "pages with a name");
  },

  "keeps its place in a list while instances come": async (store) => {
    await fill(store);
    const first = await store.provider.listInstances({ limit: 2 });
    await store.start("new");
    const second = await store.provider.listInstances({ limit: 2, cursor: first.cursor });
    expectEqual(idsOf(second.rows), ["b-1", "a-2"], "the second page");
  },

  "filters by status, name, prefix and time of creation": async (store) => {
    const [, second = 0, , fourth = 0] = await fill(store);
    const expectations: readonly (readonly [Omit<ListQuery, "limit">, readonly string[]])[] = [
      [{ statuses: ["Completed"] }, ["a-1"]],
      [{ statuses: ["Pending"] }, ["b-2", "a-3"]],
      [{ statuses: ["Running", "Completed", "Running"] }, ["b-1", "a-2", "a-1"]],
      [{ statuses: ["Failed"] }, []],
      [{ statuses: [] }, []],
      [{ name: "even" }, ["b-2", "b-1", "a-1"]],
      [{ name: "none" }, []],
      [{ name: "even", statuses: ["Running", "Pending"] }, ["b-2", "b-1"]],
      [{ idPrefix: "a-" }, ["a-3", "a-2", "a-1"]],
      [{ idPrefix: "" }, ["b-2", "a-3", "b-1", "a-2", "a-1"]],
      [{ idPrefix: "A" }, []],
      [{ idPrefix: "a-", name: "odd", statuses: ["Pending"] }, ["a-3"]],
      [{ createdAfterMs: second, createdBeforeMs: fourth }, ["b-1"]],
      [{ createdAfterMs: second, statuses: ["Running"] }, ["b-1"]],
      [{ createdBeforeMs: second, name: "even" }, ["a-1"]],
      [{ createdBeforeMs: fourth, idPrefix: "a" }, ["a-2", "a-1"]],
    ];
    for (const [query, expected] of expectations) {
      const { rows } = await store.provider.listInstances({ ...query, limit: 10 });
      expectEqual(idsOf(rows), expected, `the list for ${JSON.stringify(query)}`);
    }
  },

  "takes a prefix literally": async (store) => {
    const ids = ["50%", "50_", "50\\", "50x", "\u{10ffff}x", "\ud7ff1", "\ue0001"];
    for (const id of ids) await store.start(id);
    for (const [idPrefix, expected] of [
      ["50%", ["50%"]],
      ["50_", ["50_"]],
      ["50\\", ["50\\"]],
      ["\u{10ffff}", ["\u{10ffff}x"]],
      ["\ud7ff", ["\ud7ff1"]],
    ] as const) {
      const { rows } = await store.provider.listInstances({ idPrefix, limit: 10 });
      expectEqual(idsOf(rows), expected, `the list for the prefix "${idPrefix}"`);
    }
  },

  "follows an instance from status to status": async (store) => {
    const query = { limit: 5, statuses: ["Running"] } as const;
    const claim = await store.begin("a");
    expectEqual(idsOf((await store.provider.listInstances(query)).rows), ["a"], "those that run");
    await store.land(claim, { change: DONE });
    expectEqual(await store.provider.listInstances(query), { rows: [] }, "those that run, after");
  },

  "reads many rows at once, and leaves out unknown ids": async (store) => {
    await fill(store);
    const rows = await store.provider.readInstances(["b-1", "nobody", "a-1"]);
    expectEqual(idsOf(rows).sort(), ["a-1", "b-1"], "the rows");
  },

  "dates the last turn": async (store) => {
    const claim = await store.begin("a", { history: [historyRow(1)] });
    expectEqual((await store.row("a")).updatedMs, 1_000_001, "the time of the first turn");
    await store.land(claim, { history: [historyRow(2)], change: DONE });
    expectEqual((await store.row("a")).updatedMs, 1_000_002, "the time of the last turn");
  },

  "keeps a failure with all its parts": async (store) => {
    const failure = {
      category: "application",
      code: "activity_failed",
      name: "CardDeclinedError",
      message: "no: 'ä' 💥",
      data: { cents: 5, list: [null, true] },
      cause: { category: "application", code: "x", name: "Error", message: "deeper" },
    } as const;
    const claim = await store.begin("a");
    await store.land(claim, { history: [historyRow(1)], change: { status: "Failed", failure } });
    const expected = { status: "Failed", failure, output: undefined };
    expectMatch(await store.row("a"), expected, "the row");
    const [execution] = await store.provider.listExecutions("a");
    expectMatch(execution, { ...expected, completedMs: 1_000_001, eventCount: 1 }, "the execution");
  },

  "describes an execution that runs": async (store) => {
    await store.begin("a", { history: [historyRow(1, { eventCount: 3 })] });
    const expected = { executionId: 1, name: "order", status: "Running", startedMs: 1_000_001 };
    const [execution, ...others] = await store.provider.listExecutions("a");
    expectMatch(execution, { ...expected, completedMs: undefined, eventCount: 3 }, "the execution");
    expectEqual(others, [], "further executions");
  },

  "reads a history in the order of its events": async (store) => {
    const claim = await store.begin("a");
    const rows = [historyRow(1), historyRow(2), historyRow(9), historyRow(10), historyRow(100)];
    for (const row of rows) await store.land(claim, { history: [row] });
    expectEqual(await store.provider.readHistory("a", 1), rows, "the history");
    expectEqual(await store.provider.readHistory("a", 0), undefined, "execution 0");
  },

  "lists children oldest first, and only direct ones": async (store) => {
    const link = (instanceId: string) => ({ parent: { instanceId, executionId: 1, eventId: 1 } });
    await store.start("z-child", link("p"));
    await store.start("a-child", link("p"));
    await store.start("grandchild", link("a-child"));
    const children = await store.provider.listChildren("p");
    expectEqual(idsOf(children), ["z-child", "a-child"], "the children");
    const below = await store.provider.listChildren("a-child");
    expectEqual(idsOf(below), ["grandchild"], "the children of a child");
  },
});
