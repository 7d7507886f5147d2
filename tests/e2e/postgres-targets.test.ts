/** What is passed in place of a pool, and what of a transaction: each is refused at the door. */

import { inspect } from "node:util";

import { Client, defineOrchestration, UsageError } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";
import { describe, expect, onTestFinished, test, vi } from "vitest";

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

const echo = defineOrchestration("Echo", async (_ctx, text: string) => text);

interface World {
  readonly pool: pg.Pool;
  readonly client: Client;
}

async function openWorld(): Promise<World> {
  const pool = new pg.Pool({ connectionString: await freshDatabase() });
  onTestFinished(() => pool.end());
  const store = await PostgresProvider.connect(pool);
  onTestFinished(() => store.close());
  const client = new Client(store);
  await client.startOrchestration("there", echo, "x");
  return { pool, client };
}

/** A driver that does not say how its transaction stands, as older ones do not. */
function silent(client: pg.PoolClient): object {
  return { query: client.query.bind(client), release: client.release.bind(client) };
}

/** Every operation that takes a transaction. */
const OPERATIONS: Readonly<
  Record<string, (client: Client, options: { transaction: object }) => Promise<unknown>>
> = {
  startOrchestration: (client, options) => client.startOrchestration("new", echo, "x", options),
  raiseEvent: (client, options) => client.raiseEvent("there", "Go", 1, options),
  enqueueEvent: (client, options) => client.enqueueEvent("there", "Inbox", 1, options),
  cancelInstance: (client, options) => client.cancelInstance("there", "enough", options),
};

/** The ids of instances, and how many messages wait. */
async function contentOf({ pool }: World): Promise<unknown> {
  const { rows } = await pool.query(`
    select
      (select array_agg(id order by id) from duroxide.instances) as ids,
      (select count(*)::integer from duroxide.messages) as messages`);
  return rows[0];
}

describe.each(Object.keys(OPERATIONS))("G1 { transaction } of %s()", (name) => {
  const call = OPERATIONS[name]!;

  test.each<[string, RegExp, (client: pg.PoolClient, world: World) => object | Promise<object>]>([
    ["a pool", /^Cannot use a pool as a transaction: /, (_, { pool }) => pool],
    [
      "a pool that does not look like one",
      /^Cannot use the client as a transaction: none is open on it/,
      (_, { pool }) => ({ query: pool.query.bind(pool) }),
    ],
    [
      "a client without `begin`",
      /^Cannot use the client as a transaction: none is open on it/,
      (client) => client,
    ],
    [
      "a client without `begin` whose driver does not say so",
      /^Cannot use the client as a transaction: none is open on it/,
      silent,
    ],
    [
      "a client after `commit`",
      /^Cannot use the client as a transaction: none is open on it/,
      async (client) => {
        await client.query("begin");
        await client.query("commit");
        return client;
      },
    ],
    [
      "a client with `commit` under way",
      /^Cannot use the client as a transaction: none is open on it/,
      async (client) => {
        await client.query("begin");
        void client.query("commit");
        return client;
      },
    ],
    [
      "a transaction that has failed",
      /^Cannot go on with the transaction: one of its statements has failed/,
      async (client) => {
        await client.query("begin");
        await client.query("select nothing").catch(() => undefined);
        return client;
      },
    ],
  ])("refuses %s, and writes nothing", async (_, message, make) => {
    const world = await openWorld();
    const before = await contentOf(world);
    const client = await world.pool.connect();
    try {
      const transaction = await make(client, world);
      const error: unknown = await call(world.client, { transaction }).catch(
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(UsageError);
      expect(error).toMatchObject({
        code: "invalid_argument",
        message: expect.stringMatching(message) as string,
      });
    } finally {
      client.release(true);
    }
    expect(await contentOf(world)).toEqual(before);
  });

  test.each<[string, number, (client: pg.PoolClient) => object]>([
    ["a client with `begin`", 0, (client) => client],
    ["a client whose driver does not say so", 1, silent],
  ])("lands with %s or not at all, for %i statements more", async (_, askCount, make) => {
    const world = await openWorld();
    const before = await contentOf(world);
    const client = await world.pool.connect();
    try {
      await client.query("begin");
      const query = vi.spyOn(client, "query");
      await call(world.client, { transaction: make(client) });
      expect(query).toHaveBeenCalledTimes(1 + askCount);
      await client.query("rollback");
      expect(await contentOf(world)).toEqual(before);
      void client.query("begin"); // Under way when the operation is asked for.
      await call(world.client, { transaction: make(client) });
      await client.query("commit");
      expect(await contentOf(world)).not.toEqual(before);
    } finally {
      client.release();
    }
  });
});
