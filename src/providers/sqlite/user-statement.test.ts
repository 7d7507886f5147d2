import { describe, expect, test } from "vitest";

import { findBinding } from "./binding.ts";
import { openDatabase, type SqliteDatabase } from "./driver.ts";
import { parseStatement, runStatement, toValues } from "./user-statement.ts";

const binding = await findBinding();

function ask(database: SqliteDatabase, sql: string, ...parameters: unknown[]): unknown {
  const statement = parseStatement(sql);
  return runStatement(database, statement, toValues(statement, parameters));
}

function open(): SqliteDatabase {
  const database = openDatabase(binding, ":memory:");
  database.exec("create table t (id integer primary key, name text)");
  return database;
}

describe("parseStatement()", () => {
  test.each([
    ["select $1", "select ?", [0]],
    ["select $2, $1, $2", "select ?, ?, ?", [1, 0, 1]],
    ["select $12", "select ?", [11]],
    ["select '$1', \"$1\", `$1`, [$1], $1", "select '$1', \"$1\", `$1`, [$1], ?", [0]],
    ["select 'it''s $1' || $1", "select 'it''s $1' || ?", [0]],
    ['select "a""$1", $1', 'select "a""$1", ?', [0]],
    ["select 1 -- $1\n, $1", "select 1 -- $1\n, ?", [0]],
    ["select /* $1 ' */ $1", "select /* $1 ' */ ?", [0]],
    ["select a$1, ä$1 from t", "select a$1, ä$1 from t", []],
    ["select '$1", "select '$1", []],
    ["select 1e5,$1", "select 1e5,?", [0]],
    ["select $1;\n-- the end", "select ?;\n-- the end", [0]],
  ])("%s", (sql, text, order) => {
    expect(parseStatement(sql)).toMatchObject({ sql: text, order });
  });

  test("leaves plain placeholders alone", () => {
    expect(parseStatement("select ?, '?'")).toMatchObject({
      sql: "select ?, '?'",
      order: undefined,
    });
  });

  test.each([
    ["commit"],
    ["  BEGIN immediate"],
    ["-- so\nrollback"],
    ["rollback transaction"],
    ["End"],
    ["select 1; select 2"],
    ["select ?, $1"],
  ])("refuses %s", (sql) => {
    expect(() => parseStatement(sql)).toThrow(
      expect.objectContaining({ name: "UsageError", code: "invalid_argument" }),
    );
  });

  test.each([
    ["savepoint a"],
    ["rollback to a"],
    ["rollback transaction to a"],
    ["release a"],
    ["create trigger a after insert on t begin select 1; select 2; end"],
    ["create temp trigger a after insert on t begin select 1; end;"],
  ])("accepts %s", (sql) => {
    expect(parseStatement(sql).sql).toBe(sql);
  });

  test("says what to do", () => {
    expect(() => parseStatement("commit")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot run this statement: the transaction begins and ends by itself; throw to roll it back]`,
    );
    expect(() => parseStatement("select 1; select 2")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot run this statement: it is more than one; pass one at a time]`,
    );
    expect(() => parseStatement("select ?, $1")).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot run this statement: it mixes \`?\` and \`$1\`; write \`$1\`, \`$2\`]`,
    );
    expect(() => parseStatement(7 as never)).toThrowErrorMatchingInlineSnapshot(
      `[TypeError: sql.matchAll is not a function or its return value is not iterable]`,
    );
  });

  test("reads a text of a million characters", () => {
    const text = "x''$1".repeat(200_000);
    expect(parseStatement(`select '${text}', $1`).order).toEqual([0]);
  });
});

describe("toValues()", () => {
  const of = (...values: unknown[]) => toValues(parseStatement("select ?"), values);

  test("makes of JavaScript's values what SQLite has for them", () => {
    const bytes = new Uint8Array([1]);
    expect(of(true, false, undefined, null, 1.5, 7n, "x", bytes)).toEqual([
      1,
      0,
      null,
      null,
      1.5,
      7n,
      "x",
      bytes,
    ]);
    expect(of(new Date(0))).toEqual(["1970-01-01T00:00:00.000Z"]);
  });

  test.each([[{}], [[1]], [Symbol("x")], [() => 1], [new Date(Number.NaN)]])(
    "refuses %s",
    (value) => {
      expect(() => of(value)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    },
  );

  test("wants as many as the statement names", () => {
    const statement = parseStatement("select $1, $3");
    expect(toValues(statement, [1, 2, 3])).toEqual([1, 3]);
    expect(() => toValues(statement, [1, 2])).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot run this statement: it has $1 to $3, and 2 parameters were passed]`,
    );
    expect(() => toValues(statement, [1, 2, 3, 4])).toThrow("4 parameters");
    expect(() => toValues(parseStatement("select $0"), [])).toThrow("parameters");
  });
});

describe("runStatement()", () => {
  test("gives rows of statements that have them, and counts of the others", () => {
    const database = open();
    expect(ask(database, "insert into t (name) values ($1), ($2)", "a", "b")).toEqual({
      rows: [],
      rowCount: 2,
    });
    expect(ask(database, "select * from t where name <> $1", "a")).toEqual({
      rows: [{ id: 2, name: "b" }],
      rowCount: 1,
    });
    expect(ask(database, "update t set name = $1 where id > 0", "c")).toMatchObject({
      rowCount: 2,
    });
    expect(
      ask(database, "insert into t (id, name) values ($2, $1) returning id, name", "d", 9),
    ).toEqual({ rows: [{ id: 9, name: "d" }], rowCount: 1 });
    expect(ask(database, "create table u (a)")).toEqual({ rows: [], rowCount: 0 });
    expect(ask(database, "with n as (select 1 as a) select a from n")).toMatchObject({
      rows: [{ a: 1 }],
    });
    expect(ask(database, "with n as (select 1 as a) insert into u select a from n")).toEqual({
      rows: [],
      rowCount: 1,
    });
    database.close();
  });

  test("gives rows that look like any object", () => {
    const database = open();
    const { rows } = ask(database, "select 1 as a") as { rows: object[] };
    expect(rows).toStrictEqual([{ a: 1 }]);
    database.close();
  });

  test.each(["reader", "none"])("works on a binding with %s to tell them apart", (hint) => {
    const database = open();
    const plain: SqliteDatabase = {
      exec: (sql) => database.exec(sql),
      close: () => database.close(),
      prepare: (sql) => {
        const statement = database.prepare(sql);
        return {
          run: statement.run.bind(statement),
          get: statement.get.bind(statement),
          all: statement.all.bind(statement),
          ...(hint === "reader" && { reader: /^select|returning/.test(sql) }),
        };
      },
    };
    expect(ask(plain, "insert into t (name) values ($1)", "a")).toEqual({ rows: [], rowCount: 1 });
    expect(ask(plain, "insert into t (name) values ('b') returning id")).toEqual({
      rows: [{ id: 2 }],
      rowCount: 1,
    });
    expect(ask(plain, "select id from t")).toMatchObject({ rowCount: 2 });
    plain.close();
  });
});
