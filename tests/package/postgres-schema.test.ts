/** Pages about PostgreSQL name what a real database holds. */

import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";

import { firstCodes, readPage, rowsOf, sectionOf } from "../support/markdown.ts";
import { freshDatabase } from "../support/postgres.ts";

interface Relation {
  readonly name: string;
  readonly kind: "r" | "v" | "i";
  readonly columns: readonly string[];
}

const page = readPage("docs/reference/schema-postgres.md");
const distributed = readPage("docs/operations/distributed.md");

let relations: readonly Relation[];
let functions: readonly string[];
/** Each function with its head and its body. */
let definitions: readonly string[];

beforeAll(async () => {
  const client = new pg.Client({ connectionString: await freshDatabase() });
  await client.connect();
  const found = await client.query<Relation>(`
    select c.relname as name, c.relkind::text as kind, array(
      select a.attname || ' ' || replace(format_type(a.atttypid, null), 'timestamp with time zone', 'timestamptz')
      from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 order by a.attnum
    ) as columns
    from pg_class c
    where c.relnamespace = 'duroxide'::regnamespace and c.relkind in ('r', 'v', 'i')
    order by 1`);
  relations = found.rows;
  const { rows } = await client.query<{ name: string; definition: string }>(`
    select proname as name, pg_get_functiondef(oid) as definition
    from pg_proc where pronamespace = 'duroxide'::regnamespace`);
  functions = rows.map(({ name }) => name);
  definitions = rows.map(({ definition }) => definition);
  await client.end();
});

/** The tables below the headings of a part, by heading. */
function documented(part: string): { name: string; columns: string[] }[] {
  const text = sectionOf(page, part);
  const names = [...text.matchAll(/^### `(\w+)`$/gm)].map(([, name]) => name as string);
  return names.map((name) => ({
    name,
    columns: rowsOf(sectionOf(text, `\`${name}\``)).map(
      ([column, type]) => `${column?.replaceAll("`", "")} ${type}`,
    ),
  }));
}

describe("schema-postgres.md", () => {
  test.each([
    ["Tables", "r"],
    ["Views", "v"],
  ])("%s: has each with its columns and their types", (part, kind) => {
    const real = relations.filter((it) => it.kind === kind);
    expect(documented(part).toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
      real.map(({ name, columns }) => ({ name, columns })),
    );
  });

  test("has each index", () => {
    const real = relations.filter(({ kind }) => kind === "i").map(({ name }) => name);
    expect(firstCodes(rowsOf(sectionOf(page, "Indexes"))).toSorted()).toEqual(real);
  });
});

describe("distributed.md", () => {
  test("says of each function which instances it touches", () => {
    const listed = firstCodes(rowsOf(sectionOf(distributed, "Functions")));
    expect(listed.toSorted()).toEqual(functions.toSorted());
  });

  test("says of each statement which instances it touches", () => {
    const source = ["statements", "executions", "listing", "transactions"]
      .map((file) => readPage(`src/providers/postgres/${file}.ts`))
      .join("\n");
    const constants = [
      ...source.matchAll(/^(?:export )?const ([A-Z_]+)(?:: string)? =\s+(?:["`]|ROWS)/gm),
    ]
      .map(([, name]) => name as string)
      .filter((name) => !["RANGE", "NEWEST_FIRST", "ROWS"].includes(name));
    const listed = firstCodes(rowsOf(sectionOf(distributed, "Statements of the provider")));
    expect(listed.toSorted()).toEqual(constants.toSorted());
  });
});

test("F54 what a loop collects is an array: to append to JSON copies all that is there", () => {
  const appended = definitions.flatMap((definition) =>
    [...definition.matchAll(/\bloop\b(.*?)\bend loop\b/gs)]
      .flatMap(([, body]) => [...(body ?? "").matchAll(/\b(\w+) := \1\s*\|\|/g)])
      .map(([, name]) => ({ name: name ?? "", definition })),
  );
  expect(appended.length).toBeGreaterThan(4);
  const notArrays = appended.filter(
    ({ name, definition }) => !new RegExp(`\\b${name} \\w+\\[\\]`).test(definition),
  );
  expect(notArrays.map(({ name }) => name)).toEqual([]);
});
