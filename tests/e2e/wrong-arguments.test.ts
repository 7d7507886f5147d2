/** F39 F45: what a caller got wrong is named, with what to pass instead. */

import {
  ActivityRegistry,
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  OrchestrationRegistry,
  Runtime,
  silentLogger,
  SqliteProvider,
  type OrchestrationContext,
} from "duroxide-ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** What `{ ...value }` gives, whatever the value is. */
const copyOf = (value: object): object => ({ ...value });

type Loose = (...args: unknown[]) => Promise<unknown>;

const greet = defineActivity("Greet", (name: string) => `Hello, ${name}!`);
const hello = defineOrchestration("Hello", async (ctx, name: string) =>
  ctx.scheduleActivity(greet, name),
);
const approved = defineEvent("Approved");
const inbox = defineQueue("Inbox");

let store: SqliteProvider;
let client: Client;
beforeAll(async () => {
  store = await SqliteProvider.inMemory();
  client = new Client(store);
});
afterAll(async () => {
  await store.close();
});

/** What the start of a runtime says. */
async function messageOf(call: () => Promise<unknown>): Promise<string> {
  try {
    return `not refused: ${String(await call())}`;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("code of an orchestration", () => {
  type Code = (ctx: OrchestrationContext) => unknown;
  const one = (ctx: OrchestrationContext) => ctx.scheduleActivity(greet, "x");
  test.each<[string, Code, string]>([
    [
      "F39 a copy of an operation",
      (ctx) => copyOf(one(ctx)),
      'Cannot store the output of orchestration "Code": the durable future of activity "Greet" at its root is not JSON; await it',
    ],
    [
      "F39 a copy of a combination",
      (ctx) => ({ a: copyOf(ctx.all([one(ctx)])) }),
      'Cannot store the output of orchestration "Code": the durable future of ctx.all() at "a" is not JSON; await it',
    ],
    [
      "F39 a copy of what was mapped",
      (ctx) => [copyOf(one(ctx).map(String))],
      'Cannot store the output of orchestration "Code": the durable future of activity "Greet" at "0" is not JSON; await it',
    ],
    [
      "F45 branches one by one",
      (ctx) => (ctx.select as unknown as Loose).call(ctx, one(ctx), ctx.scheduleTimer(5)),
      'Cannot use the branches of ctx.select(): they are one durable future, activity "Greet", and no list; pass them in one list or record: ctx.select([a, b])',
    ],
    [
      "F45 a branch behind the list",
      (ctx) => (ctx.select as unknown as Loose).call(ctx, [one(ctx)], ctx.scheduleTimer(5)),
      "Cannot use the branches of ctx.select(): one is outside of the list; pass them in one list or record: ctx.select([a, b])",
    ],
    [
      "F45 no branches",
      (ctx) => (ctx.select as unknown as Loose).call(ctx),
      "Cannot use the branches of ctx.select(): they are a value of type undefined and no list; pass them in one list or record: ctx.select([a, b])",
    ],
    [
      "F45 a record for ctx.all()",
      (ctx) => (ctx.all as unknown as Loose).call(ctx, { a: one(ctx) }),
      "Cannot use the branches of ctx.all(): they are an object and no list; pass Object.values(...), or each in a list: ctx.all([a, b])",
    ],
    [
      "F45 one operation for ctx.join()",
      (ctx) => (ctx.join as unknown as Loose).call(ctx, one(ctx)),
      'Cannot use the branches of ctx.join(): they are one durable future, activity "Greet", and no list; pass them in one list: ctx.join([a, b])',
    ],
    [
      "F45 a time limit of a wait",
      (ctx) => (ctx.scheduleWait as unknown as Loose).call(ctx, approved, { timeout: "1s" }),
      "Cannot use the option `timeout` of ctx.scheduleWait: there is no such option; an orchestration races what it waits for against a timer with `ctx.select`; docs/guide/13-how-do-i.md says what to do instead",
    ],
  ])("%s", async (_title, run, message) => {
    const own = await SqliteProvider.inMemory();
    const code = defineOrchestration("Code", async (ctx) => run(ctx));
    const runtime = await Runtime.start({
      store: own,
      activities: [greet],
      orchestrations: [code],
      logger: silentLogger,
    });
    const handle = await new Client(own).startOrchestration("i", code);
    expect(await messageOf(() => handle.result())).toBe(`Orchestration "i" failed: ${message}`);
    await runtime.shutdown();
    await own.close();
  });
});

describe("options of a runtime", () => {
  const start = (options: object) => () => Runtime.start({ store, ...options });
  test.each<[string, () => Promise<unknown>, string]>([
    [
      "an element that is not there",
      start({ activities: [greet, undefined] }),
      "Cannot start a runtime: index 1 of `activities` is undefined; pass what defineActivity() returned; among modules that import each other it may not be there yet",
    ],
    [
      "lists that are swapped",
      start({ activities: [hello], orchestrations: [greet] }),
      'Cannot start a runtime: index 0 of `activities` is the definition of orchestration "Hello"; pass it with the orchestrations',
    ],
    [
      "an event",
      start({ orchestrations: [hello, approved] }),
      'Cannot start a runtime: index 1 of `orchestrations` is the definition of event "Approved"; leave it out, events are not registered',
    ],
    [
      "a function",
      start({ activities: [function charge() {}] }),
      'Cannot start a runtime: index 0 of `activities` is the function "charge"; pass what defineActivity() returned',
    ],
    [
      "a builder",
      start({ activities: ActivityRegistry.builder().register(greet) }),
      "Cannot start a runtime: option `activities` is the builder of a registry; call its build(), and pass what that returns",
    ],
    [
      "a registry of the other kind",
      start({ orchestrations: ActivityRegistry.builder().build() }),
      "Cannot start a runtime: option `orchestrations` is a registry of activities; pass it as `activities`",
    ],
    [
      "one definition",
      start({ activities: greet }),
      "Cannot start a runtime: option `activities` is one definition; pass a list or a registry",
    ],
    [
      "a name that other systems use",
      start({ workers: 5 }),
      "Cannot use the option `workers` of Runtime.start: there is no such option; use `activityConcurrency` or `orchestrationConcurrency` of the runtime",
    ],
    [
      "what a builder does not register",
      async () =>
        (OrchestrationRegistry.builder().register as unknown as Loose).call(
          OrchestrationRegistry.builder(),
          greet,
        ),
      'Cannot register the definition of activity "Greet" as orchestration: it does not define one; pass it with the activities',
    ],
  ])("F45 %s", async (_title, call, message) => {
    expect(await messageOf(call)).toBe(message);
  });
});

describe("arguments of a client", () => {
  const call =
    (method: keyof Client, ...args: unknown[]) =>
    async () =>
      (client[method] as unknown as Loose).call(client, ...args);
  test.each<[string, () => Promise<unknown>, string]>([
    [
      "a queue for an event",
      call("raiseEvent", "i", inbox, 1),
      'Cannot use the definition of queue "Inbox" as event: it does not define one; pass it to enqueueEvent()',
    ],
    [
      "an event for a queue",
      call("enqueueEvent", "i", approved, 1),
      'Cannot use the definition of event "Approved" as queue: it does not define one; pass it to raiseEvent()',
    ],
    [
      "an activity for an orchestration",
      call("startOrchestration", "i", greet, "x"),
      'Cannot use the definition of activity "Greet" as orchestration: it does not define one; pass what defineOrchestration() returned, or a name',
    ],
    [
      "a date as text",
      call("startOrchestration", "i", hello, "x", { startAfter: "2026-12-01T00:00:00Z" }),
      'Cannot use "2026-12-01T00:00:00Z" as `startAfter`: it is a point in time (2026-12-01T00:00:00.000Z), and a duration counts from now; pass new Date("2026-12-01T00:00:00Z"), or a duration such as "5s"',
    ],
  ])("F45 %s", async (_title, made, message) => {
    expect(await messageOf(made)).toBe(message);
  });

  test("F45 an execution that an instance does not have", async () => {
    await client.startOrchestration("here", hello, "x");
    const message =
      'Cannot read execution 99 of instance "here": the newest one is 1, and listExecutions() names those that are kept; pass one of them';
    expect(await messageOf(() => client.readExecutionHistory("here", 99))).toBe(message);
    expect(await messageOf(() => client.getExecutionInfo("here", 99))).toBe(message);
    const nobody =
      'Cannot read instance "nobody": it does not exist in store ":memory:"; check the id, and whether it was started in this store';
    expect(await messageOf(() => client.readExecutionHistory("nobody", 1))).toBe(nobody);
    expect(await messageOf(() => client.getExecutionInfo("nobody", 1))).toBe(nobody);
  });
});
