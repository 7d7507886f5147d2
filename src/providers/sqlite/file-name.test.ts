import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { describe, expect, test } from "vitest";

import { temporaryFolder } from "../../../tests/support/sqlite-store.ts";
import { SqliteProvider } from "./index.ts";

describe("SqliteProvider.open()", () => {
  test.each([
    ["a URL", (file: string) => pathToFileURL(file)],
    ["the text of a URL", (file: string) => pathToFileURL(file).href],
    ["a path with a colon", (file: string) => file],
  ])("F27 takes %s for the path that it names", async (_what, toName) => {
    const file = join(temporaryFolder(), "a b:1.db");
    const store = await SqliteProvider.open(toName(file));
    expect(existsSync(file)).toBe(true);
    await store.close();
  });

  test.each<[unknown, string]>([
    ["sqlite::memory:", 'use ":memory:" or SqliteProvider.inMemory()'],
    ["file::memory:?cache=shared", 'use ":memory:" or SqliteProvider.inMemory()'],
    [" :memory:", 'use ":memory:" or SqliteProvider.inMemory()'],
    [":MEMORY:", 'use ":memory:" or SqliteProvider.inMemory()'],
    ["jdbc:sqlite:app.db", 'pass the path alone, such as "app.db"'],
    ["better-sqlite3:app.db", 'pass the path alone, such as "app.db"'],
    ["app.db?mode=ro", 'pass the path alone, such as "app.db"'],
    ["app.db\n", 'begins or ends with white space; pass "app.db"'],
    [" app.db", 'begins or ends with white space; pass "app.db"'],
    ["sqlite:app.db", 'pass the path alone, such as "app.db"'],
    ["sqlite://data/app.db?mode=rwc", 'pass the path alone, such as "data/app.db"'],
    ["sqlite:///srv/app.db", 'pass the path alone, such as "/srv/app.db"'],
    ["file:app.db", 'pass the path alone, such as "app.db"'],
    ["file:///srv/app.db?mode=ro", "has parameters, which mean nothing here; pass the path alone"],
    ["file://elsewhere/app.db", "names no file of this machine; pass its path"],
    ["postgres://me:secret@host/db", "use PostgresProvider.connect(url)"],
    [new URL("postgres://me:secret@host/db"), "use PostgresProvider.connect(url)"],
    [new URL("https://host/app.db"), 'pass a path such as "app.db"'],
    ["", 'its name is empty; pass a path such as "app.db"'],
    ["app\0.db", "its name has a NUL character in it; pass a path"],
    [undefined, "a value of type undefined"],
    [null, "a value of type null"],
    [42, "a value of type number"],
    [Buffer.from("app.db"), "a value of type Buffer"],
    [{ file: "app.db" }, "a value of type object"],
  ])("F27 refuses %j with a hint", async (name, hint) => {
    const before = readdirSync(".");
    const opening = SqliteProvider.open(name as string);
    await expect(opening).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(opening).rejects.toThrow(hint);
    await expect(opening).rejects.not.toThrow("secret");
    expect(readdirSync(".")).toEqual(before);
  });
});
