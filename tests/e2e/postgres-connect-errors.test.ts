/** F41: what a connection error says: what was tried, why it failed, what to do, and never the password. */

import { createServer, type Server } from "node:net";
import { inspect } from "node:util";

import { ProviderError, UsageError } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import { freshDatabase } from "../support/postgres.ts";
import { startProxy } from "../support/postgres-proxy.ts";

const SECRET = "s3cr3t-w0rd";

async function refusalOf(
  target: unknown,
  options: Parameters<typeof PostgresProvider.connect>[1] = { queryTimeout: "2s" },
): Promise<ProviderError | UsageError> {
  try {
    const store = await PostgresProvider.connect(target as string, options);
    await store.close();
  } catch (error) {
    if (!(error instanceof ProviderError || error instanceof UsageError)) throw error;
    expect(inspect(error, { depth: 10 }) + JSON.stringify(error)).not.toContain(SECRET);
    return error;
  }
  throw new Error("The store was opened");
}

/** Where it was, in words that do not change from run to run. */
function messageOf({ message }: Error, url: string): string {
  const { port, pathname } = new URL(url);
  return message.replaceAll(port, "PORT").replaceAll(pathname.slice(1), "DATABASE");
}

function change(url: string, part: Partial<URL>): string {
  return Object.assign(new URL(url), part).href;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => void server.close());
  const address = server.address() as { readonly port: number };
  return `postgres://app:${SECRET}@127.0.0.1:${address.port}/shop`;
}

async function asAdmin(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

async function makeRole(url: string): Promise<string> {
  const role = `guest_${Date.now().toString(36)}`;
  await asAdmin(url, `create role ${role} login password '${SECRET}'`);
  return role;
}

describe("F41 a target that cannot be one", () => {
  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["a number", 5432],
    ["a configuration", { host: "localhost", password: SECRET }],
    ["an empty text", ""],
    ["a file", "data/app.db"],
    ["another scheme", `http://app:${SECRET}@localhost/shop`],
    ["words", `host=localhost password=${SECRET}`],
    ["a port in words", `postgres://app:${SECRET}@localhost:abc/shop`],
    ["port 0", `postgres://app:${SECRET}@localhost:0/shop`],
    ["port 99999", `postgres://app:${SECRET}@localhost:99999/shop`],
    ["a port as a parameter", `postgres://app:${SECRET}@localhost/shop?port=abc`],
    ["a password with a slash", `postgres://app:${SECRET}/x@localhost/shop`],
    ["a password with @ and #", `postgres://app:p@${SECRET}#w/rd@localhost/shop`],
    ["a password with @ and /", `postgres://app:p@${SECRET}/w@localhost/shop`],
    ["a password with @ and ?", `postgres://app:p@${SECRET}?w@localhost/shop`],
    ["a password of digits with a slash", `postgres://app:12/${SECRET}@localhost/shop`],
    ["a password without a host", `postgres://app:${SECRET}/shop`],
    [
      "certificates that are not there",
      `postgres://app:${SECRET}@localhost/shop?sslrootcert=/no/ca`,
    ],
  ])("is refused at the door: %s", async (_, target) => {
    const error = await refusalOf(target);
    expect(error).toMatchObject({ name: "UsageError", code: "invalid_argument" });
    expect(error.message).toMatchSnapshot();
  });
});

describe("F41 a server that cannot be reached", () => {
  test("nothing listens", async () => {
    const error = await refusalOf(`postgres://app:${SECRET}@127.0.0.1:1/shop`);
    expect(error).toMatchObject({ code: "store_unreachable", retryable: true });
    expect(error.message).toMatchInlineSnapshot(
      `"Cannot connect to schema "duroxide" of database "shop" at 127.0.0.1:1 as user "app": nothing listens there; check host and port, and that the server runs and listens to TCP"`,
    );
  });

  test("no such host", async () => {
    const error = await refusalOf(`postgres://app:${SECRET}@no-such-host.invalid/shop`);
    expect(error).toMatchObject({ code: "store_unreachable", retryable: true });
    expect(error.message).toContain(
      'schema "duroxide" of database "shop" at no-such-host.invalid:5432 as user "app": the name of the host',
    );
  });

  test("no such socket", async () => {
    vi.stubEnv("USER", undefined);
    vi.stubEnv("PGUSER", undefined);
    onTestFinished(() => void vi.unstubAllEnvs());
    const error = await refusalOf("/var/lib/app.db shop");
    expect(error.message).not.toContain("undefined");
    expect(error).toMatchObject({ code: "store_unreachable" });
    expect(error.message).toContain("at /var/lib/app.db/.s.PGSQL.5432");
    expect(error.message).toContain("there is no socket of a server");
  });

  test("another program listens", async () => {
    const url = await listen(
      createServer((socket) => {
        socket.on("error", () => undefined);
        socket.on("data", () => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
      }),
    );
    const error = await refusalOf(url);
    expect(error).toMatchObject({ code: "store_unreachable" });
    expect(messageOf(error, url)).toMatchInlineSnapshot(
      `"Cannot connect to schema "duroxide" of database "DATABASE" at 127.0.0.1:PORT as user "app": what answers there is no PostgreSQL server, or does not speak this TLS; check host, port and \`sslmode\`"`,
    );
  });

  test("it does not answer", async () => {
    const url = await listen(createServer((socket) => void socket.on("error", () => undefined)));
    const error = await refusalOf(url, { queryTimeout: "200ms" });
    expect(error).toMatchObject({ code: "store_unreachable", retryable: true });
    expect(messageOf(error, url)).toMatchInlineSnapshot(
      `"Cannot connect to schema "duroxide" of database "DATABASE" at 127.0.0.1:PORT as user "app": there is no connection after 200 ms; check the server and the network, or raise \`queryTimeout\`"`,
    );
  });

  test("it hangs up", async () => {
    const url = await listen(
      createServer((socket) => {
        socket.on("error", () => undefined);
        socket.resetAndDestroy();
      }),
    );
    expect((await refusalOf(url)).message).toMatch(/(was broken off|connection failed)/);
  });

  test.each([
    ["57P03", "the database system is starting up", "store_unreachable", "the server is not ready"],
    [
      "57P03",
      "the database system is shutting down",
      "store_unreachable",
      "the server is not ready",
    ],
    ["53300", "sorry, too many clients already", "store_failed", "no connection left"],
    ["28000", "no pg_hba.conf entry, no encryption", "store_unreachable", "pg_hba.conf"],
  ])("it says %s %s", async (state, words, code, meaning) => {
    const content = `SFATAL\0VFATAL\0C${state}\0M${words}\0\0`;
    const answer = Buffer.from(`E....${content}`);
    answer.writeUInt32BE(answer.length - 1, 1);
    const url = await listen(
      createServer((socket) => {
        socket.on("error", () => undefined);
        socket.on("data", () => socket.end(answer));
      }),
    );
    const error = await refusalOf(url);
    expect(error).toMatchObject({ code, retryable: true, details: { sqlState: state } });
    expect(error.message).toContain(words);
    expect(error.message).toContain(meaning);
    expect(messageOf(error, url)).toContain('database "DATABASE" at 127.0.0.1:PORT as user "app"');
  });

  test("it has no SSL", async () => {
    const url = `${await freshDatabase()}?sslmode=verify-full`;
    const error = await refusalOf(url);
    expect(error).toMatchObject({ code: "store_unreachable" });
    expect(messageOf(error, url)).toMatchInlineSnapshot(
      `"Cannot connect to schema "duroxide" of database "DATABASE" at 127.0.0.1:PORT as user "postgres": the connection failed (The server does not support SSL connections); check the server and the network, and whether both sides want SSL (\`sslmode\`)"`,
    );
  });
});

describe("F41 a database that cannot be used", () => {
  test("wrong password", async () => {
    const url = await freshDatabase();
    const role = await makeRole(url);
    const error = await refusalOf(change(url, { username: role, password: `${SECRET}-not` }));
    expect(error).toMatchObject({ code: "store_unreachable", details: { sqlState: "28P01" } });
    expect(messageOf(error, url).replaceAll(role, "ROLE")).toMatchInlineSnapshot(
      `"Cannot connect to schema "duroxide" of database "DATABASE" at 127.0.0.1:PORT as user "ROLE": the server refuses the login (password authentication failed for user "ROLE"); check user and password; in a URL both are encoded with encodeURIComponent()"`,
    );
  });

  test("no password", async () => {
    const url = await freshDatabase();
    const error = await refusalOf(change(url, { username: await makeRole(url), password: "" }));
    expect(error.message).toContain("password");
  });

  test("no such database", async () => {
    const url = change(await freshDatabase(), { pathname: "/no_such" });
    const error = await refusalOf(url);
    expect(error).toMatchObject({ code: "store_not_found", retryable: false });
    expect(messageOf(error, url)).toMatchInlineSnapshot(
      `"Cannot connect to schema "duroxide" of database "DATABASE" at 127.0.0.1:PORT as user "postgres": the database does not exist (database "DATABASE" does not exist); create it, or correct its name"`,
    );
  });

  test("a right is missing", async () => {
    const url = await freshDatabase();
    const role = await makeRole(url);
    const error = await refusalOf(change(url, { username: role, password: SECRET }));
    expect(error).toMatchObject({ code: "store_failed", details: { sqlState: "42501" } });
    expect(messageOf(error, url).replaceAll(role, "ROLE")).toMatchInlineSnapshot(
      `"Cannot connect to schema "duroxide" of database "DATABASE" at 127.0.0.1:PORT as user "ROLE": this user lacks a right (permission denied for schema duroxide); let an administrator run PostgresProvider.migrationScript({ role }), see docs/operations/least-privilege.md"`,
    );
  });

  test("a pool of the user says where it is, too", async () => {
    const pool = new pg.Pool({
      host: "127.0.0.1",
      port: 1,
      database: "shop",
      user: "app",
      password: SECRET,
    });
    const error = await refusalOf(pool);
    expect(error.message).toContain(
      'database "shop" at 127.0.0.1:1 as user "app": nothing listens there',
    );
    const bad = new pg.Pool({ host: "127.0.0.1", port: 99_999, database: "shop", user: "app" });
    expect((await refusalOf(bad)).message).toContain("its port is not from 1 to 65535");
  });
});

test("F41 a connection that is lost later says where it was, too", async () => {
  const proxy = await startProxy(await freshDatabase());
  onTestFinished(() => proxy.close());
  const store = await PostgresProvider.connect(proxy.url, { queryTimeout: "300ms" });
  onTestFinished(() => store.close());
  proxy.breakAll("silence");
  proxy.silenceNew(true);
  await expect(store.listNodes()).rejects.toMatchObject({
    code: "store_unreachable",
    message: expect.stringContaining(`at 127.0.0.1:${new URL(proxy.url).port}`) as string,
  });
});
