import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";

import { freshDatabase } from "../../../tests/support/postgres.ts";
import { PostgresProvider } from "./index.ts";
import { migrate, type Migration, MIGRATIONS } from "./migrate.ts";

const added: Migration = {
  number: 2,
  name: "added",
  kind: "compatible",
  sql: "create table @.added (x integer);",
};
const two = [...MIGRATIONS, added];

/** A database without the store's tables, unless they are asked for. */
async function database(hasTables = false): Promise<{ url: string; client: pg.Client }> {
  const url = await freshDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  if (!hasTables) await client.query("drop schema duroxide cascade");
  return { url, client };
}

async function open(url: string, options?: Parameters<typeof PostgresProvider.connect>[1]) {
  const store = await PostgresProvider.connect(url, options);
  onTestFinished(() => store.close());
  return store;
}

const target = { schema: "duroxide", subject: 'schema "duroxide"', mayMigrate: true };

async function stepsOf(client: pg.Client, schema = "duroxide"): Promise<string[]> {
  const { rows } = await client.query<{ step: string }>(
    `select number || ' ' || name || ' ' || kind as step from "${schema}".migrations order by number`,
  );
  return rows.map(({ step }) => step);
}

describe("migrate()", () => {
  test("numbers its steps from 1 without gaps", () => {
    expect(MIGRATIONS.map((step) => step.number)).toEqual(MIGRATIONS.map((_, i) => i + 1));
  });

  test("applies each step once, however many open an empty database at once", async () => {
    const { url, client } = await database();
    await Promise.all(Array.from({ length: 6 }, () => open(url)));
    expect(await stepsOf(client)).toEqual(["1 initial breaking"]);
  });

  test("applies only what is new", async () => {
    const { client } = await database(true);
    await migrate(client, { ...target, migrations: two });
    await migrate(client, { ...target, migrations: two });
    expect(await stepsOf(client)).toEqual(["1 initial breaking", "2 added compatible"]);
  });

  test("leaves nothing of a step that fails", async () => {
    const { client } = await database();
    const broken = { ...added, sql: `${added.sql} select 1 / 0;` };
    const failing = migrate(client, { ...target, migrations: [...MIGRATIONS, broken] });
    await expect(failing).rejects.toMatchObject({ code: "22012" });
    const { rows } = await client.query("select to_regnamespace('duroxide') as found");
    expect(rows).toEqual([{ found: null }]);
  });

  test.each([["without tables"], ["of an older version"]])(
    "with `migrate: false` refuses a schema %s, and changes nothing",
    async (state) => {
      const { client } = await database(state === "of an older version");
      const failing = migrate(client, { ...target, mayMigrate: false, migrations: two });
      await expect(failing).rejects.toMatchObject({ code: "store_not_found", retryable: false });
      const { rows } = await client.query("select to_regclass('duroxide.added') as found");
      expect(rows).toEqual([{ found: null }]);
    },
  );

  test("says who has to do what when it may not migrate", async () => {
    const { url } = await database();
    await expect(open(url, { migrate: false })).rejects.toThrow(
      `its tables are at step 0 of 1 and \`migrate\` is false; let an administrator run PostgresProvider.migrationScript()`,
    );
  });

  test("goes on with a newer schema whose steps are compatible", async () => {
    const { url, client } = await database(true);
    await migrate(client, { ...target, migrations: two });
    const store = await open(url);
    expect(await store.listInstances({ limit: 1 })).toEqual({ rows: [] });
    expect(await stepsOf(client)).toHaveLength(2);
  });

  test("refuses a newer schema with a breaking step", async () => {
    const { url, client } = await database(true);
    const breaking: Migration = { ...added, kind: "breaking" };
    await migrate(client, { ...target, migrations: [...MIGRATIONS, breaking] });
    const failing = open(url);
    await expect(failing).rejects.toMatchObject({ code: "store_too_new", retryable: false });
    await expect(failing).rejects.toThrow(
      `its tables are at step 2 and this version of duroxide-ts knows 1; install the version that migrated them, or a newer one`,
    );
  });

  test("refuses a schema with tables of another program, and does not touch it", async () => {
    const { url, client } = await database();
    await client.query(
      "create schema duroxide create table instances (x integer); insert into duroxide.instances values (7)",
    );
    const failing = open(url);
    await expect(failing).rejects.toMatchObject({ code: "store_not_ours", retryable: false });
    await expect(failing).rejects.toThrow(
      `it holds tables or functions of another program; choose another schema`,
    );
    const { rows } = await client.query("select * from duroxide.instances");
    expect(rows).toEqual([{ x: 7 }]);
    const { rows: tables } = await client.query(
      "select count(*)::integer as n from pg_class where relnamespace = 'duroxide'::regnamespace",
    );
    expect(tables).toEqual([{ n: 1 }]);
  });

  test("refuses a table of migrations that is another program's", async () => {
    const { url, client } = await database();
    await client.query("create schema duroxide create table migrations (version text)");
    await expect(open(url)).rejects.toMatchObject({ code: "store_not_ours", retryable: false });
  });

  test("keeps two schemas of one database apart", async () => {
    const { url, client } = await database();
    const first = await open(url, { schema: "First" });
    const second = await open(url, { schema: "second_2" });
    const node = { label: "n", leaseMs: 1000, code: undefined };
    await first.registerNode(node);
    expect(await first.listNodes()).toHaveLength(1);
    expect(await second.listNodes()).toEqual([]);
    expect(await stepsOf(client, "First")).toEqual(await stepsOf(client, "second_2"));
  });
});

describe("PostgresProvider.migrationScript()", () => {
  test("makes what connect() makes", async () => {
    const byScript = await database();
    await byScript.client.query(PostgresProvider.migrationScript());
    const byOpening = await database();
    await open(byOpening.url);
    const facts = `
      select c.relname as name, c.relkind::text as kind from pg_class c
      where c.relnamespace = 'duroxide'::regnamespace
      union all
      select p.proname, 'f' from pg_proc p where p.pronamespace = 'duroxide'::regnamespace
      order by 1, 2`;
    const { rows } = await byScript.client.query(facts);
    expect(rows.length).toBeGreaterThan(50);
    expect(rows).toEqual((await byOpening.client.query(facts)).rows);
  });

  test("quotes a role, and refuses a schema that is no name", () => {
    expect(PostgresProvider.migrationScript({ role: 'a"b' })).toContain('to "a""b";');
    expect(PostgresProvider.migrationScript({ role: "app@x.iam$&" })).toContain(
      'grant usage on schema "duroxide" to "app@x.iam$&";',
    );
    expect(() => PostgresProvider.migrationScript({ schema: 'x"; drop' })).toThrow(
      /Cannot use the schema/,
    );
  });
});
