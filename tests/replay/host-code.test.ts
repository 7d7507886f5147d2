/** F4: code of the host is not taken for orchestration code, also when it runs during a window. */

import { AsyncLocalStorage, AsyncResource, createHook } from "node:async_hooks";
import { Console } from "node:console";
import diagnostics from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import { Readable, Transform, Writable } from "node:stream";
import { inspect } from "node:util";
import v8 from "node:v8";
import { afterEach, describe, expect, test, vi } from "vitest";

import { createDeferred } from "../../src/foundation/deferred.ts";
import type { OrchestrationContext } from "../../src/orchestration/context.ts";
import { guardNodeCrypto } from "../../src/runtime/crypto-guards.ts";
import { raised, Story } from "../support/story.ts";

type Ctx = OrchestrationContext;

guardNodeCrypto();
afterEach(() => {
  vi.useRealTimers();
});

/** All that is guarded, used at once. */
function useAll(): number {
  clearTimeout(setTimeout(() => undefined, 1));
  clearImmediate(setImmediate(() => undefined));
  return (
    Date.now() +
    new Date().getTime() +
    Math.random() +
    performance.now() +
    crypto.randomUUID().length
  );
}

/** Runs code that waits for an event after its first part and ends with its second. */
async function run(first: (ctx: Ctx) => unknown, second: () => unknown = () => undefined) {
  const story = new Story(
    async (ctx: Ctx) => {
      first(ctx);
      await ctx.scheduleWait("go");
      second();
      return "end";
    },
    { isHotOnly: true },
  );
  const started = await story.start();
  const ended = await story.turn(raised("go"));
  return { traces: [...started.traces, ...ended.traces], outcome: ended.outcome };
}

const ENDED = { traces: [], outcome: { kind: "completed" } };

describe("the host, while a window is open,", () => {
  test.each([
    ["before the first await", (resolve: () => void) => run(resolve)],
    ["after an await", (resolve: () => void) => run(() => undefined, resolve)],
  ])("F4 goes on after a promise that the orchestration resolves %s", async (_when, runWith) => {
    const told = createDeferred<undefined>();
    const host = (async () => {
      await told.promise;
      const now = useAll();
      await Promise.resolve();
      return now + useAll();
    })();
    const followed = told.promise.then(useAll).finally(useAll);
    expect(await runWith(() => told.resolve(undefined))).toMatchObject(ENDED);
    expect(await host).toBeGreaterThan(1);
    expect(await followed).toBeGreaterThan(1);
  });

  test("F4 uses its microtasks, its next ticks and its contexts", async () => {
    const told = createDeferred<undefined>();
    const ends = [createDeferred<number>(), createDeferred<number>()] as const;
    void new AsyncLocalStorage<number>().run(1, () =>
      told.promise.then(() => {
        queueMicrotask(() => ends[0].resolve(useAll()));
        process.nextTick(() => ends[1].resolve(useAll()));
      }),
    );
    expect(await run(() => told.resolve(undefined))).toMatchObject(ENDED);
    for (const end of ends) expect(await end.promise).toBeGreaterThan(1);
  });

  test("F4 is called through a function that is bound to its context", async () => {
    const values: number[] = [];
    const bound = AsyncResource.bind(() => void values.push(useAll()));
    expect(await run(bound, bound)).toMatchObject(ENDED);
    expect(values).toHaveLength(2);
  });

  test("F4 keeps the fake timers of a test", async () => {
    const told = createDeferred<undefined>();
    const now = told.promise.then(() => Date.now());
    vi.useFakeTimers({ toFake: ["Date"], now: 77 });
    await run(() => told.resolve(undefined));
    expect(await now).toBe(77);
  });

  test("F4 listens to an emitter that the orchestration uses: logged, and not refused", async () => {
    const emitter = new EventEmitter();
    const target = new EventTarget();
    const channel = diagnostics.channel("duroxide-ts/test");
    const times: number[] = [];
    emitter.on("progress", () => void times.push(Date.now()));
    target.addEventListener("progress", () => void times.push(Date.now()));
    diagnostics.subscribe(channel.name, () => void times.push(Date.now()));
    const { outcome, traces } = await run(
      () => {
        emitter.emit("progress");
        target.dispatchEvent(new Event("progress"));
      },
      () => channel.publish({}),
    );
    expect(outcome).toMatchObject({ kind: "completed" });
    expect(times).toHaveLength(3);
    expect(traces).toHaveLength(3);
    for (const trace of traces)
      expect(trace).toMatchObject({
        level: "warn",
        message: expect.stringMatching(/listener.* uses Date\.now\(\) \(.*host-code\.test\.ts/),
      });
  });

  test.each(["init", "before", "after", "promiseResolve"] as const)(
    "F4, F31 hooks on promises: %s uses the clock, which is logged once",
    async (event) => {
      let count = 0;
      const hook = createHook({ [event]: () => void (count += Math.sign(Date.now())) }).enable();
      const { outcome, traces } = await run(
        () => void Promise.resolve().then(() => undefined),
        () => Promise.resolve(),
      ).finally(() => hook.disable());
      expect(outcome).toMatchObject({ kind: "completed" });
      expect(count).toBeGreaterThan(3);
      // The same line for all four.
      expect(traces.length).toBeLessThanOrEqual(1);
    },
  );

  test("F4, F31 hooks on promises of V8 in the same way, where there is more than one", async () => {
    let count = 0;
    const stops = [
      v8.promiseHooks.onBefore(() => void (count += Math.sign(Date.now()))),
      v8.promiseHooks.onBefore(() => undefined),
    ];
    const { outcome } = await run(() => undefined).finally(() => {
      for (const stop of stops) (stop as () => void)();
    });
    expect(outcome).toMatchObject({ kind: "completed" });
    expect(count).toBeGreaterThan(0);
  });

  test("F4 stamps what the orchestration writes to its streams", async () => {
    const lines: string[] = [];
    const note = (line: unknown) => void lines.push(`${Math.sign(Date.now())} ${String(line)}`);
    const stamp = new TransformStream<string, string>({
      transform: (line, out) => out.enqueue(`${Math.sign(Date.now())} ${line}`),
    });
    const reader = stamp.readable.getReader();
    const writer = stamp.writable.getWriter();
    const sink = new WritableStream<string>({ write: (line) => note(line) }).getWriter();
    const source = new ReadableStream({ pull: () => note("pulled") }, { highWaterMark: 0 });
    const transform = new Transform({ transform: (_line, _code, end) => end(null, note("t")) });
    const writable = new Writable({ write: (_line, _code, end) => end(note("w") ?? null) });
    const readable = new Readable({ read: () => note("r") });
    const { outcome } = await run(
      () => {
        void writer.write("a").catch(() => undefined);
        void sink.write("b");
        void source.getReader().read();
        transform.write("c");
        writable.write("d");
        readable.read();
      },
      () => void writer.write("e"),
    );
    expect(outcome).toMatchObject({ kind: "completed" });
    const read = async () => (await reader.read()).value;
    expect([await read(), await read()]).toEqual(["1 a", "1 e"]);
    expect(new Set(lines)).toEqual(new Set(["1 b", "1 pulled", "1 t", "1 w", "1 r"]));
    await expect(Promise.all([writer.write("later"), reader.read()])).resolves.toBeDefined();
  });

  test("F4 prints for the orchestration: consoles, values and stacks", async () => {
    const lines: string[] = [];
    const stamped = (text: string) => `${Math.sign(Date.now())} ${text}`;
    const quiet = { on() {}, once() {}, removeListener() {}, listenerCount: () => 0 };
    const write = (line: string) => lines.push(stamped(line));
    const out = new Console({ ...quiet, write } as never);
    const value = { [inspect.custom]: () => stamped("value") };
    const prepare = Error.prepareStackTrace;
    const { outcome } = await run(
      () => {
        out.log("line");
        lines.push(inspect(value));
      },
      () => {
        Error.prepareStackTrace = () => stamped("stack");
        lines.push(String(new Error("x").stack));
      },
    ).finally(() => {
      Error.prepareStackTrace = prepare;
    });
    expect(outcome).toMatchObject({ kind: "completed" });
    expect(lines).toEqual(["1 line\n", "1 value", "1 stack"]);
  });
});

describe("a report", () => {
  const { prepareStackTrace } = Error;
  const tampers: Record<string, unknown> = {
    "gives call sites": (_error: Error, sites: unknown) => sites,
    throws: () => {
      throw new Error("no stacks here");
    },
    "gives nothing": () => undefined,
    "uses the clock": () => String(Date.now()),
  };
  test.each(Object.keys(tampers))(
    "F4 keeps its line where Error.prepareStackTrace %s",
    async (tamper) => {
      Error.prepareStackTrace = tampers[tamper] as never;
      const { violation, after } = await violate().finally(() => {
        Error.prepareStackTrace = prepareStackTrace;
      });
      expect(violation).toMatch(/^Cannot use Math\.random\(\) in an orchestration/);
      if (tamper !== "uses the clock") expect(violation).toContain("host-code.test.ts");
      expect(after).toBe(tampers[tamper]);
    },
  );
});

test("F4 a report keeps its line where Error is hardened", async () => {
  Object.defineProperty(Error, "stackTraceLimit", { writable: false });
  const { violation } = await violate().finally(() => {
    Object.defineProperty(Error, "stackTraceLimit", { writable: true });
  });
  expect(violation).toMatch(/^Cannot use Math\.random\(\) in an orchestration \(.*host-code/);
});

/** Uses chance in an orchestration. @returns The report */
async function violate() {
  const report = await run(() => Math.random()).then(
    () => "none",
    (error: unknown) => error,
  );
  const after = Error.prepareStackTrace as unknown;
  return { violation: report instanceof Error ? report.message : String(report), after };
}

describe("orchestration code", () => {
  test.each<[string, (ctx: Ctx) => unknown]>([
    ["after an await of its own promise", async () => Promise.resolve().then(useAll)],
    ["in a helper", async () => (async () => useAll())()],
    ["in a microtask", () => queueMicrotask(() => void useAll())],
    ["in map()", (ctx) => ctx.scheduleWait("go").map(useAll)],
    ["in a branch", (ctx) => ctx.all([async (scope) => scope.scheduleWait("go").then(useAll)])],
    ["behind Promise.all", (ctx) => Promise.all([ctx.scheduleWait("go")]).then(useAll)],
    ["after finally()", (ctx) => Promise.resolve(ctx.scheduleWait("go")).finally(useAll)],
  ])("F4 is held to the rules %s", async (_where, use) => {
    await expect(
      run((ctx) => void Promise.resolve(use(ctx)).catch(() => undefined)),
    ).rejects.toThrow(/Cannot use .* in an orchestration/);
  });
});
