import { describe, expect, test } from "vitest";

import type { ListPage, ListQuery } from "../../provider/provider.ts";
import { BACKINGS, DONE, request, StoreUnderTest } from "../../../tests/support/sqlite-store.ts";
import { findBinding } from "./binding.ts";
import { Connection, openDatabase } from "./driver.ts";
import { Instances } from "./instances.ts";
import { Listing } from "./listing.ts";
import { migrate } from "./migrate.ts";

function idsOf(page: ListPage): string[] {
  return page.rows.map((row) => row.instanceId);
}

async function allPages(store: StoreUnderTest, query: ListQuery): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await store.provider.listInstances({ ...query, cursor });
    pages.push(idsOf(page));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return pages;
}

describe.each(BACKINGS)("listing the instances of a %s store (31 management)", (backing) => {
  async function filled(): Promise<StoreUnderTest> {
    const store = await StoreUnderTest.open(backing);
    for (const [i, id] of ["a-1", "a-2", "b-1", "a-3", "b-2"].entries()) {
      const name = i % 2 === 0 ? "even" : "odd";
      if (i < 3) await store.begin(id, i === 0 ? { change: DONE } : {}, { name });
      else await store.start(id, { name });
      store.clock.ms += 10;
    }
    return store;
  }

  test("goes newest first", async () => {
    const store = await filled();
    const page = await store.provider.listInstances({ limit: 10 });
    expect(idsOf(page)).toEqual(["b-2", "a-3", "b-1", "a-2", "a-1"]);
    expect(page).not.toHaveProperty("cursor");
    expect(await (await StoreUnderTest.open(backing)).provider.listInstances({ limit: 1 })).toEqual(
      {
        rows: [],
      },
    );
  });

  test("goes page by page, and the last page has no cursor", async () => {
    const store = await filled();
    expect(await allPages(store, { limit: 2 })).toEqual([["b-2", "a-3"], ["b-1", "a-2"], ["a-1"]]);
    expect(await allPages(store, { limit: 5 })).toHaveLength(1);
    expect(await allPages(store, { limit: 1, idPrefix: "a" })).toEqual([["a-3"], ["a-2"], ["a-1"]]);
    const statuses = ["Pending", "Running"] as const;
    expect(await allPages(store, { limit: 2, statuses })).toEqual([
      ["b-2", "a-3"],
      ["b-1", "a-2"],
    ]);
  });

  test("goes page by page by time, also where times are equal or have gone back", async () => {
    const store = await StoreUnderTest.open(backing);
    const times = [50, 30, 30, 40, 30, 90];
    for (const [i, ms] of times.entries()) {
      store.clock.ms = 1_000_000 + ms;
      await store.start(`i-${i}`);
    }
    const expected = [["i-0", "i-3"], ["i-4", "i-2"], ["i-1"]];
    const query = { createdBeforeMs: 1_000_090, createdAfterMs: 1_000_010, limit: 2 };
    expect(await allPages(store, query)).toEqual(expected);
    expect(await allPages(store, { ...query, idPrefix: "i" })).toEqual(expected);
    const statuses = ["Pending", "Failed"] as const;
    expect(await allPages(store, { ...query, name: "order", statuses })).toEqual(expected);
    // A cursor belongs to its filters.
    const { cursor } = await store.provider.listInstances(query);
    await expect(store.provider.listInstances({ limit: 2, cursor })).rejects.toThrow(
      /these filters/,
    );
  });

  test("finds few of one status in a time that has many of another", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.begin("ended", { change: DONE });
    store.clock.ms += 10;
    await store.provider.write(
      Array.from({ length: 2_500 }, (_, i) => ({
        kind: "startInstance" as const,
        request: request(`many-${i}`),
      })),
    );
    const query = { createdAfterMs: 999_999, limit: 2 };
    const few = await store.provider.listInstances({ ...query, statuses: ["Completed"] });
    expect(idsOf(few)).toEqual(["ended"]);
    const many = await store.provider.listInstances({ ...query, statuses: ["Pending"] });
    expect(idsOf(many)).toEqual(["many-2499", "many-2498"]);
  });

  test("keeps its place while instances come", async () => {
    const store = await filled();
    const first = await store.provider.listInstances({ limit: 2 });
    await store.start("new");
    const second = await store.provider.listInstances({ limit: 2, cursor: first.cursor });
    expect(idsOf(second)).toEqual(["b-1", "a-2"]);
  });

  test.each<[Partial<ListQuery>, string[]]>([
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
    [{ idPrefix: "c" }, []],
    [{ idPrefix: "a-", name: "odd", statuses: ["Pending"] }, ["a-3"]],
    [{ createdAfterMs: 1_000_010, createdBeforeMs: 1_000_040 }, ["a-3", "b-1"]],
    [{ createdAfterMs: 1_000_010, statuses: ["Running"] }, ["b-1"]],
    [{ createdBeforeMs: 1_000_010, name: "even" }, ["a-1"]],
    [{ createdBeforeMs: 1_000_030, idPrefix: "a" }, ["a-2", "a-1"]],
  ])("filters by %j", async (query, expected) => {
    const store = await filled();
    expect(idsOf(await store.provider.listInstances({ ...query, limit: 10 }))).toEqual(expected);
  });

  test("follows an instance from status to status", async () => {
    const store = await StoreUnderTest.open(backing);
    const claim = await store.begin("a");
    await store.commit(claim, { change: DONE });
    const query = { limit: 1, statuses: ["Running"] } as const;
    expect(await store.provider.listInstances(query)).toEqual({ rows: [] });
  });

  test("finds many under one prefix as well as few", async () => {
    const store = await StoreUnderTest.open(backing);
    await store.start("a-old");
    await store.provider.write(
      Array.from({ length: 2_500 }, (_, i) => ({
        kind: "startInstance" as const,
        request: request(`dense-${i}`),
      })),
    );
    const dense = await store.provider.listInstances({ idPrefix: "dense-", limit: 2 });
    expect(idsOf(dense)).toEqual(["dense-2499", "dense-2498"]);
    const few = await store.provider.listInstances({ idPrefix: "a-", limit: 2 });
    expect(idsOf(few)).toEqual(["a-old"]);
    const dated = { idPrefix: "dense-", name: "order", createdBeforeMs: 2_000_000, limit: 1 };
    expect(idsOf(await store.provider.listInstances(dated))).toEqual(["dense-2499"]);
  });

  test("tells prefixes apart up to the last character of Unicode", async () => {
    const store = await StoreUnderTest.open(backing);
    const ids = ["\u{10ffff}", "\u{10ffff}x", "\ud7ff1", "\ue0001", "z"];
    for (const id of ids) await store.start(id);
    const startingWith = async (idPrefix: string): Promise<string[]> =>
      idsOf(await store.provider.listInstances({ idPrefix, limit: 10 })).reverse();
    expect(await startingWith("\u{10ffff}")).toEqual(["\u{10ffff}", "\u{10ffff}x"]);
    expect(await startingWith("\ud7ff")).toEqual(["\ud7ff1"]);
  });

  test("refuses a cursor that is none of its own", async () => {
    const store = await StoreUnderTest.open(backing);
    await expect(
      store.provider.listInstances({ limit: 1, cursor: "1; drop table" }),
    ).rejects.toMatchObject({ name: "UsageError", code: "invalid_argument" });
  });

  test("lists children oldest first, and only direct ones", async () => {
    const store = await StoreUnderTest.open(backing);
    const link = (instanceId: string) => ({
      parent: { instanceId, executionId: 1, eventId: 1 },
    });
    await store.start("z-child", link("p"));
    await store.start("a-child", link("p"));
    await store.start("grandchild", link("a-child"));
    const children = await store.provider.listChildren("p");
    expect(children.map((row) => row.instanceId)).toEqual(["z-child", "a-child"]);
    expect(await store.provider.listChildren("nobody")).toEqual([]);
  });
});

describe("every query of a listing", () => {
  test("steps down an index instead of walking a table", async () => {
    const database = openDatabase(await findBinding(), ":memory:");
    migrate(database, { subject: "x", nowMs: 0 });
    const prepared: string[] = [];
    const spy = {
      exec: (sql: string) => database.exec(sql),
      close: () => database.close(),
      prepare: (sql: string) => {
        prepared.push(sql);
        return database.prepare(sql);
      },
    };
    const connection = new Connection(spy, false);
    new Listing(connection, new Instances(connection));
    const plans = prepared
      .filter((sql) => sql.includes("select"))
      .flatMap((sql) => database.prepare(`explain query plan ${sql}`).all())
      .map((row) => (row as { detail: string }).detail);
    // Names are the result of the recursion, one row each; keys are what the caller gives, crashed
    // nodes at most 64 of an instance.
    expect(
      plans.filter(
        (plan) => plan.startsWith("SCAN") && !/^SCAN (names|n|[kc] VIRTUAL .*)$/.test(plan),
      ),
    ).toEqual([]);
    expect(plans.filter((plan) => plan.includes("TEMP B-TREE"))).toEqual([]);
    // A prefix is bounded at both ends.
    expect(plans.filter((plan) => plan.includes("(id>?"))).toEqual([
      expect.stringContaining("(id>? AND id<?)"),
    ]);
    connection.close();
  });
});
