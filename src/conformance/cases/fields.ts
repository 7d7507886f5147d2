/** What is written is what is read: each field with a value of its own, and each one left out. */

import type { ParentLink } from "../../history/event.ts";
import type { Failure } from "../../history/failure.ts";
import type {
  BlockedReason,
  ClaimedActivity,
  ExecutionRow,
  HistoryRow,
  InstanceChange,
  InstanceRow,
  NewActivity,
} from "../../provider/provider.ts";
import { concern, type ConformanceCase } from "../case.ts";
import { activity, continued, historyRow, keyValues, timer } from "../effects.ts";
import { expectEqual, expectOne, expectThat } from "../expectation.ts";
import type { StoreUnderTest } from "../store-under-test.ts";

// `Required` lets no field that is added to the contract be forgotten here.
const PARENT: Required<ParentLink> = {
  instanceId: "the parent",
  executionId: 2,
  eventId: 3,
  runId: "run of the parent",
};

const FAILURE: Required<Failure> = {
  category: "application",
  code: "activity_failed",
  name: "RangeError",
  message: "too much",
  stack: "RangeError: too much\n    at pay (shop.ts:1:2)",
  userCode: "E_RANGE",
  data: { deep: [1, null, "é"] },
  cause: { category: "application", code: "application", name: "Error", message: "the cause" },
  errors: [{ category: "application", code: "application", name: "Error", message: "a member" }],
  isTerminated: true,
  isNonRetryable: true,
};

const BLOCKED: Required<BlockedReason> = {
  code: "nondeterminism",
  message: "another step",
  sinceMs: 1_234,
  eventId: 5,
  expected: "activity A",
  actual: "activity B",
  source: "shop.ts:1:2",
};

const HISTORY: Required<HistoryRow> = {
  executionId: 1,
  firstEventId: 1,
  lastEventId: 4,
  eventCount: 4,
  timestampMs: 1_000_007,
  format: 9,
  data: "four events",
};

const ACTIVITY: Required<NewActivity> = {
  activityId: 4,
  name: "charge",
  body: "charge the card",
  tag: "gpu",
  sessionId: "session 7",
  isClaimed: false,
};

const FAILED: Required<InstanceChange> = {
  name: "renamed",
  version: "3.2.1",
  status: "Failed",
  output: '"partial"',
  failure: FAILURE,
  customStatus: { value: '"at the end"' },
};

/** @returns The row of an instance that has ended, read by each way to it */
async function rowsOf(store: StoreUnderTest, row: InstanceRow): Promise<readonly InstanceRow[]> {
  const { provider } = store;
  const { rows } = await provider.listInstances({ limit: 1_000, idPrefix: row.instanceId });
  return [
    await store.row(row.instanceId),
    expectOne(rows, "row of a list"),
    expectOne(await provider.listChildren(PARENT.instanceId), "child"),
  ];
}

function expectTime(actual: unknown, notBeforeMs: number, what: string): void {
  expectThat(
    typeof actual === "number" && actual >= notBeforeMs,
    `${what} not to be before ${notBeforeMs}`,
  );
}

export const fields: readonly ConformanceCase[] = concern("fields", {
  "of an instance are read as they were written, by each way": async (store) => {
    const startedMs = store.nowMs;
    const claim = await store.begin("i", { history: [HISTORY] }, { parent: PARENT });
    const status = { customStatus: { value: '"half-way"' } };
    const next = historyRow(5, { timestampMs: 1_000_008 });
    await store.land(claim, { history: [next], change: status });
    await store.land(claim, { history: [historyRow(6)], change: FAILED });
    const { createdMs, ...row } = await store.row("i");
    const expected: Required<Omit<InstanceRow, "createdMs" | "blocked">> = {
      key: claim.key,
      instanceId: "i",
      name: FAILED.name ?? "",
      version: FAILED.version ?? "",
      runId: "run of i",
      status: "Failed",
      executionId: 1,
      output: FAILED.output,
      failure: FAILURE,
      customStatus: '"at the end"',
      customStatusVersion: 2,
      parent: PARENT,
      updatedMs: historyRow(6).timestampMs,
    };
    expectEqual(row, expected, "the row of an instance");
    expectTime(createdMs, startedMs, "the time of creation");
    for (const read of await rowsOf(store, { createdMs, ...row })) {
      expectEqual(read, { createdMs, ...row }, "the row of an instance, read another way");
    }
  },

  "of an instance that were never written are absent": async (store) => {
    await store.start("i", { version: undefined, parent: undefined });
    const { key: _, createdMs, updatedMs, ...row } = await store.row("i");
    expectThat(createdMs > 0 && updatedMs > 0, "a time of creation and of the last change");
    const expected: Omit<InstanceRow, "key" | "createdMs" | "updatedMs"> = {
      instanceId: "i",
      name: "order",
      version: "",
      runId: "run of i",
      status: "Pending",
      executionId: 1,
      output: undefined,
      customStatus: undefined,
      customStatusVersion: 0,
    };
    expectEqual(row, expected, "the row of an instance that has not begun");
  },

  "of what blocks an instance, and of a claim, are read as they were written": async (store) => {
    const claim = await store.begin("i", {
      history: [HISTORY],
      newTimers: [timer(2, store.nowMs - 1)],
      ...keyValues({ color: '"red"' }),
    });
    await store.send("i", "hello");
    const visibleAtMs = store.nowMs;
    await store.write({ kind: "releaseInstance", claim, visibleAtMs, blocked: BLOCKED });
    expectEqual((await store.row("i")).blocked, BLOCKED, "what blocks an instance");
    const { row, messages, ...claimed } = await store.claimOne();
    expectEqual(row.blocked, BLOCKED, "what blocks a claimed instance");
    expectEqual(row.instanceId, "i", "the row of a claimed instance");
    expectEqual(
      claimed,
      {
        claim: { key: claim.key, node: store.node, epoch: 2 },
        instanceId: "i",
        previousEpoch: 1,
        crashes: 0,
        dueTimers: [timer(2, claimed.dueTimers[0]?.fireAtMs ?? 0)],
        history: [HISTORY],
        keyValues: new Map(),
      },
      "a claimed instance",
    );
    const [message] = messages;
    expectEqual(message, { id: message?.id, body: "hello" }, "a message");
    expectThat(message?.id !== undefined, "a message with an id");
    expectEqual(
      await store.provider.readKeyValues("i"),
      new Map([["color", { value: '"red"', updatedMs: 7 }]]),
      "the key-values of an instance",
    );
  },

  "of an activity are handed out as they were written": async (store) => {
    const bare = activity(5);
    const claim = await store.begin("i", {
      history: [HISTORY],
      newActivities: [ACTIVITY, bare],
    });
    const [full, plain] = await store.claimActivities();
    const { key } = claim;
    const expected: Required<ClaimedActivity> = {
      claim: { key, executionId: 1, activityId: 4, node: store.node, attempt: 1 },
      instanceId: "i",
      crashes: 0,
      name: ACTIVITY.name,
      body: ACTIVITY.body,
      tag: ACTIVITY.tag ?? "",
      sessionId: ACTIVITY.sessionId ?? "",
      heartbeat: undefined,
    };
    expectEqual(full, expected, "a claimed activity");
    const { tag: _, sessionId: __, ...rest } = expected;
    const itsOwn = { claim: { ...expected.claim, activityId: 5 }, name: bare.name };
    expectEqual(plain, { ...rest, ...itsOwn, body: bare.body }, "one without tag and session");
    await store.heartbeat(expected.claim, '"half-way"');
    await store.handBack(expected.claim);
    const again = expectOne(await store.claimActivities(), "claimable activity");
    const retried = { claim: { ...expected.claim, attempt: 2 }, heartbeat: '"half-way"' };
    expectEqual(again, { ...expected, ...retried }, "an activity on its second attempt");
  },

  "of history and of each execution are read as they were written": async (store) => {
    const claim = await store.begin("i", { history: [HISTORY] }, { version: "1.0.0" });
    const second = historyRow(5, { timestampMs: 1_000_009, eventCount: 2, lastEventId: 6 });
    const ended = continued(1);
    await store.land(claim, { history: [second], continued: ended });
    const third = historyRow(1, { executionId: 2, timestampMs: 1_000_011 });
    await store.land(claim, { executionId: 2, history: [third], change: FAILED });
    const { provider } = store;
    expectEqual(await provider.readHistory("i", 1), [HISTORY, second], "the history");
    expectEqual(await provider.readHistory("i", 2), [third], "the history of the next execution");
    const [first, last] = await provider.listExecutions("i");
    const expected: Omit<Required<ExecutionRow>, "failure"> = {
      executionId: 1,
      name: ended.name,
      version: ended.version,
      status: "ContinuedAsNew",
      output: ended.output,
      startedMs: ended.startedMs,
      completedMs: second.timestampMs,
      eventCount: HISTORY.eventCount + second.eventCount,
    };
    expectEqual(first, expected, "an execution that continued as new");
    const current: Required<ExecutionRow> = {
      executionId: 2,
      name: FAILED.name ?? "",
      version: FAILED.version ?? "",
      status: "Failed",
      output: FAILED.output,
      failure: FAILURE,
      startedMs: third.timestampMs,
      completedMs: third.timestampMs,
      eventCount: third.eventCount,
    };
    expectEqual(last, current, "the execution that has ended");
  },

  "are kept in full, however long their texts are": async (store) => {
    const long = (what: string): string => `${what} ${"é".repeat(5_000)}`;
    const history = historyRow(1, { data: long("history") });
    const body = long("body");
    const claim = await store.begin("i", {
      history: [history],
      newActivities: [activity(2, { body })],
      ...keyValues({ key: long("value") }),
      change: { customStatus: { value: long("status") } },
    });
    await store.send("i", long("message"));
    const [first] = await store.claimActivities();
    expectEqual(first?.body, body, "the body of an activity");
    if (first !== undefined) await store.heartbeat(first.claim, long("heartbeat"));
    if (first !== undefined) await store.handBack(first.claim);
    const again = await store.claimActivity();
    expectEqual([again.body, again.heartbeat], [body, long("heartbeat")], "its second attempt");
    const failure = { ...FAILURE, message: long("failure"), stack: long("stack") };
    const change = { ...FAILED, failure, output: long("output") };
    await store.land(claim, { history: [historyRow(3, { data: long("more") })], change });
    const { provider } = store;
    const read = await provider.readHistory("i", 1);
    expectEqual(
      read?.map(({ data }) => data),
      [history.data, long("more")],
      "the history",
    );
    const row = await store.row("i");
    expectEqual([row.output, row.failure], [change.output, failure], "the end of an instance");
    const values = await provider.readKeyValues("i");
    expectEqual(values?.get("key")?.value, long("value"), "a value of a key");
  },

  "of a node are listed as they were registered": async (store) => {
    const id = await store.provider.registerNode({ label: "second", leaseMs: 12_345 });
    const rows = await store.provider.listNodes();
    const node = rows.find((row) => row.id === id);
    const facts = { label: node?.label, leaseMs: node?.leaseMs };
    expectEqual(facts, { label: "second", leaseMs: 12_345 }, "a node");
    expectThat(typeof node?.renewals === "number", "a counter of renewals");
    expectThat(!node.isProvablyDead, "a node that is not dead");
  },
});
