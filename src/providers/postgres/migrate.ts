/**
 * Brings a schema of the database to this version, in numbered steps.
 *
 * I1. A step is applied once, under an advisory lock: any number of processes may open at once.
 * I2. A schema that is not ours is never changed. Ours list their steps in `migrations`.
 * I3. A schema of a newer version is used only if every step that we do not know is marked
 *     `compatible`.
 */

import { ProviderError } from "../../provider/errors.ts";
import type { PgClient } from "./driver.ts";
import { initial } from "./schema/0001-initial.ts";
import { sqlStateOf } from "./store-errors.ts";

/** One step of the schema; `@` stands for the quoted schema name in its text. */
export interface Migration {
  /** Counted from 1 without gaps. */
  readonly number: number;
  readonly name: string;
  /** Whether versions that do not know the step may go on using the schema. */
  readonly kind: "compatible" | "breaking";
  readonly sql: string;
}

/** Every step, in order; append only. */
export const MIGRATIONS: readonly Migration[] = [initial];

type Queryable = Pick<PgClient, "query">;

/** What is migrated. */
export interface MigrationTarget {
  readonly schema: string;
  /** The store in error messages, such as `schema "duroxide"`. */
  readonly subject: string;
  readonly mayMigrate: boolean;
  readonly migrations?: readonly Migration[] | undefined;
}

const CREATE_MIGRATIONS = `
create table if not exists @.migrations (
  number integer primary key,
  name text not null,
  kind text not null check (kind in ('compatible', 'breaking')),
  applied_at timestamptz not null default clock_timestamp()
);
`;

/**
 * Reads the catalog as a table: what resolves a name, as `to_regclass` does, may answer from before
 * another process has migrated.
 */
const FIND_MIGRATIONS = `
select count(*) filter (where a.attname in ('number', 'name', 'kind')) = 3 as is_ours
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0
where n.nspname = $1::text
  and c.relname = 'migrations'
group by c.oid`;

const DUPLICATES: ReadonlySet<string | undefined> = new Set(["42P07", "42723", "42710"]);

/** Puts the name of the schema, and that of its channel, where the text says `@`. */
export function inSchema(sql: string, schema: string): string {
  return sql.replaceAll("@channel", channelOf(schema)).replaceAll("@", `"${schema}"`);
}

/** The channel of a schema's notifications. */
export function channelOf(schema: string): string {
  return `duroxide_${schema}`;
}

/**
 * Applies the steps that the schema lacks.
 *
 * @throws ProviderError `store_not_ours`, `store_too_new`, `store_not_found` when it may not migrate;
 *   what the driver throws
 */
export async function migrate(client: Queryable, target: MigrationTarget): Promise<void> {
  const { migrations = MIGRATIONS, mayMigrate, schema, subject } = target;
  const known = await readVersion(client, target, migrations);
  if (known >= migrations.length) return;
  if (!mayMigrate) {
    throw new ProviderError(
      "store_not_found",
      `Cannot use ${subject}: its tables are at step ${known} of ${migrations.length} and \`migrate\` is false; ` +
        "let an administrator run PostgresProvider.migrationScript()",
      { retryable: false, details: { schema: known, known: migrations.length } },
    );
  }
  await client.query({ text: "begin isolation level read committed" });
  try {
    await client.query({
      text: "select pg_advisory_xact_lock(hashtextextended($1, 0))",
      values: [`duroxide-ts migrate ${schema}`],
    });
    // Another process may have been faster.
    const version = await readVersion(client, target, migrations);
    if (version === 0) await client.query({ text: `create schema if not exists "${schema}"` });
    await client.query({ text: stepsFrom(version, schema, migrations) });
    await client.query({ text: "commit" });
  } catch (error) {
    await client.query({ text: "rollback" }).catch(() => undefined);
    if (DUPLICATES.has(sqlStateOf(error))) throw notOurs(subject, error);
    throw error;
  }
}

/** @returns The number of the last step; 0 for a schema that is empty or not there */
async function readVersion(
  client: Queryable,
  { schema, subject }: MigrationTarget,
  migrations: readonly Migration[],
): Promise<number> {
  const { rows: found } = await client.query({ text: FIND_MIGRATIONS, values: [schema] });
  if (found.length === 0) return 0;
  if (found[0]?.["is_ours"] !== true) throw notOurs(subject);
  const { rows } = await client.query({
    text: inSchema(
      `select coalesce(max(number), 0) as version,
         coalesce(bool_or(number > $1 and kind <> 'compatible'), false) as is_too_new
       from @.migrations`,
      schema,
    ),
    values: [migrations.length],
  });
  const version = Number(rows[0]?.["version"]);
  if (rows[0]?.["is_too_new"] !== true) return version;
  throw new ProviderError(
    "store_too_new",
    `Cannot use ${subject}: its tables are at step ${version} and this version of duroxide-ts knows ` +
      `${migrations.length}; install the version that migrated them, or a newer one`,
    { retryable: false, details: { schema: version, known: migrations.length } },
  );
}

function stepsFrom(version: number, schema: string, migrations: readonly Migration[]): string {
  const steps = migrations.slice(version).map(
    ({ number, name, kind, sql }) => `${sql}
insert into @.migrations (number, name, kind) values (${number}, '${name}', '${kind}');
`,
  );
  return inSchema(CREATE_MIGRATIONS + steps.join("\n"), schema);
}

function notOurs(subject: string, cause?: unknown): ProviderError {
  return new ProviderError(
    "store_not_ours",
    `Cannot use ${subject}: it holds tables or functions of another program; choose another schema`,
    { retryable: false, ...(cause !== undefined && { cause }) },
  );
}

/**
 * The text that an administrator runs for a user who may not create tables.
 *
 * @param role - The database user of the application; gets exactly the rights that it needs
 */
export function toScript(
  schema: string,
  role: string | undefined,
  migrations: readonly Migration[] = MIGRATIONS,
): string {
  const grants =
    role === undefined
      ? ""
      : `
grant usage on schema @ to %ROLE%;
grant select, insert, update, delete on all tables in schema @ to %ROLE%;
revoke insert, update, delete on @.migrations from %ROLE%;
grant usage, select on all sequences in schema @ to %ROLE%;
grant execute on all functions in schema @ to %ROLE%;
`;
  // The role last: its name may hold what stands for something else.
  const toRole = (sql: string): string => sql.replaceAll("%ROLE%", () => quote(role ?? ""));
  return `-- duroxide-ts: tables, views and functions of schema ${schema}, step ${migrations.length}.
begin;
create schema if not exists "${schema}";
${stepsFrom(0, schema, migrations)}${toRole(inSchema(grants, schema))}
commit;
`;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
