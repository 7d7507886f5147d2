/** F40: options that do not exist are refused, by every function that takes options. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import {
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  defineTransaction,
  Runtime,
  SqliteProvider,
} from "duroxide-ts";
import { ReferenceStore } from "duroxide-ts/conformance";
import { PostgresProvider } from "duroxide-ts/postgres";
import { runTurn } from "duroxide-ts/testing";

type Loose = (...args: unknown[]) => unknown;

const echo = defineOrchestration("Echo", async (_ctx, text: string) => text);
const greet = defineActivity("Greet", (name: string) => `Hello, ${name}!`);

/** Calls something with options that its types forbid. */
async function messageOf(call: () => unknown): Promise<string> {
  const error: unknown = await Promise.resolve()
    .then(call)
    .then(
      () => new Error("nothing was refused"),
      (reason: unknown) => reason,
    );
  return error instanceof Error ? error.message : String(error);
}

async function openStore() {
  const store = await SqliteProvider.inMemory();
  return { store, client: new Client(store), runtime: Runtime };
}

/** Runs an orchestration that makes one call, and gives the message with which it fails. */
async function messageInside(call: (ctx: Record<string, Loose>) => unknown): Promise<string> {
  const program = defineOrchestration("Program", async (ctx) => {
    await call(ctx as unknown as Record<string, Loose>);
  });
  const result = await runTurn(
    [{ kind: "OrchestrationStarted", eventId: 1, name: "Program" }],
    program,
  );
  return JSON.stringify(result);
}

const CALLS: Readonly<Record<string, () => unknown>> = {
  "Runtime.start": async () => {
    const { store } = await openStore();
    return (Runtime.start as Loose)({ store, concurrency: 5 });
  },
  residency: async () => {
    const { store } = await openStore();
    return (Runtime.start as Loose)({ store, residency: { maxInstance: 5 } });
  },
  shutdown: async () => {
    const { store } = await openStore();
    const runtime = await Runtime.start({ store });
    try {
      await (runtime.shutdown.bind(runtime) as Loose)({ timeOut: "1s" });
    } finally {
      await runtime.shutdown();
    }
  },
  Client: async () => new Client((await openStore()).store, { codecs: 1 } as never),
  "SqliteProvider.open": () => SqliteProvider.open("x.db", { bussyTimeout: "1s" } as never),
  "PostgresProvider.connect": () =>
    PostgresProvider.connect("postgres://localhost/x", { maxConnection: 9 } as never),
  migrationScript: () => PostgresProvider.migrationScript({ scheme: "x" } as never),
  startOrchestration: async () =>
    (await openStore()).client.startOrchestration("a", echo, "x", { startAftr: "1s" } as never),
  "result()": async () => (await openStore()).client.getHandle("a").result({ timeOut: 1 } as never),
  waitForKvValue: async () =>
    (await openStore()).client.waitForKvValue("a", "k", { timeOut: 1 } as never),
  waitForStatusChange: async () =>
    (await openStore()).client.waitForStatusChange("a", 0, { timeOut: 1 } as never),
  raiseEvent: async () =>
    (await openStore()).client.raiseEvent("a", "Go", 1, { transactions: {} } as never),
  enqueueEvent: async () =>
    (await openStore()).client.enqueueEvent("a", "Go", 1, { transactions: {} } as never),
  cancelInstance: async () =>
    (await openStore()).client.cancelInstance("a", "no", { transactions: {} } as never),
  listInstances: async () => (await openStore()).client.listInstances({ statuses: [] } as never),
  defineActivity: () => (defineActivity as Loose)("A", () => 1, { retry: { maxAttempts: 3 } }),
  "defineActivity({})": () => (defineActivity as Loose)({ name: "A", run: () => 1, retry: 3 }),
  defineTransaction: () => (defineTransaction as Loose)({ name: "A", run: () => 1, version: "1" }),
  defineOrchestration: () =>
    (defineOrchestration as Loose)({ name: "A", run: () => 1, versions: "1.0.0" }),
  runTurn: () => (runTurn as Loose)([], echo, { now: 1 }),
  ReferenceStore: () => new ReferenceStore({ clocks: 1 } as never),
};

const CONTEXT_CALLS: Readonly<Record<string, (ctx: Record<string, Loose>) => unknown>> = {
  scheduleActivity: (ctx) => ctx["scheduleActivity"]?.(greet, "x", { retry: {} }),
  scheduleTimer: (ctx) => ctx["scheduleTimer"]?.("1s", { timeout: "1s" }),
  "scheduleTimer({})": (ctx) => ctx["scheduleTimer"]?.({ untill: 5 }),
  scheduleWait: (ctx) => ctx["scheduleWait"]?.(defineEvent("E"), { timeout: "1s" }),
  dequeueEvent: (ctx) => ctx["dequeueEvent"]?.(defineQueue("Q"), { timeout: "1s" }),
  scheduleSubOrchestration: (ctx) =>
    ctx["scheduleSubOrchestration"]?.(echo, "x", { instanceID: "child" }),
  scheduleOrchestration: (ctx) =>
    ctx["scheduleOrchestration"]?.(echo, "other", "x", { versions: "1.0.0" }),
  select: (ctx) => ctx["select"]?.([], { kep: true }),
  continueAsNew: (ctx) => ctx["continueAsNew"]?.("x", { versions: "1.0.0" }),
};

describe("an option that does not exist", () => {
  test.each(Object.entries(CALLS))("F40 is refused by %s", async (_name, call) => {
    expect(await messageOf(call)).toMatch(
      /^Cannot use the option `\w+` of .*: there is no such option; /,
    );
  });

  test.each(Object.entries(CONTEXT_CALLS))("F40 is refused by ctx.%s", async (_name, call) => {
    expect(await messageInside(call)).toMatch(
      /Cannot use the option `\w+` of ctx\.\w+: there is no such option; /,
    );
  });

  test("F40 names the one that was meant, or what to do instead", async () => {
    const { store, client } = await openStore();
    const start = (options: object) =>
      messageOf(() => (Runtime.start as Loose)({ store, ...options }));
    expect(await start({ activityConcurency: 1 })).toMatch(/did you mean `activityConcurrency`\?$/);
    expect(await start({ concurrency: 1 })).toMatch(/use `activityConcurrency` or `orch/);
    expect(await start({ maxAttempts: 1 })).toMatch(/`poisonAfterCrashes` limits/);
    expect(await start({ retryDelayMin: 1 })).toMatch(/use `parkedRetryMin`$/);
    const cron = { cron: "* * * * *" } as never;
    expect(await messageOf(() => client.startOrchestration("a", echo, "x", cron))).toMatch(
      /13-how-do-i\.md/,
    );
    expect(await messageOf(() => client.listInstances({ zzzzzzzz: 1 } as never))).toMatch(
      /its options are status, name, idPrefix/,
    );
  });

  test("F40 counts as left out when it is undefined", async () => {
    const { store } = await openStore();
    const runtime = await (Runtime.start as Loose)({ store, retry: undefined, lease: undefined });
    await (runtime as Runtime).shutdown();
  });
});

/** Types of options that no user writes, or that are not ours. */
const INTERNAL = [
  "ChangeListenerOptions",
  "ChangeWatchOptions",
  "ConnectionsOptions",
  "DuroxideErrorOptions",
  "EffectOptions",
  "ExecutionOptions",
  "FileInPlaceOptions",
  "NodeKeeperOptions",
  "PgPoolOptions",
  "StackOptions",
];

test("F40 every type of options that users write has its names checked", () => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => readFileSync(`src/${file}`, "utf8"));
  const all = sources.join("\n");
  const types = [...all.matchAll(/export (?:interface|type) (\w+Options?)\b/g)].map(
    ([, name]) => name,
  );
  const checked = [...all.matchAll(/(\w+): OptionNames<(\w+)>/g)];
  for (const type of types) {
    if (type === undefined || INTERNAL.includes(type) || type === "TransactionOption") continue;
    const constant = checked.find(([, , of]) => of === type)?.[1];
    expect(constant, `the names of ${type}`).toBeDefined();
    const uses = new RegExp(`assertKnownOptions\\([^;]*\\b${constant ?? ""}\\b`).exec(all);
    expect(uses, `a check against ${constant ?? ""}`).not.toBeNull();
  }
  expect(types.length).toBeGreaterThan(15);
});
