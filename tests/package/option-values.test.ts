/** F40: values that an option does not know are refused, by every function that takes options. */

import {
  Client,
  consoleLogger,
  defineActivity,
  defineOrchestration,
  defineTransaction,
  OrchestrationRegistry,
  Runtime,
  SqliteProvider,
  UsageError,
  type OrchestrationContext,
} from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import { runTurn } from "duroxide-ts/testing";
import { expect, onTestFinished, test } from "vitest";

const NOWHERE = "postgres://127.0.0.1:1/none";
const run = async (): Promise<void> => {};

async function openStore(): Promise<SqliteProvider> {
  const store = await SqliteProvider.inMemory();
  onTestFinished(() => store.close());
  return store;
}

const sqlite = (options: object) => SqliteProvider.open("never-made.db", options);
const memory = (options: object) => SqliteProvider.inMemory(options);
const postgres = (options: object) => PostgresProvider.connect(NOWHERE, options);
const runtime = async (options: object) => Runtime.start({ store: await openStore(), ...options });
const start = async (options: object) =>
  new Client(await openStore()).startOrchestration("a", "Echo", "x", options);
const list = async (options: object) => new Client(await openStore()).listInstances(options);

/** What the code of an orchestration gets. */
async function inside(call: (ctx: OrchestrationContext) => unknown): Promise<never> {
  let refusal: unknown;
  const program = defineOrchestration("Program", async (ctx) => {
    try {
      await call(ctx);
    } catch (error) {
      refusal = error;
    }
  });
  await runTurn([{ kind: "OrchestrationStarted", eventId: 1, name: "Program" }], program);
  throw refusal as Error;
}

test.each<[string, string, () => unknown]>([
  ["durability", '"Process"', () => sqlite({ durability: "Process" })],
  ["durability", '"none"', () => sqlite({ durability: "none" })],
  ["durability", "true", () => sqlite({ durability: true })],
  ["durability", '"x"', () => memory({ durability: "x" })],
  ["binding", '"better-sqlite3"', () => sqlite({ binding: "better-sqlite3" })],
  ["binding", "a value of type object", () => sqlite({ binding: {} })],
  ["changePollInterval", "0 ms", () => sqlite({ changePollInterval: 0 })],
  ["changePollInterval", "0.5 ms", () => memory({ changePollInterval: 0.5 })],
  ["notify", '"false"', () => postgres({ notify: "false" })],
  ["migrate", "0", () => postgres({ migrate: 0 })],
  ["maxConnections", '"5"', () => postgres({ maxConnections: "5" })],
  ["maxConnections", "5", () => postgres({ maxConnections: 5 })],
  ["password", "a value of type string", () => postgres({ password: "s3cr3t" })],
  ["queryTimeout", "0 ms", () => postgres({ queryTimeout: 0 })],
  ["queryTimeout", '"99ms"', () => postgres({ queryTimeout: "99ms" })],
  ["pollInterval", "9 ms", () => postgres({ pollInterval: 9 })],
  ["lease", "Infinity", () => runtime({ lease: Number.POSITIVE_INFINITY })],
  ["lease", '"2 days"', () => runtime({ lease: "2 days" })],
  ["guards", "false", () => runtime({ guards: false })],
  ["nondeterminism", '"Fail"', () => runtime({ nondeterminism: "Fail" })],
  ["onStall", '"kill"', () => runtime({ onStall: "kill" })],
  [
    "residency.evictAfterEveryTurn",
    '"no"',
    () => runtime({ residency: { evictAfterEveryTurn: "no" } }),
  ],
  ["idReuse", '"replace"', () => start({ idReuse: "replace" })],
  ["version", '"v1.0.0"', () => start({ version: "v1.0.0" })],
  ["version", "2", () => start({ version: 2 })],
  ["status", "running", () => list({ status: "running" })],
  ["inputs", '"ignored"', () => defineActivity({ name: "A", inputs: "ignored" as never, run })],
  ["inputs", "true", () => defineTransaction({ name: "A", inputs: true as never, run })],
  ["version", "2", () => defineOrchestration({ name: "O", version: 2 as never, run })],
  ["version", '"v2"', () => defineOrchestration({ name: "O", version: "v2", run })],
  ["version", '"v2.0.0"', () => defineOrchestration({ name: "O", version: "v2.0.0", run })],
  ["version", '"1.0"', () => OrchestrationRegistry.builder().registerVersioned("p", "1.0", run)],
  ["minimum", '"trace"', () => consoleLogger("trace" as never)],
  ["guards", '"on"', () => runTurn([], async () => 1, { guards: "on" as never })],
  ["keep", '"yes"', () => inside((ctx) => ctx.select([], { keep: "yes" as never }))],
  [
    "version",
    '"v2"',
    () => inside((ctx) => ctx.scheduleSubOrchestration("Child", 1, { version: "v2" })),
  ],
  [
    "version",
    '"latest"',
    () => inside((ctx) => ctx.scheduleOrchestration("Child", "c", 1, { version: "latest" })),
  ],
  ["version", '"2"', () => inside((ctx) => ctx.continueAsNew(1, { version: "2" }))],
])("F40 F10 %s: %s is refused, as it was written", async (name, shown, call) => {
  const error: unknown = await Promise.resolve()
    .then(call)
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UsageError);
  expect((error as UsageError).code).toMatch(/^invalid_(argument|definition)$/);
  expect((error as Error).message).toContain(name);
  expect((error as Error).message).toContain(` is ${shown}; pass `);
});
