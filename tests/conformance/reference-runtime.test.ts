/** Runtimes and clients on the reference store: what the kit calls correct is enough to work on. */

import {
  Client,
  defineActivity,
  defineEvent,
  defineOrchestration,
  defineQueue,
  Runtime,
  type RuntimeOptions,
} from "duroxide-ts";
import { ReferenceStore } from "duroxide-ts/conformance";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { recordingLogger } from "../support/logger.ts";
import { findViolations } from "../support/oracle.ts";
import { eventually, gate } from "../support/signal.ts";

const LIMIT = { timeout: "20s" } as const;

const approval = defineEvent<string>("Approval");
const numbers = defineQueue<number>("Numbers");

const double = defineActivity("Double", (n: number) => n * 2);
const hello = defineOrchestration("Hello", async (ctx, name: string) => {
  return `hello ${await ctx.scheduleActivity(double, 21)}, ${name}`;
});
const fanOut = defineOrchestration("FanOut", async (ctx, width: number) => {
  const all = Array.from({ length: width }, (_, n) => ctx.scheduleActivity(double, n));
  return (await Promise.all(all)).reduce((sum, n) => sum + n, 0);
});
const sleeper = defineOrchestration("Sleeper", async (ctx, ms: number) => {
  await ctx.scheduleTimer(ms);
  return "awake";
});
const listener = defineOrchestration("Listener", async (ctx) => {
  const winner = await ctx.select({
    approval: ctx.scheduleWait(approval),
    timeout: ctx.scheduleTimer("1h"),
  });
  return winner.key === "approval" ? winner.value : "nobody came";
});
const adder = defineOrchestration("Adder", async (ctx, sum: number): Promise<number> => {
  const next = await ctx.dequeueEvent(numbers);
  return next === 0 ? sum : ctx.continueAsNew(sum + next);
});
const parent = defineOrchestration("Parent", async (ctx, names: readonly string[]) => {
  return ctx.all(names.map((name) => ctx.scheduleSubOrchestration(hello, name)));
});
const CODE = {
  activities: [double],
  orchestrations: [hello, fanOut, sleeper, listener, adder, parent],
};

let store: ReferenceStore;
let client: Client;
let runtimes: Runtime[];

beforeEach(() => {
  store = new ReferenceStore();
  client = new Client(store);
  runtimes = [];
});
afterEach(async () => {
  await Promise.all(runtimes.map((runtime) => runtime.shutdown({ timeout: "5s" })));
  expect(await findViolations(client)).toEqual([]);
  expect(await store.listNodes()).toEqual([]);
  await store.close();
});

async function start(options: Partial<RuntimeOptions> = {}): Promise<Runtime> {
  const runtime = await Runtime.start({
    store,
    ...CODE,
    logger: recordingLogger(),
    lease: "1s",
    ...options,
  });
  runtimes.push(runtime);
  return runtime;
}

describe.each([
  { name: "resident", evictAfterEveryTurn: false },
  { name: "evicted every turn", evictAfterEveryTurn: true },
])("on the reference store, $name", ({ evictAfterEveryTurn }) => {
  beforeEach(async () => {
    await start({ residency: { evictAfterEveryTurn } });
  });

  test("an activity runs", async () => {
    const handle = await client.startOrchestration("a", hello, "Ada");
    expect(await handle.result(LIMIT)).toBe("hello 42, Ada");
  });

  test("a hundred activities run side by side", async () => {
    const handle = await client.startOrchestration("a", fanOut, 100);
    expect(await handle.result(LIMIT)).toBe(9_900);
  });

  test("a timer fires, and not early", async () => {
    const startedMs = store.nowMs();
    const handle = await client.startOrchestration("a", sleeper, 50);
    expect(await handle.result(LIMIT)).toBe("awake");
    expect(store.nowMs() - startedMs).toBeGreaterThanOrEqual(50);
  });

  test("an event wins over a timer", async () => {
    const handle = await client.startOrchestration("a", listener);
    await client.raiseEvent("a", approval, "yes");
    expect(await handle.result(LIMIT)).toBe("yes");
    expect(await store.nextDueMs(0)).toBeUndefined();
  });

  test("a queue outlives executions that continue as new", async () => {
    const handle = await client.startOrchestration("a", adder, 0);
    for (const n of [1, 2, 3, 4, 0]) await client.enqueueEvent("a", numbers, n);
    expect(await handle.result(LIMIT)).toBe(10);
    expect((await client.listExecutions("a")).map((it) => it.status)).toEqual([
      ...Array.from({ length: 4 }, () => "ContinuedAsNew"),
      "Completed",
    ]);
  });

  test("children answer their parent", async () => {
    const handle = await client.startOrchestration("a", parent, ["Ada", "Grace"]);
    expect(await handle.result(LIMIT)).toEqual(["hello 42, Ada", "hello 42, Grace"]);
    expect(await store.listChildren("a")).toHaveLength(2);
  });

  test("a cancelled instance ends", async () => {
    const handle = await client.startOrchestration("a", sleeper, 3_600_000);
    await client.cancelInstance("a", "no longer wanted");
    const { status } = await client.waitForOrchestration(handle.instanceId, LIMIT);
    expect(status).toBe("Canceled");
    expect(await store.nextDueMs(0)).toBeUndefined();
  });
});

describe("on connections of one reference store", () => {
  test("two runtimes share the work of a client on a third", async () => {
    const [left, right] = [store.connect(), store.connect()];
    await start({ store: left, activities: [] });
    await start({ store: right, orchestrations: [] });
    const handles = await Promise.all(
      Array.from({ length: 20 }, (_, i) => client.startOrchestration(`a${i}`, hello, `${i}`)),
    );
    const results = await Promise.all(handles.map((handle) => handle.result(LIMIT)));
    expect(results).toEqual(Array.from({ length: 20 }, (_, i) => `hello 42, ${i}`));
  });

  test("a second runtime takes over from one that has gone", async () => {
    const first = store.connect();
    const gone = await start({ store: first });
    const handle = await client.startOrchestration("a", listener);
    await eventually(async () => (await handle.status()).status === "Running");
    await gone.shutdown({ timeout: "1s" });
    await first.close();
    await start({ store: store.connect() });
    await client.raiseEvent("a", approval, "after the restart");
    expect(await handle.result(LIMIT)).toBe("after the restart");
  });

  test("an activity that was running at the restart runs again", async () => {
    const isRunning = gate();
    const stuck = defineActivity("Double", (_: number, activity) => {
      isRunning.open();
      return new Promise<number>((_resolve, reject) => {
        activity.signal.addEventListener("abort", () => {
          reject(new Error("stopped"));
        });
      });
    });
    const first = store.connect();
    const gone = await start({ store: first, activities: [stuck] });
    const handle = await client.startOrchestration("a", hello, "again");
    await isRunning.opened;
    await gone.shutdown({ timeout: 10 });
    await first.close();
    await start({ store: store.connect() });
    expect(await handle.result(LIMIT)).toBe("hello 42, again");
  });

  test("answers that are lost on their way change nothing", async () => {
    let count = 0;
    store = new ReferenceStore({
      isAnswerLost: () => {
        count += 1;
        return count % 3 === 0;
      },
    });
    client = new Client(store);
    await start();
    const handle = await client.startOrchestration("a", fanOut, 20);
    expect(await handle.result(LIMIT)).toBe(380);
    const history = await client.readExecutionHistory("a");
    expect(history.filter((event) => event.kind === "ActivityCompleted")).toHaveLength(20);
  });
});
