/** F3: code of the user runs in the context in which its runtime was started, never in a caller's. */

import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import {
  Client,
  defineActivity,
  defineOrchestration,
  defineTransaction,
  Runtime,
  SqliteProvider,
  type RuntimeOptions,
} from "../../src/index.ts";

const tenant = new AsyncLocalStorage<string>();
/** What code of the user has found, as `who: context`. */
let seen: Set<string>;
const note = (who: string): void => void seen.add(`${who}: ${tenant.getStore() ?? "none"}`);

const look = defineActivity("Look", async (who: string) => {
  note(`${who} activity`);
  await new Promise((resolve) => setTimeout(resolve, 1));
  note(`${who} activity`);
});
const book = defineTransaction("Book", (_tx, who: string) => note(`${who} activity`));
const visit = defineOrchestration("Visit", async (ctx, who: string) => {
  const here = () => note(`${who} code`);
  here();
  await ctx.scheduleActivity(look, who);
  here();
  await Promise.all([ctx.scheduleActivity(look, who), ctx.scheduleActivity(look, who)]);
  here();
  await ctx.scheduleTimer("2ms");
  here();
  await ctx.scheduleActivity(book, who).map(here);
  await ctx.select([ctx.scheduleTimer("1h"), async (scope) => scope.dequeueEvent("go").then(here)]);
  here();
  return tenant.getStore();
});

let store: SqliteProvider;
let runtimes: Runtime[];
beforeEach(async () => {
  seen = new Set();
  runtimes = [];
  store = await SqliteProvider.inMemory();
});
afterEach(async () => {
  await Promise.all(runtimes.map((runtime) => runtime.shutdown()));
  await store.close();
});

async function start(options: Partial<RuntimeOptions> = {}): Promise<void> {
  const logger = { log: () => note("the log") };
  const common = { store, activities: [look, book], orchestrations: [visit], logger };
  runtimes.push(await Runtime.start({ ...common, ...options }));
}

/** Starts and signals an instance as a request does, and says in which context its waits go on. */
async function request(name: string, options = {}): Promise<string | undefined> {
  return tenant.run(name, async () => {
    const client = new Client(store);
    const handle = await client.startOrchestration(name, visit, name, options);
    await client.enqueueEvent(name, "go", null);
    await handle.result();
    return tenant.getStore();
  });
}

const NAMES = ["a", "b", "c"];
const expected = (context: string) =>
  new Set(
    ["the log", ...NAMES.flatMap((name) => [`${name} activity`, `${name} code`])].map(
      (who) => `${who}: ${context}`,
    ),
  );

describe("what code of the user enters with enterWith()", () => {
  const enter = defineActivity("Enter", (who: string) => tenant.enterWith(who));
  const enterTransaction = defineTransaction("EnterTx", (_tx, who: string) =>
    tenant.enterWith(who),
  );
  const enterAll = defineOrchestration("EnterAll", async (ctx, who: string) => {
    tenant.enterWith(who);
    await ctx.scheduleActivity(enter, who);
    note("its own code"); // A context follows across awaits.
    tenant.enterWith(`${who} later`);
    await ctx.scheduleActivity(enterTransaction, who);
    await ctx
      .scheduleTimer(1)
      .map(() => tenant.enterWith(`${who} mapped`))
      .settled();
    await ctx.all([async (scope) => tenant.enterWith(`${who} branch`) ?? scope.scheduleTimer(1)]);
    tenant.enterWith(`${who} at the end`);
  });

  test.each(["error", "off"] as const)(
    "F3 is seen by no other instance and no activity, guards %s",
    async (guards) => {
      await tenant.run("runtime", () =>
        start({
          guards,
          activities: [look, book, enter, enterTransaction],
          orchestrations: [visit, enterAll],
        }),
      );
      const client = new Client(store);
      for (const id of ["e1", "e2"]) {
        await (await client.startOrchestration(id, enterAll, "customer")).result();
        await Promise.all(NAMES.map((name) => request(`${name}${id}`)));
      }
      expect(seen).toContain("its own code: customer");
      seen.delete("its own code: customer");
      expect([...seen].filter((line) => !/: (?:runtime|none)$/.test(line))).toEqual([]);
    },
  );
});

describe("three requests in three contexts", () => {
  test("F3 see their own context, and the code that of the runtime", async () => {
    await tenant.run("runtime", () => start());
    const contexts = await Promise.all(NAMES.map((name) => request(name)));
    expect(contexts).toEqual(NAMES);
    seen.delete("the log: none"); // The engine's own lines may belong to nobody.
    seen.add("the log: runtime");
    expect(seen).toEqual(expected("runtime"));
  });

  test("F3 the code of a runtime that was started in no context runs in none", async () => {
    await start();
    await Promise.all(NAMES.map((name) => request(name)));
    seen.add("the log: none");
    expect(seen).toEqual(expected("none"));
  });

  test("F3 also when starts are queued, come late, or find instances on disk", async () => {
    const waiting = NAMES.map((name) => request(name));
    await tenant.run("runtime", () => start({ residency: { evictAfterEveryTurn: true } }));
    await Promise.all(waiting);
    seen.delete("the log: none");
    seen.add("the log: runtime");
    expect(seen).toEqual(expected("runtime"));
  });

  test("F3 two runtimes share rounds, and each keeps its context", async () => {
    const other = defineOrchestration("Other", async (ctx, who: string) => {
      note(`${who} other`);
      await ctx.scheduleTimer(1);
      await ctx.dequeueEvent("go");
      note(`${who} other`);
    });
    await tenant.run("first", () => start());
    await tenant.run("second", () => start({ orchestrations: [other], activities: [] }));
    const client = new Client(store);
    const others = NAMES.map((name) =>
      tenant.run(name, async () => {
        const handle = await client.startOrchestration(`${name}-other`, other, name);
        await client.enqueueEvent(`${name}-other`, "go", null);
        await handle.result();
      }),
    );
    await Promise.all([...others, ...NAMES.map((name) => request(name))]);
    const ofCode = [...seen].filter((line) => !line.startsWith("the log")).sort();
    expect(ofCode).toEqual(
      NAMES.flatMap((name) => [
        `${name} activity: first`,
        `${name} code: first`,
        `${name} other: second`,
      ]),
    );
  });
});
