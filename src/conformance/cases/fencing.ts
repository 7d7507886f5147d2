/** P2, P3: what comes under a claim that is not current has no effect at all, and learns why. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import {
  activity,
  continued,
  DONE,
  effects,
  historyRow,
  keyValues,
  readAll,
  request,
  timer,
} from "../effects.ts";
import { expectEqual, expectKind, expectThat } from "../expectation.ts";
import { commitOf, type StoreUnderTest } from "../store-under-test.ts";
import type {
  ActivityClaim,
  InstanceClaim,
  TurnEffects,
  WriteOperation,
} from "../../provider/provider.ts";

const IDS = ["a", "b", "child"];

/** A turn that would leave traces everywhere. */
function traces(store: StoreUnderTest): Partial<TurnEffects> {
  return {
    history: [historyRow(50)],
    change: { ...DONE, name: "x", version: "9.9.9", customStatus: { value: "x" } },
    newActivities: [activity(60)],
    cancelledActivities: [{ executionId: 1, activityId: 1 }],
    newTimers: [timer(61, store.nowMs + 5)],
    starts: [request("child")],
    messages: [{ instanceId: "b", body: "x" }],
    ...keyValues({ k: "x" }, true),
  };
}

/** Runs operations that have to be refused, and compares the store before and after. */
async function expectRefused(
  store: StoreUnderTest,
  operations: readonly WriteOperation[],
): Promise<void> {
  const nodes = await store.provider.listNodes();
  const read = async (): Promise<unknown> => ({
    all: await readAll(store.provider, IDS),
    due: await store.provider.nextDueMs(0),
    held: await Promise.all(nodes.map(({ id }) => store.provider.readHeldWork(id, 100))),
    hasWork: await store.provider.hasClaimableWork(),
  });
  const before = await read();
  for (const operation of operations) {
    const outcome = await store.write(operation);
    const { reason } = expectKind(outcome, "claimLost", `a refused ${operation.kind}`);
    expectThat(reason.length > 0, "a reason for the refusal");
    expectEqual(await read(), before, `the store after a refused ${operation.kind}`);
  }
}

function underInstance(store: StoreUnderTest, claim: InstanceClaim): readonly WriteOperation[] {
  const release = { kind: "releaseInstance", claim, visibleAtMs: store.nowMs + 60_000 } as const;
  const blocked = { code: "x", message: "x", sinceMs: 1 };
  return [
    commitOf(claim, traces(store)),
    commitOf(claim, { continued: continued() }),
    { ...release, blocked },
  ];
}

function underActivity(store: StoreUnderTest, claim: ActivityClaim): readonly WriteOperation[] {
  return [
    { kind: "completeActivity", claim, body: "x" },
    { kind: "heartbeatActivity", claim, details: "x" },
    { kind: "releaseActivity", claim, visibleAtMs: store.nowMs, isAttemptCounted: false },
  ];
}

async function fill(store: StoreUnderTest): Promise<InstanceClaim> {
  await store.begin("b");
  const newActivities = [activity(1)];
  return store.begin("a", { history: [historyRow(1)], newActivities, ...keyValues({ k: "1" }) });
}

export const fencing: readonly ConformanceCase[] = concern("fencing", {
  "refuses a claim of an earlier epoch": async (store) => {
    const stale = await fill(store);
    await store.send("a", "x");
    await store.release(stale);
    const current = await store.claimOne();
    await expectRefused(store, underInstance(store, stale));
    await store.land(current.claim, { history: [historyRow(2)] });
  },

  "refuses a claim of an epoch that was never given": async (store) => {
    const claim = await fill(store);
    await expectRefused(store, underInstance(store, { ...claim, epoch: claim.epoch + 1 }));
    await store.land(claim, { history: [historyRow(2)] });
  },

  "refuses a claim that was handed back": async (store) => {
    const claim = await fill(store);
    await store.release(claim);
    await expectRefused(store, underInstance(store, claim));
  },

  "refuses another node under the right epoch": async (store) => {
    const claim = await fill(store);
    const node = await store.registerNode();
    await expectRefused(store, underInstance(store, { ...claim, node }));
    await store.land(claim, { history: [historyRow(2)] });
  },

  "refuses a node that is not on the list": async (store) => {
    const claim = await fill(store);
    const { claim: running } = await store.claimActivity();
    await store.provider.removeNode(store.node);
    const fresh = {
      kind: "startInstance",
      request: request("child"),
      firstTurn: { node: store.node, effects: effects({ history: [historyRow(1)] }) },
    } as const;
    await expectRefused(store, [
      ...underInstance(store, claim),
      ...underActivity(store, running),
      fresh,
    ]);
  },

  "refuses a node that came back from the dead, after another has taken over": async (store) => {
    const claim = await fill(store);
    const { claim: running } = await store.claimActivity();
    await store.send("a", "x");
    const other = await store.registerNode();
    await store.provider.removeNode(store.node);
    const taken = await store.claimOne({ node: other });
    const activities = await store.claimActivities({ node: other });
    await expectRefused(store, underInstance(store, claim));
    await expectRefused(store, underActivity(store, running));
    await store.land(taken.claim, { history: [historyRow(2)] });
    const lost = await store.provider.findLostActivities(activities.map((it) => it.claim));
    expectEqual(lost, [], "what the other one has lost");
  },

  "refuses another attempt, node, number or execution of an activity": async (store) => {
    await fill(store);
    const { claim } = await store.claimActivity();
    const node = await store.registerNode();
    for (const wrong of [
      { ...claim, attempt: claim.attempt + 1 },
      { ...claim, attempt: claim.attempt - 1 },
      { ...claim, node },
      { ...claim, activityId: 2 },
      { ...claim, executionId: 2 },
    ]) {
      await expectRefused(store, underActivity(store, wrong));
      expectEqual(await store.provider.findLostActivities([wrong]), [wrong], "what is lost");
    }
    const { heartbeat } = await afterHandBack(store, claim);
    expectEqual(heartbeat, undefined, "the progress");
  },

  "refuses an attempt that was handed back, while it waits and when it runs again": async (
    store,
  ) => {
    await fill(store);
    const { claim } = await store.claimActivity();
    await store.handBack(claim);
    await expectRefused(store, underActivity(store, claim));
    await store.claimActivity();
    await expectRefused(store, underActivity(store, claim));
  },

  "refuses the turns of an instance that has ended": async (store) => {
    const claim = await fill(store);
    await store.land(claim, { change: { status: "Failed" } });
    await expectRefused(store, underInstance(store, claim));
  },
});

async function afterHandBack(
  store: StoreUnderTest,
  claim: ActivityClaim,
): Promise<{ readonly heartbeat: string | undefined }> {
  await store.handBack(claim);
  return store.claimActivity();
}
