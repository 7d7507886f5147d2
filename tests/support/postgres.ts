/** Databases for tests, each a copy of a template with the store's tables in it. */

import pg from "pg";

/** Where `postgres-server.ts` says which server there is. */
export const SERVER_VARIABLE = "DUROXIDE_TEST_POSTGRES";
/** The database that is copied. */
export const TEMPLATE = "duroxide_template";

let count = 0;

/** Makes a database with empty tables of the store. @returns Its URL */
export async function freshDatabase(): Promise<string> {
  count += 1;
  const name = `t_${process.pid}_${Date.now().toString(36)}_${count}`;
  await asAdmin((admin) =>
    admin.query(`create database ${name} template ${TEMPLATE} strategy file_copy`),
  );
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.href;
}

/** Removes a database, whoever still uses it. */
export async function dropDatabase(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await asAdmin((admin) => admin.query(`drop database if exists ${name} with (force)`));
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
    // A template that somebody is connected to cannot be copied: wait for others who copy it.
    await admin.query("select pg_advisory_lock(7305)");
    await work(admin);
  } finally {
    await admin.end();
  }
}
