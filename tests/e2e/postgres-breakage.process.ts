/**
 * Breaks connections in one way, at every message of every kind of connection, and ends with status 0
 * when the process has survived and the store has worked again after each.
 *
 * Arguments: URL of the server, the way, `url` or `pool` (a pool of the user without any listener).
 */

import { Client, defineActivity, defineOrchestration, Runtime, silentLogger } from "duroxide-ts";
import { isDuroxideError } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import pg from "pg";

import { startProxy, type Breakage } from "../support/postgres-proxy.ts";

const [url, how, door] = process.argv.slice(2) as [string, Breakage, "url" | "pool"];
/** Messages of a statement, both ways, and of a login. */
const STATEMENT_MESSAGES = 12;
const LOGIN_MESSAGES = 26;
const CASE_MS_MAX = 60_000;

const proxy = await startProxy(url);
const step = defineActivity("Step", (n: number) => n);
const run = defineOrchestration("Run", async (ctx, n: number) => ctx.scheduleActivity(step, n));

function connect(schema = "duroxide"): Promise<PostgresProvider> {
  const options = { queryTimeout: 250, schema } as const;
  if (door === "url") return PostgresProvider.connect(proxy.url, options);
  return PostgresProvider.connect(new pg.Pool({ connectionString: proxy.url, max: 8 }), options);
}

let isCase = "";
let limit: NodeJS.Timeout | undefined;
function begin(name: string): void {
  isCase = name;
  clearTimeout(limit);
  limit = setTimeout(() => {
    console.error(`hangs: ${how} ${door} ${isCase}`);
    process.exit(2);
  }, CASE_MS_MAX);
}
process.on("uncaughtExceptionMonitor", (error) => {
  console.error(`dies: ${how} ${door} ${isCase}`, error);
});

/** Whether the work succeeded. What the store reports is typed; all else is a fault. */
async function succeeds(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!isDuroxideError(error)) throw error;
    return false;
  }
}

/** The timeouts are short, so a machine under load may miss one; the limit of the case ends this. */
async function untilItSucceeds<T>(work: () => Promise<T>): Promise<T> {
  let result: { readonly value: T } | undefined;
  while (!(await succeeds(async () => (result = { value: await work() }))));
  return result!.value;
}

let count = 0;
async function atEachMessage(
  text: string,
  work: (n: number) => Promise<unknown>,
  messagesMax = STATEMENT_MESSAGES,
): Promise<void> {
  for (let n = 1; n <= messagesMax; n += 1) {
    begin(`${text} ${n}`);
    let hasSucceeded: boolean;
    do {
      proxy.breakAt(text, n, how);
      hasSucceeded = await succeeds(() => work(n));
      // A failure without a cut says nothing about this message.
    } while (!proxy.hasCut && !hasSucceeded);
    if (!proxy.hasCut) break;
    count += 1;
  }
}

// The client that migrates, and the first statements.
await atEachMessage("user", async () => (await connect()).close(), LOGIN_MESSAGES);
await atEachMessage("pg_catalog.pg_class", async () => (await connect()).close());
await atEachMessage("pg_advisory_xact_lock", async (n) => (await connect(`s${n}`)).close());
await atEachMessage("transaction_isolation", async () => (await connect()).close());
proxy.breakAt("nothing", 1, how);

// The connections of a runtime at work.
begin("start");
const store = await untilItSucceeds(() => connect());
const steady = await untilItSucceeds(() => PostgresProvider.connect(url));
const runtime = await Runtime.start({
  store,
  orchestrations: [run],
  activities: [step],
  logger: silentLogger,
  lease: "1s",
  parkedRetryMin: 5,
  parkedRetryMax: 50,
  residency: { evictAfterEveryTurn: true },
});
let id = 0;
async function liveOnce(from: PostgresProvider): Promise<void> {
  id += 1;
  const expected = id;
  const handle = await new Client(from).startOrchestration(`i${id}`, run, id);
  if ((await handle.result({ timeout: "20s" })) !== expected) throw new Error("A wrong result");
}
function live(from = store): Promise<void> {
  return untilItSucceeds(() => liveOnce(from));
}
const transact = (): Promise<unknown> =>
  store.transaction((tx) => tx.query("select 'of the user'"));

await atEachMessage("begin isolation", transact);
await atEachMessage("commit", transact);
await atEachMessage("rollback", () =>
  store.transaction(() => Promise.reject(new Error("mine"))).catch(() => undefined),
);
if (door === "url") {
  await atEachMessage(".write(", () => live());
  await atEachMessage("where i.id = any", () => store.readInstances(["x"]));
}
// As they lie there: idle, listening, leased to nobody.
for (let n = 0; n < 3; n += 1) {
  begin(`all ${n}`);
  proxy.breakAll(how);
  await live(steady);
  await live();
  count += 1;
}
await atEachMessage('listen "', async () => {
  proxy.breakAll("cut");
  await live(steady);
  await live();
});
begin("end");
await runtime.shutdown();
await store.close();
await steady.close();
await proxy.close();
clearTimeout(limit);
process.send?.({ count });
process.exit(0);
