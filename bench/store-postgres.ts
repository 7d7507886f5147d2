/** PostgreSQL schemas as they are measured, and what only raw access to them can do. */

import { setTimeout as sleep } from "node:timers/promises";

import { type PgPool, PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";

import { StoreHub } from "#internal/provider/hub";
import type { StoreCounts } from "../tests/support/counting-sqlite.ts";
import { startServer } from "../tests/support/postgres-server.ts";
import { measurePostgresFloor, writeRawPostgres } from "./floor-postgres.ts";
import { BadOption, type Durability } from "./options.ts";
import type { BenchStore, StoreKind, StoreWishes, WriteWatch } from "./store.ts";

const CONNECTIONS = 8;
/** Sessions report their rows at most once a second. */
const STATISTICS_MS = 1_200;

/** Opens `url#schema`. */
export function openPostgres(location: string): Promise<PostgresProvider> {
  const { url, schema } = split(location);
  return PostgresProvider.connect(url, { schema });
}

function split(location: string): { readonly url: string; readonly schema: string } {
  const url = new URL(location);
  const schema = url.hash.slice(1);
  url.hash = "";
  return { url: url.href, schema };
}

export async function createPostgresKind(folder: string): Promise<StoreKind> {
  const given = process.env["DUROXIDE_POSTGRES_URL"];
  // No flags: what is acknowledged has to be on the disk.
  const server = given === undefined ? await startServer([], folder) : undefined;
  const url = given ?? server?.url ?? "";
  const admin = await connect(url);
  const prefix = `bench_${process.pid}`;
  let createdCount = 0;
  return {
    name: "postgres",
    folder: server?.folder,
    describe: async () => {
      const settings = ["fsync", "synchronous_commit"] as const;
      const values = await Promise.all(settings.map((it) => readSetting(admin, it)));
      const version = await readSetting(admin, "server_version");
      return (
        `PostgreSQL ${version}${server === undefined ? "" : " (embedded)"}, ` +
        settings.map((it, i) => `${it} ${values[i]}`).join(", ")
      );
    },
    measureFloor: async (durability, isQuick) => {
      if (durability === "full") await assertDurable(admin);
      return await withClient(toSession(url, durability), (client) =>
        measurePostgresFloor(client, isQuick),
      );
    },
    writeRaw: (durability, load) =>
      withClient(toSession(url, durability), (client) => writeRawPostgres(client, load)),
    create: (durability, wishes) => {
      createdCount += 1;
      const location = `${toSession(url, durability)}#${prefix}_${createdCount}`;
      return createStore(admin, { location, durability }, wishes);
    },
    fillInstances: ({ location }, count) => fillInstances(admin, split(location).schema, count),
    watchWrites: () => watchWrites(admin),
    close: async () => {
      await admin.end();
      await server?.stop();
    },
  };
}

async function readSetting(client: pg.Client, name: string): Promise<string> {
  const { rows } = await client.query<{ value: string }>("select current_setting($1) as value", [
    name,
  ]);
  return rows[0]?.value ?? "?";
}

/** What is called durable has to reach the disk of the server. */
async function assertDurable(client: pg.Client): Promise<void> {
  for (const name of ["fsync", "synchronous_commit"]) {
    if ((await readSetting(client, name)) !== "off") continue;
    throw new BadOption(
      `Cannot measure durability full: the server has ${name} off; turn it on, or pass --durability process`,
    );
  }
}

/** The same server, whose commits do not wait for the disk where that is not wanted. */
function toSession(url: string, durability: Durability): string {
  if (durability === "full") return url;
  const session = new URL(url);
  session.searchParams.set("options", "-c synchronous_commit=off");
  return session.href;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function createStore(
  admin: pg.Client,
  { location, durability }: { readonly location: string; readonly durability: Durability },
  wishes: StoreWishes,
): Promise<BenchStore> {
  const { url, schema } = split(location);
  const counted = wishes.isCounted === true ? createCountedPool(url) : undefined;
  const provider = await PostgresProvider.connect(counted?.asked ?? url, { schema });
  const { pipeline } = StoreHub.of(provider);
  return {
    provider,
    address: { store: "postgres", location, durability },
    commitCount: () => pipeline.commitCount,
    statementCount: () => counted?.statementCount(),
    counts: async () =>
      counted && {
        statements: counted.statementCount(),
        commits: pipeline.commitCount,
        ...(await readRowCounts(admin, schema)),
      },
    close: async () => {
      await provider.close();
      await counted?.pool.end();
      const { rows } = await admin.query<{ bytes: string }>(
        `select coalesce(sum(pg_total_relation_size(c.oid)), 0) as bytes
from pg_class c
where c.relnamespace = $1::regnamespace
  and c.relkind = 'r'`,
        [schema],
      );
      await admin.query(`drop schema ${schema} cascade`);
      return Number(rows[0]?.bytes ?? 0);
    },
  };
}

function createCountedPool(url: string) {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
  let statements = 0;
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...values: unknown[]) => unknown;
    Object.assign(client, {
      query: (...values: unknown[]) => {
        statements += 1;
        return query(...values);
      },
    });
  });
  return { pool, asked: pool as unknown as PgPool, statementCount: () => statements };
}

async function readRowCounts(
  admin: pg.Client,
  schema: string,
): Promise<Pick<StoreCounts, "rowsWritten" | "rowsRead">> {
  await sleep(STATISTICS_MS);
  const { rows } = await admin.query<{ written: string; read: string }>(
    `select sum(n_tup_ins + n_tup_upd + n_tup_del) as written,
  sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) as read
from pg_stat_user_tables
where schemaname = $1`,
    [schema],
  );
  return { rowsWritten: Number(rows[0]?.written ?? 0), rowsRead: Number(rows[0]?.read ?? 0) };
}

async function fillInstances(admin: pg.Client, schema: string, count: number): Promise<void> {
  await admin.query(
    `
insert into ${schema}.instances (
  id, name, version, run_id, status, execution, epoch, crashes, retry_ms, created_ms,
  custom_status_version, output
)
select format('order-%s-%s', lpad(((n::bigint * 7919) % 10000)::text, 4, '0'), n), 'Name' || (n % 10),
  '1.0.0', 'run-' || n,
  (array['Completed', 'Completed', 'Completed', 'Failed', 'Canceled', 'Running'])[1 + (n / 10) % 6],
  1, 1, 0, 0, 1700000000000 + n, 0, '"done"'
from generate_series(0, $1::int - 1) n`,
    [count],
  );
  await admin.query(`
insert into ${schema}.history (
  instance, execution, first_event_id, last_event_id, event_count, at_ms, format, data
)
select seq, 1, 1, 2, 2, created_ms, 1, '[["os",1,"Name","1.0.0",null,"order",1,"run"],["oc",2]]'
from ${schema}.instances
where run_id like 'run-%'`);
  await admin.query(`analyze ${schema}.instances`);
}

/** Counts every statement and transaction of the database but our own: it has no other users. */
async function watchWrites(admin: pg.Client): Promise<WriteWatch> {
  const read = async (): Promise<number> => {
    await sleep(STATISTICS_MS);
    const { rows } = await admin.query<{ count: string }>(
      "select xact_commit + xact_rollback as count from pg_stat_database where datname = current_database()",
    );
    return Number(rows[0]?.count ?? 0);
  };
  let seen = await read();
  return {
    take: async () => {
      const now = await read();
      // One of them is the question itself.
      const taken = Math.max(0, now - seen - 1);
      seen = now;
      return taken;
    },
    close: () => Promise.resolve(),
  };
}
