/** F45: a method without its object, and a class that a function makes, are refused in a sentence. */

import * as main from "duroxide-ts";
import {
  ActivityRegistry,
  Client,
  defineActivity,
  defineOrchestration,
  OrchestrationRegistry,
  Runtime,
  silentLogger,
  SqliteProvider,
  UsageError,
} from "duroxide-ts";
import * as postgres from "duroxide-ts/postgres";
import * as sqlite from "duroxide-ts/sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { guardMethods } from "../../src/foundation/own-object.ts";

type Loose = (...args: unknown[]) => unknown;
type Class = new (...args: unknown[]) => object;

/** Public classes that are made with `new`, beside the errors. */
const MADE_WITH_NEW: readonly unknown[] = [Client];
const instead: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [Runtime, "await Runtime.start({ store, ... })"],
  [SqliteProvider, "await SqliteProvider.open(file)"],
  [postgres.PostgresProvider, "await PostgresProvider.connect(url)"],
  [ActivityRegistry, "ActivityRegistry.builder()"],
  [OrchestrationRegistry, "OrchestrationRegistry.builder()"],
]);

const doors = [main, sqlite, postgres];
const classes = [...new Set(doors.flatMap((door) => Object.values<unknown>(door)))].filter(
  (value): value is Class =>
    typeof value === "function" &&
    /^class\b/.test(Function.prototype.toString.call(value)) &&
    !(value.prototype instanceof Error),
);

/** The functions of an object's class. */
function methodsOf(object: object): [name: string, method: Loose][] {
  const prototype = Object.getPrototypeOf(object) as object;
  return Reflect.ownKeys(prototype).flatMap((key) => {
    const { value } = Object.getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
    return key === "constructor" || typeof value !== "function"
      ? []
      : [[String(key), value as Loose] as [string, Loose]];
  });
}

/** What a call throws, or what its promise rejects with. */
async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    return `no error: ${String(await call())}`;
  } catch (error) {
    return error;
  }
}

let objects: Record<string, object>;
let store: SqliteProvider;
let runtime: Runtime;

beforeAll(async () => {
  store = await SqliteProvider.inMemory();
  const seen: object[] = [];
  const look = defineOrchestration("Look", async (ctx) => {
    seen.push(ctx, ctx.kv);
    return ctx.scheduleActivity("Note", 1);
  });
  const note = defineActivity("Note", ({}, { traceInfo, heartbeat }) => {
    traceInfo("works without its object");
    return heartbeat(1);
  });
  runtime = await Runtime.start({
    store,
    activities: [note],
    orchestrations: [look],
    logger: silentLogger,
  });
  const client = new Client(store);
  const handle = await client.startOrchestration("i", look);
  await handle.result();
  const [ctx, kv] = seen;
  objects = {
    client,
    handle,
    runtime,
    store,
    postgres: Object.create(postgres.PostgresProvider.prototype) as object,
    ctx: ctx!,
    kv: kv!,
    activities: ActivityRegistry.builder().build(),
    "activities' builder": ActivityRegistry.builder(),
    orchestrations: OrchestrationRegistry.builder().build(),
    "orchestrations' builder": OrchestrationRegistry.builder(),
  };
});
afterAll(async () => {
  await runtime.shutdown();
  await store.close();
});

const NAMES = ["client", "handle", "runtime", "store", "postgres", "ctx", "kv"].concat(
  ["activities", "orchestrations"].flatMap((name) => [name, `${name}' builder`]),
);

describe("a method without its object", () => {
  test.each(NAMES)("F45 is refused in a sentence: %s", async (name) => {
    const object = objects[name]!;
    const methods = methodsOf(object);
    expect(methods.length).toBeGreaterThan(1);
    for (const [method, call] of methods) {
      for (const self of [undefined, process, { ...object }, new Proxy(object, {})]) {
        const error = await errorOf(() => Reflect.apply(call, self, ["a", "b"]));
        expect(error).toBeInstanceOf(UsageError);
        expect(error).toMatchObject({
          code: "invalid_argument",
          message: expect.stringMatching(
            /^Cannot call [a-z.]+\.[\w.()]+\(\) without its object: .*; call .* itself, and pass it on as \(\) => /,
          ),
        });
        expect((error as Error).message).toContain(`.${method}()`);
      }
    }
  });

  test("F45 keeps name and length, and rejects where the method is async", async () => {
    class Own {
      readonly #own = 1;
      static {
        guardMethods(this, "own", (it) => #own in it);
      }
      async wait(ms: number): Promise<number> {
        return Promise.resolve(ms + this.#own);
      }
    }
    const { wait } = Own.prototype;
    expect([wait.name, wait.length]).toEqual(["wait", 1]);
    expect(await new Own().wait(1)).toBe(2);
    await expect((wait as Loose)(1)).rejects.toThrow(
      "Cannot call own.wait() without its object: it was taken off, or the object is a copy or a proxy; " +
        "call own.wait() itself, and pass it on as () => own.wait()",
    );
  });
});

describe("a class that a function makes", () => {
  test("F45 says which function, when it is called with new", () => {
    for (const [made, call] of instead) {
      for (const args of [[], ["a.db"], [{ store }], [Symbol("made by the class itself")]])
        expect(() => Reflect.construct(made as Class, args)).toThrow(
          expect.objectContaining({
            code: "invalid_argument",
            message: expect.stringMatching(
              /^Cannot make a \w+ with `new`: that opens nothing; call /,
            ),
          }),
        );
      expect(() => Reflect.construct(made as Class, [])).toThrow(call);
    }
  });

  test("F45 each public class is one of these, or made with new", () => {
    expect(classes.length).toBeGreaterThan(4);
    for (const one of classes) expect(MADE_WITH_NEW.includes(one) || instead.has(one)).toBe(true);
  });
});
