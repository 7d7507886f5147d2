/** What is passed in place of a pool, and what of a transaction: each is refused at the door. */

import { inspect } from "node:util";

import { UsageError } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";

import { freshDatabase } from "../support/postgres.ts";

const SECRET = "s3cr3t-w0rd";
const URL_OF_NONE = `postgres://app:${SECRET}@127.0.0.1:1/shop`;

async function openClient(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: await freshDatabase() });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

async function endedPool(): Promise<pg.Pool> {
  const pool = new pg.Pool({ connectionString: URL_OF_NONE });
  await pool.end();
  return pool;
}

async function takenClient(): Promise<pg.PoolClient> {
  const pool = new pg.Pool({ connectionString: await freshDatabase() });
  onTestFinished(() => pool.end());
  const client = await pool.connect();
  onTestFinished(() => {
    client.release();
  });
  return client;
}

/** As postgres.js and Knex are: functions with methods. */
function callable(...methods: string[]): object {
  return Object.assign(
    () => undefined,
    Object.fromEntries(methods.map((name) => [name, () => undefined])),
  );
}

describe("F41 F52 PostgresProvider.connect() refuses at the door", () => {
  test.each<[string, () => unknown]>([
    ["a client", () => new pg.Client(URL_OF_NONE)],
    ["a client that is connected", openClient],
    ["a client that was taken from a pool", takenClient],
    ["a pool that has been ended", endedPool],
    ["a connection of postgres.js", () => callable("unsafe", "begin", "end", "listen")],
    ["an instance of Knex", () => callable("raw", "on", "destroy", "transaction")],
    ["a client of Prisma", () => ({ $connect: () => {}, $transaction: () => {}, $on: () => {} })],
    ["a database of Drizzle", () => ({ $client: new pg.Pool(), select: () => {} })],
    ["a URL object", () => new URL(URL_OF_NONE)],
    ["a configuration", () => ({ connectionString: URL_OF_NONE })],
    ["an object of another class", () => new Map()],
    ["an object that only connects", () => ({ connect: () => {} })],
  ])("%s", async (_, make) => {
    const target = await make();
    const error: unknown = await PostgresProvider.connect(target as string, {
      queryTimeout: "2s",
    }).then(
      (store) => store.close(),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(UsageError);
    expect(inspect(error)).not.toContain(SECRET);
    expect(error).toMatchObject({ code: "invalid_argument" });
    expect((error as Error).message).toMatchSnapshot();
  });
});

test("F41 a pool that is ended before its store says so", async () => {
  const pool = new pg.Pool({ connectionString: await freshDatabase() });
  const store = await PostgresProvider.connect(pool);
  onTestFinished(() => store.close());
  await pool.end();
  await expect(store.listNodes()).rejects.toMatchObject({
    code: "closed",
    message: expect.stringMatching(
      /^Cannot use schema "duroxide" .*: its pool has been ended; end a pool after the store is closed$/,
    ) as string,
  });
});
