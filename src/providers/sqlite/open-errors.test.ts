import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { createFaults } from "../../../tests/support/sqlite-faults.ts";
import { Neighbour } from "../../../tests/support/sqlite-neighbour.ts";
import { StoreUnderTest, temporaryFolder } from "../../../tests/support/sqlite-store.ts";
import type { ProviderError } from "../../provider/errors.ts";
import { findBinding } from "./binding.ts";
import { openDatabase, type SqliteDatabase } from "./driver.ts";
import { SqliteProvider } from "./index.ts";

async function openError(file: string): Promise<ProviderError & { readonly text: string }> {
  try {
    const provider = await SqliteProvider.open(file, { busyTimeout: 0 });
    await provider.close();
  } catch (error) {
    const { message } = error as ProviderError;
    // Only the folder differs from run to run.
    return Object.assign(error as ProviderError, {
      text: message.replaceAll(/\/\S*duroxide-sqlite-\w+/g, "<folder>"),
    });
  }
  throw new Error("The store was opened");
}

async function rawDatabase(file: string): Promise<SqliteDatabase> {
  return openDatabase(await findBinding(), file);
}

describe("SqliteProvider.open()", () => {
  test.each(["new", "empty"])("initialises a file that is %s", async (state) => {
    const file = join(temporaryFolder(), "store.db");
    if (state === "empty") writeFileSync(file, "");
    const provider = await SqliteProvider.open(file);
    expect(await provider.listInstances({ limit: 1 })).toEqual({ rows: [] });
    await provider.close();
    expect(statSync(file).size).toBeGreaterThan(0);
  });

  test("finds everything in the one file after a clean end", async () => {
    const store = await StoreUnderTest.open("file");
    await store.start("a");
    await store.provider.close();
    const copy = join(temporaryFolder(), "copy.db");
    copyFileSync(store.file!, copy);
    const provider = await SqliteProvider.open(copy);
    expect(await provider.readInstances(["a"])).toHaveLength(1);
    await provider.close();
  });

  test("refuses a folder that does not exist, and creates none", async () => {
    const folder = join(temporaryFolder(), "missing");
    const error = await openError(join(folder, "store.db"));
    expect(error.code).toBe("store_not_found");
    expect(error.text).toMatchInlineSnapshot(
      `"Cannot open store "<folder>/missing/store.db": the folder "<folder>/missing" does not exist; create it"`,
    );
    expect(existsSync(folder)).toBe(false);
  });

  test("refuses a folder in place of a file", async () => {
    const folder = join(temporaryFolder(), "store.db");
    mkdirSync(folder);
    expect(await openError(folder)).toMatchObject({ code: "store_not_ours", retryable: false });
  });

  test.each(["short", "x".repeat(10_000), "SQLite format 3\u0000 but not really".repeat(100)])(
    "leaves a file alone that is no SQLite database (%#)",
    async (content) => {
      const file = join(temporaryFolder(), "notes.txt");
      writeFileSync(file, content);
      const error = await openError(file);
      expect(error.code).toBe("store_not_ours");
      expect(error.text).toMatch(/^Cannot open store "<folder>\/notes.txt": .+; name a new file/);
      expect(readFileSync(file, "utf8")).toBe(content);
      expect(readdirSync(join(file, ".."))).toEqual(["notes.txt"]);
    },
  );

  test.each(["delete", "wal"])(
    "leaves the SQLite database of another program alone (journal mode %s)",
    async (mode) => {
      const file = join(temporaryFolder(), "other.db");
      const other = await rawDatabase(file);
      other.exec(`pragma journal_mode = ${mode}; create table notes (text)`);
      other.close();
      const before = readFileSync(file);
      const error = await openError(file);
      expect(error.code).toBe("store_not_ours");
      expect(error.text).toMatchInlineSnapshot(
        `"Cannot open store "<folder>/other.db": it is the SQLite database of another program; name a new file, or one that duroxide-ts has written"`,
      );
      expect(readFileSync(file).equals(before)).toBe(true);
    },
  );

  test("leaves a file of a newer version alone", async () => {
    const store = await StoreUnderTest.open("file");
    await store.provider.close();
    const newer = await rawDatabase(store.file!);
    newer.exec(
      "insert into migrations values (2, 'later', 'breaking', 0); pragma user_version = 2",
    );
    newer.close();
    const before = readFileSync(store.file!);
    const error = await openError(store.file!);
    expect(error).toMatchObject({ code: "store_too_new", details: { schema: 2, known: 1 } });
    expect(error.text).toMatchInlineSnapshot(
      `"Cannot open store "<folder>/store.db": its schema is 2 and this version of duroxide-ts knows 1; install the version that wrote it, or a newer one"`,
    );
    expect(readFileSync(store.file!).equals(before)).toBe(true);
  });

  /** A copy of a store with one instance, with a page overwritten. */
  async function damagedStore(damage: (bytes: Buffer) => void): Promise<string> {
    const store = await StoreUnderTest.open("file");
    await store.start("a");
    await store.provider.close();
    const bytes = readFileSync(store.file!);
    damage(bytes);
    const file = join(temporaryFolder(), "store.db");
    writeFileSync(file, bytes);
    return file;
  }

  test("refuses a file whose schema is damaged", async () => {
    const error = await openError(await damagedStore((bytes) => bytes.fill(0x5a, 100)));
    expect(error).toMatchObject({ code: "store_corrupt", retryable: false });
    expect(error.text).toMatchInlineSnapshot(
      `"Cannot open store "<folder>/store.db": the file is damaged; restore it from a backup"`,
    );
  });

  test("reports damage behind the schema where it is met, and never as an empty store", async () => {
    const file = await damagedStore((bytes) => {
      const page = Math.floor(bytes.indexOf("run-of-a") / 4_096);
      bytes.fill(0x5a, page * 4_096, (page + 1) * 4_096);
    });
    const provider = await SqliteProvider.open(file);
    await expect(provider.listInstances({ limit: 1 })).rejects.toMatchObject({
      code: "store_corrupt",
      retryable: false,
    });
    await provider.close();
  });

  test.each(["file", "folder"])(
    "refuses a read-only %s, as a user without rights",
    async (what) => {
      const store = await StoreUnderTest.open("file");
      await store.provider.close();
      const folder = join(store.file!, "..");
      chmodSync(folder, what === "folder" ? 0o555 : 0o777);
      chmodSync(store.file!, what === "file" ? 0o444 : 0o666);
      const before = readFileSync(store.file!);
      // The superuser may write everything, so it lends its place to nobody.
      const isRoot = process.getuid?.() === 0;
      const neighbour = new Neighbour(store.file!, isRoot ? "nobody" : "same");
      expect(await neighbour.opened).toMatchObject({
        error: {
          code: "store_read_only",
          message: expect.stringContaining(
            `the ${what} "${what === "file" ? store.file! : folder}"`,
          ),
        },
      });
      chmodSync(folder, 0o777);
      expect(readFileSync(store.file!).equals(before)).toBe(true);
    },
  );

  test("refuses a file that SQLite finds read-only", async () => {
    const faults = await createFaults();
    faults.failOnce(8, "journal_mode");
    const file = join(temporaryFolder(), "store.db");
    await expect(SqliteProvider.open(file, { binding: faults.binding })).rejects.toMatchObject({
      code: "store_read_only",
      retryable: false,
      details: { resultCode: 8 },
    });
  });

  test("gives up on a file that stays locked for longer than busyTimeout, and no sooner", async () => {
    const file = join(temporaryFolder(), "store.db");
    const locker = await rawDatabase(file);
    locker.exec("begin exclusive; create table t (x)");
    const error = await openError(file);
    expect(error).toMatchObject({ code: "store_busy", retryable: true });
    expect(error.text).toMatchInlineSnapshot(
      `"Cannot open store "<folder>/store.db": another process or connection holds its lock; end its transaction, or raise busyTimeout"`,
    );
    const opening = SqliteProvider.open(file);
    locker.exec("rollback");
    locker.close();
    await (await opening).close();
  });

  test("says what to install when there is no binding", async () => {
    const missing = Object.assign(new Error("Cannot find package '@photostructure/sqlite'"), {
      code: "ERR_MODULE_NOT_FOUND",
    });
    const none = findBinding({
      builtIn: () => undefined,
      installed: () => Promise.reject(missing),
      fromProgram: () => {
        throw missing;
      },
    });
    await expect(none).rejects.toMatchObject({ code: "sqlite_binding_missing" });
    await expect(none).rejects.toThrow("run `npm install @photostructure/sqlite`");
  });

  test("prefers the binding that is built in", async () => {
    const builtIn = await findBinding();
    const installed = (): Promise<never> => Promise.reject(new Error("not needed"));
    expect(await findBinding({ builtIn: () => builtIn, installed })).toBe(builtIn);
  });

  test("accepts a binding as a module, as its class, and of better-sqlite3's shape", async () => {
    const inner = await findBinding();
    const spellings: unknown[] = [];
    // Throws, as better-sqlite3 does, at an option that is spelled like node:sqlite's.
    function Database(file: string, options?: Record<string, unknown>): SqliteDatabase {
      if (options !== undefined) spellings.push(...Object.keys(options));
      return openDatabase(inner, file, options?.["readonly"] === true);
    }
    const file = join(temporaryFolder(), "store.db");
    const constructor = Database as unknown as new (file: string) => SqliteDatabase;
    for (const binding of [inner, constructor, { default: constructor }]) {
      const provider = await SqliteProvider.open(file, { binding });
      expect(await provider.listNodes()).toEqual([]);
      await provider.close();
    }
    expect(new Set(spellings)).toEqual(new Set(["readonly"]));
  });

  test("refuses options that are no durations", async () => {
    await expect(SqliteProvider.inMemory({ busyTimeout: -1 })).rejects.toMatchObject({
      code: "invalid_duration",
    });
  });
});
