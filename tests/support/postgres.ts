/** Databases for tests, each a copy of a template with the store's tables in it. */

import pg from "pg";

/** Where `postgres-server.ts` says which server there is. */
export const SERVER_VARIABLE = "DUROXIDE_TEST_POSTGRES";
/** The database that is copied. */
export const TEMPLATE = "duroxide_template";

let count = 0;
/** Databases of this process that are empty again. */
const free: string[] = [];

/** A database with empty tables of the store. @returns Its URL */
export async function freshDatabase(): Promise<string> {
  const known = free.pop();
  if (known !== undefined) return known;
  count += 1;
  const name = `t_${process.pid}_${Date.now().toString(36)}_${count}`;
  await asAdmin(async (admin) => {
    // A template that somebody is connected to cannot be copied: wait for others who copy it.
    await admin.query("select pg_advisory_lock(7305)");
    await admin.query(`create database ${name} template ${TEMPLATE} strategy file_copy`);
  });
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.href;
}

/** Empties a database for the next test, and ends whatever still uses it. */
export async function recycleDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`
      select pg_terminate_backend(pid)
      from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`);
    await client.query(`
      truncate duroxide.nodes, duroxide.node_code, duroxide.writers, duroxide.instances,
        duroxide.executions, duroxide.history, duroxide.messages, duroxide.timers,
        duroxide.activities, duroxide.key_values, duroxide.key_value_changes`);
    free.push(url);
  } finally {
    await client.end();
  }
}

export function serverUrl(): string {
  const url = process.env[SERVER_VARIABLE];
  if (url === undefined)
    throw new Error("There is no PostgreSQL server: run the tests with vitest");
  return url;
}

async function asAdmin(work: (admin: pg.Client) => Promise<unknown>): Promise<void> {
  const admin = new pg.Client({ connectionString: serverUrl() });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
