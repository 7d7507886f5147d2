import { describe, expect, test } from "vitest";
import { z } from "zod";

import { openWorld, queued, withMethods } from "../../tests/support/client-world.ts";
import {
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
} from "../orchestration/define.ts";
import { isDuroxideError } from "../foundation/errors.ts";
import { jsonCodec, type Codec } from "../foundation/json.ts";
import { ProviderError } from "../provider/errors.ts";
import { Client } from "./client.ts";

const order = defineOrchestration({
  name: "Order",
  input: z.object({ id: z.string() }),
  run: async () => null,
});
const approval = defineEvent("Approval", z.boolean());
const orders = defineQueue("Orders", z.number());
const charge = defineActivity("Charge", async () => 1);

/** A call with arguments that the types would refuse. */
type Call = readonly [what: string, code: string, call: (client: Loose) => unknown];
type Loose = Record<keyof Client, (...args: readonly unknown[]) => Promise<unknown>>;

const badIds: readonly Call[] = (
  [
    ["an empty id", ""],
    ["a long id", "x".repeat(1025)],
    ["a long id of many bytes", "ü".repeat(513)],
    ["an id with NUL", "a\0b"],
    ["an id with half a character", "a\ud800"],
    ["no id", undefined],
    ["null as id", null],
    ["a number as id", 7],
  ] as const
).flatMap(([what, id]) =>
  (
    [
      ["startOrchestration", "Order"],
      ["getOrchestrationStatus"],
      ["waitForOrchestration"],
      ["waitForStatusChange", 0],
      ["cancelInstance"],
      ["raiseEvent", "Poke"],
      ["enqueueEvent", "Orders"],
      ["getKvValue", "key"],
      ["getKvValues"],
      ["waitForKvValue", "key"],
      ["getInstanceInfo"],
      ["listExecutions"],
      ["getExecutionInfo", 1],
      ["readExecutionHistory"],
      ["getInstanceTree"],
    ] as const
  ).map(([method, ...rest]): Call => [
    `${what} for ${method}()`,
    "invalid_argument",
    (client) => client[method](id, ...rest),
  ]),
);

const start =
  (...args: readonly unknown[]) =>
  (client: Loose) =>
    client.startOrchestration("new", ...args);
const cycle: unknown[] = [];
cycle.push(cycle);

const badStarts: readonly Call[] = [
  ["no orchestration", "invalid_argument", start()],
  ["an empty name", "invalid_argument", start("")],
  ["a long name", "invalid_argument", start("n".repeat(257))],
  ["a bare function", "invalid_argument", start(async function named() {})],
  ["an activity", "invalid_argument", start(charge)],
  ["a text that is no version", "invalid_argument", start("Order", 1, { version: "latest" })],
  ["a number as version", "invalid_argument", start("Order", 1, { version: 1 })],
  ["an unknown policy", "invalid_argument", start("Order", 1, { idReuse: "replace" })],
  ["null as options", "invalid_argument", start("Order", 1, null)],
  ["a negative delay", "invalid_duration", start("Order", 1, { startAfter: -1 })],
  ["NaN as delay", "invalid_duration", start("Order", 1, { startAfter: Number.NaN })],
  ["a delay without meaning", "invalid_duration", start("Order", 1, { startAfter: "soon" })],
  ["no valid date", "invalid_duration", start("Order", 1, { startAfter: new Date("soon") })],
  ["input against the schema", "validation_failed", start(order, { id: 7 })],
  ["a function as input", "not_serializable", start("Order", () => 1)],
  ["a bigint as input", "not_serializable", start("Order", 1n)],
  ["a cycle as input", "not_serializable", start("Order", cycle)],
  ["NaN inside of input", "not_serializable", start("Order", { a: [Number.NaN] })],
  ["too large an input", "payload_too_large", start("Order", "x".repeat(101))],
];

const waits = ["waitForOrchestration", "waitForStatusChange", "waitForKvValue"] as const;
const badWaits: readonly Call[] = waits.flatMap((method) => {
  const middle = { waitForOrchestration: [], waitForStatusChange: [0], waitForKvValue: ["k"] };
  const wait = (options: unknown) => (client: Loose) =>
    client[method]("known", ...middle[method], options);
  return [
    [`${method}() with a negative timeout`, "invalid_duration", wait({ timeout: -1 })],
    [`${method}() with NaN as timeout`, "invalid_duration", wait({ timeout: Number.NaN })],
    [`${method}() with a text as timeout`, "invalid_duration", wait({ timeout: "later" })],
    [`${method}() with null as timeout`, "invalid_duration", wait({ timeout: null })],
    [`${method}() with no signal`, "invalid_argument", wait({ signal: {} })],
    [`${method}() with null as options`, "invalid_argument", wait(null)],
    [`${method}() with a number as options`, "invalid_argument", wait(5)],
  ];
});

const badRest: readonly Call[] = [
  ["a queue as event", "invalid_argument", (c) => c.raiseEvent("known", orders, 1)],
  ["an event as queue", "invalid_argument", (c) => c.enqueueEvent("known", approval, true)],
  ["no event", "invalid_argument", (c) => c.raiseEvent("known")],
  ["an empty queue name", "invalid_argument", (c) => c.enqueueEvent("known", "")],
  ["data against the schema", "validation_failed", (c) => c.raiseEvent("known", approval, 1)],
  ["a message against the schema", "validation_failed", (c) => c.enqueueEvent("known", orders)],
  ["a symbol as data", "not_serializable", (c) => c.raiseEvent("known", "Poke", Symbol("x"))],
  ["a Map as data", "not_serializable", (c) => c.enqueueEvent("known", "Orders", new Map())],
  ["much data", "payload_too_large", (c) => c.raiseEvent("known", "Poke", "x".repeat(99))],
  ["a number as reason", "invalid_argument", (c) => c.cancelInstance("known", 5)],
  ["a long reason", "payload_too_large", (c) => c.cancelInstance("known", "x".repeat(101))],
  ["NaN as version", "invalid_argument", (c) => c.waitForStatusChange("known", Number.NaN)],
  ["a version below 0", "invalid_argument", (c) => c.waitForStatusChange("known", -1)],
  ["no key", "invalid_argument", (c) => c.getKvValue("known")],
  ["a long key", "invalid_argument", (c) => c.waitForKvValue("known", "k".repeat(1025))],
  ["execution 0", "invalid_argument", (c) => c.getExecutionInfo("known", 0)],
  ["half an execution", "invalid_argument", (c) => c.readExecutionHistory("known", 1.5)],
  ["a limit of 0", "invalid_argument", (c) => c.listInstances({ limit: 0 })],
  ["a limit of 1001", "invalid_argument", (c) => c.listInstances({ limit: 1001 })],
  ["an unknown status", "invalid_argument", (c) => c.listInstances({ status: "Done" })],
  ["a number as status", "invalid_argument", (c) => c.listInstances({ status: 3 })],
  ["a hole as status", "invalid_argument", (c) => c.listInstances({ status: [undefined] })],
  ["a number as name", "invalid_argument", (c) => c.listInstances({ name: 3 })],
  ["a number as prefix", "invalid_argument", (c) => c.listInstances({ idPrefix: 3 })],
  ["a text as date", "invalid_argument", (c) => c.listInstances({ createdAfter: "today" })],
  ["no valid date", "invalid_argument", (c) => c.listInstances({ createdBefore: new Date("x") })],
  ["null as list options", "invalid_argument", (c) => c.listInstances(null)],
  ["a cursor of another list", "invalid_argument", (c) => c.listInstances({ cursor: "abc" })],
];

describe("bad input", () => {
  test.each([...badIds, ...badStarts, ...badWaits, ...badRest])(
    "%s is refused with %s",
    async (_what, code, call) => {
      const { store, hub } = await openWorld();
      await store.begin("known");
      const client = new Client(store.provider, { payloadBytesMax: 100 });
      const promise = call(client as unknown as Loose);
      expect(promise).toBeInstanceOf(Promise);
      const error: unknown = await (promise as Promise<unknown>).catch((thrown: unknown) => thrown);
      expect(isDuroxideError(error)).toBe(true);
      expect(error).toMatchObject({
        code,
        message: expect.stringMatching(/^Cannot [^;]+: .+; .+[^.]$/s),
      });
      expect(hub.pipeline.commitCount).toBe(0);
    },
  );

  test("names the place inside the value", async () => {
    const { client } = await openWorld();
    const input = { items: [{ price: 1n }] };
    await expect(
      client.startOrchestration("a", "Order", input),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[UsageError: Cannot store the input of orchestration "Order": a value of type bigint at "items.0.price" is not JSON; pass plain objects, arrays, strings, finite numbers, booleans and null]`,
    );
  });

  test("is refused by getHandle() at once", async () => {
    const { client } = await openWorld();
    expect(() => client.getHandle("")).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  });

  test("F45 is refused by a handle for another orchestration than the one that runs", async () => {
    const { client, store } = await openWorld();
    const ended = { change: { status: "Completed", output: "42" } } as const;
    await store.begin("n", ended, { name: "Num" });
    const other = defineOrchestration("Str", async (_ctx, _input: null) => "text");
    const handle = client.getHandle("n", other);
    for (const call of [() => handle.result(), () => handle.status(), () => handle.cancel()])
      await expect(call()).rejects.toThrow(
        'Cannot use the handle on "n" for orchestration "Str": the instance runs "Num"; check the id, or pass that definition to getHandle()',
      );
    expect(() => client.getHandle("n", defineActivity("Pay", () => 1) as never)).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  });

  test.each([
    ["no store", undefined, {}, "invalid_argument"],
    ["a path as store", "app.db", {}, "invalid_argument"],
    ["null as options", "store", null, "invalid_argument"],
    ["half a codec", "store", { codec: { encode: () => "" } }, "invalid_argument"],
    ["null as codec", "store", { codec: null }, "invalid_argument"],
    ["no bytes", "store", { payloadBytesMax: 0 }, "invalid_argument"],
    ["NaN as retry window", "store", { retryFor: Number.NaN }, "invalid_duration"],
  ])("makes no client of %s", async (_, store, options, code) => {
    const { provider } = (await openWorld()).store;
    const create = () =>
      new Client((store === "store" ? provider : store) as never, options as never);
    expect(create).toThrow(expect.objectContaining({ code }));
  });
});

describe("a closed store", () => {
  test.each<readonly [string, (client: Client) => Promise<unknown>]>([
    ["startOrchestration", (c) => c.startOrchestration("a", "Order")],
    ["getOrchestrationStatus", (c) => c.getOrchestrationStatus("a")],
    ["waitForOrchestration", (c) => c.waitForOrchestration("a")],
    ["waitForStatusChange", (c) => c.waitForStatusChange("a", 0)],
    ["cancelInstance", (c) => c.cancelInstance("a")],
    ["raiseEvent", (c) => c.raiseEvent("a", "Poke")],
    ["enqueueEvent", (c) => c.enqueueEvent("a", "Orders")],
    ["getKvValue", (c) => c.getKvValue("a", "k")],
    ["getKvValues", (c) => c.getKvValues("a")],
    ["waitForKvValue", (c) => c.waitForKvValue("a", "k")],
    ["listInstances", (c) => c.listInstances()],
    ["getInstanceInfo", (c) => c.getInstanceInfo("a")],
    ["listExecutions", (c) => c.listExecutions("a")],
    ["getExecutionInfo", (c) => c.getExecutionInfo("a", 1)],
    ["readExecutionHistory", (c) => c.readExecutionHistory("a")],
    ["getInstanceTree", (c) => c.getInstanceTree("a")],
    ["handle.result", (c) => c.getHandle("a").result()],
    ["handle.status", (c) => c.getHandle("a").status()],
    ["handle.cancel", (c) => c.getHandle("a").cancel()],
    ["handle.raiseEvent", (c) => c.getHandle("a").raiseEvent("Poke")],
    ["handle.enqueueEvent", (c) => c.getHandle("a").enqueueEvent("Orders")],
  ])("makes %s() reject", async (_, call) => {
    const { client, store } = await openWorld();
    await store.begin("a");
    await store.provider.close();
    await expect(call(client)).rejects.toMatchObject({ name: "ProviderError", code: "closed" });
  });
});

describe("a busy store", () => {
  const busy = new ProviderError("store_busy", "Cannot use the store: it is locked; wait", {
    retryable: true,
  });

  test("is asked again, in reads and in writes", async () => {
    const { store } = await openWorld();
    const failures = { readInstances: 2, write: 2 };
    const failOr = <T>(method: keyof typeof failures, work: () => Promise<T>): Promise<T> =>
      failures[method]-- > 0 ? Promise.reject(busy) : work();
    const client = new Client(
      withMethods(store.provider, {
        readInstances: (ids) => failOr("readInstances", () => store.provider.readInstances(ids)),
        write: (operations) => failOr("write", () => store.provider.write(operations)),
      }),
    );
    await client.startOrchestration("a", "Order");
    expect(await client.getOrchestrationStatus("a")).toMatchObject({ status: "Pending" });
    expect((await queued(store))["a"]).toHaveLength(1);
  });

  test("is an error when the time for it is over", async () => {
    const { store } = await openWorld();
    const never = () => Promise.reject(busy);
    const provider = withMethods(store.provider, { readInstances: never, write: never });
    const client = new Client(provider, { retryFor: 0 });
    await expect(client.startOrchestration("a", "Order")).rejects.toBe(busy);
    await expect(client.getOrchestrationStatus("a")).rejects.toBe(busy);
    expect(await queued(store)).toEqual({});
  });
});

describe("a codec of one's own", () => {
  const shouting: Codec = {
    name: "shouting",
    encode: (value, subject) => jsonCodec.encode(value, subject).toUpperCase(),
    decode: (text) => jsonCodec.decode(text.toLowerCase()),
  };

  test("writes and reads every value", async () => {
    const { client, store } = await openWorld({ codec: shouting });
    await client.startOrchestration("a", "Order", { id: "x" });
    expect((await queued(store))["a"]).toMatchObject([{ input: '{"ID":"X"}' }]);
    await store.begin("b", { change: { status: "Completed", output: '{"OK":TRUE}' } });
    expect(await client.getHandle("b").result()).toEqual({ ok: true });
  });
});
