/** Bad input: one typed error each, nothing written, nothing hangs. */

import {
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  OrchestrationRegistry,
  Runtime,
  silentLogger,
  SqliteProvider,
  type UsageError,
  ValidationError,
  type ErrorCode,
} from "duroxide-ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";

let store: SqliteProvider;
let client: Client;

beforeEach(async () => {
  store = await SqliteProvider.inMemory();
  client = new Client(store);
});
afterEach(async () => {
  await store.close();
});

const typed = defineOrchestration({
  name: "Typed",
  input: z.object({ count: z.number() }),
  run: async (ctx, input) => input.count + ctx.executionId,
});

const cycle: Record<string, unknown> = {};
cycle["self"] = cycle;

const VALUES: readonly (readonly [string, unknown, ErrorCode])[] = [
  ["a function", { a: { b: () => 1 } }, "not_serializable"],
  ["a bigint", [1n], "not_serializable"],
  ["a cycle", cycle, "not_serializable"],
  ["a symbol", { a: Symbol("s") }, "not_serializable"],
  ["undefined inside an array", [undefined], "not_serializable"],
  ["a hole in an array", new Array<number>(1), "not_serializable"],
  ["a lone surrogate", "\ud800", "not_serializable"],
  ["a __proto__ key", JSON.parse('{"__proto__":{"polluted":true}}'), "not_serializable"],
  ["NaN", Number.NaN, "not_serializable"],
  ["a map", new Map(), "not_serializable"],
  ["17 MiB", "x".repeat(17 * 1024 * 1024), "payload_too_large"],
];

const IDS: readonly (readonly [string, string])[] = [
  ["empty", ""],
  ["with NUL", "a\0b"],
  ["of 10 KB", "x".repeat(10_240)],
  ["with half a character", "\ud800"],
];

async function expectNothingWritten(): Promise<void> {
  expect((await client.listInstances()).instances).toEqual([]);
}

describe("values that are not JSON", () => {
  test.each(VALUES)("%s is refused by start, raise and enqueue", async (_, value, code) => {
    await expect(client.startOrchestration("a", "Any", value)).rejects.toMatchObject({ code });
    await expect(client.raiseEvent("a", "event", value)).rejects.toMatchObject({ code });
    await expect(client.enqueueEvent("a", "queue", value)).rejects.toMatchObject({ code });
    await expectNothingWritten();
    expect(({} as { readonly polluted?: boolean }).polluted).toBeUndefined();
  });

  test.each(VALUES)(
    "%s as activity input fails the call, not the process",
    async (_, value, code) => {
      const never = defineActivity("Never", async () => "ran");
      const bad = defineOrchestration("Bad", async (ctx) => {
        try {
          ctx.scheduleActivity("Never", value);
          return "no error";
        } catch (error) {
          return (error as UsageError).code;
        }
      });
      await using runtime = await Runtime.start({
        store,
        activities: [never],
        orchestrations: [bad],
        logger: silentLogger,
      });
      const handle = await client.startOrchestration("bad", bad);
      expect(await handle.result({ timeout: "10s" })).toBe(code);
      expect(runtime.workerId).not.toBe("");
    },
  );

  test("the path inside the value is named", async () => {
    await expect(client.startOrchestration("a", "Any", { a: { b: [1, () => 2] } })).rejects.toThrow(
      '"a.b.1"',
    );
  });
});

describe("ids and names", () => {
  test.each(IDS)("an id %s is refused everywhere", async (_, id) => {
    const wanted = { code: "invalid_argument" };
    await expect(client.startOrchestration(id, "Any")).rejects.toMatchObject(wanted);
    await expect(client.raiseEvent(id, "event")).rejects.toMatchObject(wanted);
    await expect(client.cancelInstance(id)).rejects.toMatchObject(wanted);
    await expect(client.getOrchestrationStatus(id)).rejects.toMatchObject(wanted);
    await expect(client.waitForOrchestration(id, { timeout: 1 })).rejects.toMatchObject(wanted);
    await expect(client.startOrchestration("a", id)).rejects.toMatchObject(wanted);
    await expectNothingWritten();
  });

  test.each(['it\'s "quoted"; drop table instances; --', "emoji 🎈 äöü", "a/b#c?d%20e", " "])(
    "the id %j is an ordinary id",
    async (id) => {
      const echo = defineOrchestration("Echo", async (ctx) => ctx.instanceId);
      await using runtime = await Runtime.start({
        store,
        orchestrations: [echo],
        logger: silentLogger,
      });
      const handle = await client.startOrchestration(id, echo);
      expect(await handle.result({ timeout: "10s" })).toBe(id);
      expect((await client.listInstances({ idPrefix: id })).instances).toHaveLength(1);
      expect(runtime.workerId).not.toBe("");
    },
  );

  test("an unknown name waits, visibly", async () => {
    await using runtime = await Runtime.start({ store, logger: silentLogger });
    await client.startOrchestration("a", "Unknown");
    const status = await client.getOrchestrationStatus("a");
    expect(status.status).toBe("Pending");
    expect(runtime.workerId).not.toBe("");
  });
});

describe("schemas", () => {
  test("input that violates the schema is refused where it enters, with the schema's issues", async () => {
    const refused = client.startOrchestration("a", typed, { count: "three" } as never);
    await expect(refused).rejects.toBeInstanceOf(ValidationError);
    await expect(refused).rejects.toMatchObject({ issues: [{ path: "count" }] });
    const event = defineEvent("event", z.string());
    await expect(client.raiseEvent("a", event, 5 as never)).rejects.toBeInstanceOf(ValidationError);
    await expectNothingWritten();
  });

  test("input started by name is checked by the code that receives it", async () => {
    await using runtime = await Runtime.start({
      store,
      orchestrations: [typed],
      logger: silentLogger,
    });
    const handle = await client.startOrchestration("a", "Typed", { count: "three" });
    await expect(handle.result({ timeout: "10s" })).rejects.toMatchObject({
      failure: { name: "ValidationError", userCode: "validation_failed" },
    });
    expect(runtime.workerId).not.toBe("");
  });
});

describe("definitions and options", () => {
  test("definitions without name or function", () => {
    const wanted = expect.objectContaining({ code: "invalid_definition" }) as Error;
    expect(() => defineActivity("", async () => 1)).toThrow(wanted);
    expect(() => defineActivity("a", undefined as never)).toThrow(wanted);
    expect(() => defineOrchestration(5 as never)).toThrow(wanted);
    expect(() => defineEvent("e", {} as never)).toThrow(wanted);
  });

  test("duplicate registrations are named, all at once", async () => {
    const a = defineActivity("A", async () => 1);
    const other = defineActivity("A", async () => 2);
    await expect(Runtime.start({ store, activities: [a, other] })).rejects.toMatchObject({
      code: "duplicate_definition",
    });
    const builder = OrchestrationRegistry.builder()
      .registerVersioned("O", "2.0.0", async () => 1)
      .registerVersioned("O", "1.0.0", async () => 1)
      .registerVersioned("P", "1.0.0", async () => 1)
      .registerVersioned("P", "1.0.0", async () => 1);
    expect(() => builder.build()).toThrow(/"O" version "1.0.0".*"P" version "1.0.0"/s);
  });

  test.each([
    [{ lease: -1 }, "invalid_duration"],
    [{ lease: Number.NaN }, "invalid_duration"],
    [{ lease: "soon" as never }, "invalid_duration"],
    [{ lease: 1 }, "invalid_argument"],
    [{ activityConcurrency: -1 }, "invalid_argument"],
    [{ orchestrationConcurrency: 0.5 }, "invalid_argument"],
    [{ guards: "maybe" as never }, "invalid_argument"],
    [{ store: {} as never }, "invalid_argument"],
  ])("the option %j is refused", async (options, code) => {
    await expect(Runtime.start({ store, ...options })).rejects.toMatchObject({ code });
  });

  test.each([-1, Number.NaN, "never" as never])("a timer of %s fails the call", async (delay) => {
    const bad = defineOrchestration("Bad", async (ctx) => {
      try {
        await ctx.scheduleTimer(delay);
        return "no error";
      } catch (error) {
        return (error as UsageError).code;
      }
    });
    await using runtime = await Runtime.start({
      store,
      orchestrations: [bad],
      logger: silentLogger,
    });
    const handle = await client.startOrchestration("bad", bad);
    expect(await handle.result({ timeout: "10s" })).toBe("invalid_duration");
    expect(runtime.workerId).not.toBe("");
  });
});

describe("closed and shut down", () => {
  test("a closed store: every call and every runtime says so", async () => {
    await store.close();
    const wanted = { code: "closed" };
    await expect(Runtime.start({ store })).rejects.toMatchObject(wanted);
    await expect(client.startOrchestration("a", "Any")).rejects.toMatchObject(wanted);
    await expect(client.raiseEvent("a", "event")).rejects.toMatchObject(wanted);
    await expect(client.getOrchestrationStatus("a")).rejects.toMatchObject(wanted);
    await expect(client.waitForOrchestration("a")).rejects.toMatchObject(wanted);
    await expect(client.listInstances()).rejects.toMatchObject(wanted);
  });

  test("S320 a shutdown may be repeated, and what is started afterwards waits for the next runtime", async () => {
    const quick = defineOrchestration("Quick", async () => "done");
    const first = await Runtime.start({ store, orchestrations: [quick], logger: silentLogger });
    await first.shutdown();
    await first.shutdown();
    const handle = await client.startOrchestration("a", quick);
    expect((await handle.status()).status).toBe("Pending");
    await using second = await Runtime.start({
      store,
      orchestrations: [quick],
      logger: silentLogger,
    });
    expect(await handle.result({ timeout: "10s" })).toBe("done");
    expect(second.workerId).not.toBe(first.workerId);
  });

  test("waits end by timeout and by signal, and say so", async () => {
    await client.startOrchestration("a", "Any");
    await expect(client.waitForOrchestration("a", { timeout: 1 })).rejects.toMatchObject({
      code: "timeout",
    });
    await expect(client.waitForOrchestration("a", { timeout: -1 })).rejects.toMatchObject({
      code: "invalid_duration",
    });
    const controller = new AbortController();
    const waiting = client.waitForOrchestration("a", { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
  });
});
