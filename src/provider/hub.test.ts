import { describe, expect, test, vi } from "vitest";

import { StoreUnderTest, effects, request, timer } from "../../tests/support/sqlite-store.ts";
import { StoreHub, type LocalRuntime } from "./hub.ts";

/** A runtime that notes what it is told. */
function listener(): LocalRuntime & { readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    isGathering: false,
    tryStart: () => undefined,
    isRunning: () => false,
    onEnded: () => undefined,
    onCanceled: () => undefined,
    onDelivered: (messages) => {
      told.push(...messages.map(({ instanceId }) => `delivered ${instanceId}`));
    },
    onActivitiesReady: () => {
      told.push("activities");
    },
    onDue: (dueMs) => {
      told.push(`due ${dueMs}`);
    },
    onBlocked: (instanceId) => {
      told.push(`blocked ${instanceId}`);
    },
    onUncertain: () => {
      told.push("look");
    },
  };
}

describe("hasClaimableWork()", () => {
  test("looks once for those who ask at the same moment, and again for those who ask later", async () => {
    const { provider } = await StoreUnderTest.open("memory");
    const look = vi.spyOn(provider, "hasClaimableWork");
    const hub = StoreHub.of(provider);
    expect(await Promise.all([hub.hasClaimableWork(), hub.hasClaimableWork()])).toEqual([
      false,
      false,
    ]);
    expect(look).toHaveBeenCalledTimes(1);
    const later = hub.hasClaimableWork();
    await Promise.resolve();
    await Promise.all([later, hub.hasClaimableWork()]); // The first look has begun.
    expect(look).toHaveBeenCalledTimes(3);
  });
});

describe("news of this process", () => {
  test("one hub per provider", async () => {
    const { provider } = await StoreUnderTest.open("memory");
    expect(StoreHub.of(provider)).toBe(StoreHub.of(provider));
  });

  test("every runtime hears of messages, and none after it has left", async () => {
    const { provider } = await StoreUnderTest.open("memory");
    const hub = StoreHub.of(provider);
    const [first, second] = [listener(), listener()];
    const leave = hub.join(first);
    hub.join(second);
    await hub.start(request("a"), 1_000);
    leave();
    await hub.start(request("b"), 1_000);
    expect(first.told).toEqual(["delivered a"]);
    expect(second.told).toEqual(["delivered a", "delivered b"]);
  });

  test("every runtime hears of a delayed start, for nobody else in this process tells it", async () => {
    const { provider, clock } = await StoreUnderTest.open("memory");
    const hub = StoreHub.of(provider);
    const runtime = listener();
    hub.join(runtime);
    await hub.start(request("later", { notBeforeMs: clock.ms + 5_000 }), 1_000);
    expect(runtime.told).toEqual([`due ${clock.ms + 5_000}`]);
  });

  test("every runtime hears of timers and of what is put off, of the earliest only", async () => {
    const store = await StoreUnderTest.open("memory");
    const hub = StoreHub.of(store.provider);
    const claim = await store.begin("a");
    const runtime = listener();
    hub.join(runtime);
    await hub.write({
      kind: "commitTurn",
      claim,
      consumed: { messages: [], timers: [], activities: [] },
      effects: effects({
        newTimers: [timer(2, store.clock.ms + 300), timer(3, store.clock.ms + 200)],
      }),
    });
    await hub.write({
      kind: "releaseInstance",
      claim,
      visibleAtMs: store.clock.ms + 100,
    });
    expect(runtime.told).toEqual([`due ${store.clock.ms + 200}`, `due ${store.clock.ms + 100}`]);
  });

  test("a timer that is due before its commit is noted, too", async () => {
    const store = await StoreUnderTest.open("memory");
    const hub = StoreHub.of(store.provider);
    const runtime = listener();
    hub.join(runtime);
    const firstTurn = { node: store.node, effects: effects({ newTimers: [timer(2, 1)] }) };
    await hub.write({ kind: "startInstance", request: request("a"), firstTurn });
    expect(runtime.told).toEqual(["due 1"]);
  });

  test("a start is offered to each runtime in turn, then queued", async () => {
    const { provider } = await StoreUnderTest.open("memory");
    const hub = StoreHub.of(provider);
    const offered: string[] = [];
    hub.join({
      ...listener(),
      tryStart: ({ instanceId }, retryMs) => {
        offered.push(`${instanceId} ${retryMs}`);
        return instanceId === "taken" ? Promise.resolve({ kind: "unknownInstance" }) : undefined;
      },
    });
    expect((await hub.start(request("taken"), 7)).kind).toBe("unknownInstance");
    expect((await hub.start(request("queued"), 8)).kind).toBe("started");
    expect(offered).toEqual(["taken 7", "queued 8"]);
  });
});
