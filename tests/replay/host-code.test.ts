/** F4: code of the host is not taken for orchestration code, also when it runs during a window. */

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import diagnostics from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
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
    const listener = () => void times.push(Date.now());
    emitter.on("progress", listener);
    target.addEventListener("progress", listener);
    diagnostics.subscribe(channel.name, listener);
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
        message: expect.stringMatching(/listener .* uses Date\.now\(\) \(.*host-code\.test\.ts/),
      });
  });
});

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
