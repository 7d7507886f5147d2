/** G1, G3: a process may die between any two statements, and what is left is whole. */

import type { CaseOutcome, ConformanceCase } from "../case.ts";
import { concern, runOn } from "../case.ts";
import {
  activity,
  DONE,
  historyRow,
  keyValues,
  messageIdsOf,
  readAll,
  request,
  timer,
} from "../effects.ts";
import { ConformanceError, expectEqual, expectThat } from "../expectation.ts";
import type { ConformanceHarness } from "../harness.ts";
import { commitOf, type StoreUnderTest } from "../store-under-test.ts";
import type { NodeId, Provider, WriteOperation } from "../../provider/provider.ts";

/** More statements than any write here needs. */
const STATEMENTS_MAX = 500;
const IDS = ["a", "b", "c"];

/** What a store is made to do when it dies. */
type Scene = (store: StoreUnderTest) => Promise<readonly WriteOperation[]>;

export const crashes: readonly ConformanceCase[] = [
  ...concern("crashes", {
    "do not undo what was acknowledged": async (store) => {
      const points = store.crashes();
      const claim = await store.begin("a", { history: [historyRow(1)] });
      await store.land(claim, { history: [historyRow(2)], change: DONE });
      points.arm(1);
      await Promise.allSettled([store.start("b")]);
      expectThat(points.hasCrashed(), "the store to crash");
      const revived = await points.reopen();
      const rows = await revived.readHistory("a", 1);
      expectEqual(rows, [historyRow(1), historyRow(2)], "the history");
    },
  }),
  between("a start, a message and a turn", async (store) => {
    const claim = await store.begin("a", { newActivities: [activity(1), activity(2)] });
    await store.send("a", "x");
    const running = await store.claimActivities();
    const { claim: first } = running[0] ?? (await store.claimActivity());
    const messages = messageIdsOf(await store.heldMessages());
    return [
      { kind: "startInstance", request: request("b") },
      { kind: "completeActivity", claim: first, body: "y" },
      commitOf(
        claim,
        {
          history: [historyRow(1)],
          change: { version: "1.0.0", customStatus: { value: "1" } },
          newActivities: [activity(3)],
          newTimers: [timer(4, store.nowMs + 60_000)],
          starts: [request("c")],
          messages: [{ instanceId: "b", body: "z" }],
          ...keyValues({ k: "1" }),
        },
        { messages },
      ),
    ];
  }),
  between("the end of an instance and the start of its successor", async (store) => {
    const link = { instanceId: "a", executionId: 1, eventId: 1 };
    const claim = await store.begin("a", { starts: [request("b", { parent: link })] });
    return [
      commitOf(claim, { history: [historyRow(1)], change: DONE }),
      {
        kind: "startInstance",
        request: request("a", { runId: "second", idReuse: "replaceFinished" }),
      },
    ];
  }),
];

/** One case: the store dies before statement 1, 2, 3 ... of a write, each time a new store. */
function between(name: string, scene: Scene): ConformanceCase {
  const run = async (harness: ConformanceHarness): Promise<CaseOutcome> => {
    let whole = "";
    const outcome = await runOn(harness, async (store) => {
      store.crashes();
      const operations = await scene(store);
      await store.provider.write(operations);
      whole = await readState(store.provider, store.node);
    });
    if (outcome.kind === "skipped") return outcome;
    for (let at = 1; at <= STATEMENTS_MAX; at += 1) {
      const write = { hasCrashed: false };
      await runOn(harness, async (store) => {
        write.hasCrashed = await dieAt(at, store, scene, whole);
      });
      if (!write.hasCrashed) return { kind: "passed" };
    }
    throw new ConformanceError(`Expected a write of at most ${STATEMENTS_MAX} statements`);
  };
  return { concern: "crashes", name: `leave ${name} whole`, run };
}

/** @returns Whether the write was long enough for a death at this statement */
async function dieAt(
  at: number,
  store: StoreUnderTest,
  scene: Scene,
  whole: string,
): Promise<boolean> {
  const points = store.crashes();
  const operations = await scene(store);
  const before = await readState(store.provider, store.node);
  points.arm(at);
  const [result] = await Promise.allSettled([store.provider.write(operations)]);
  if (!points.hasCrashed()) return false;
  const revived = await points.reopen();
  const after = await readState(revived, store.node);
  const what = `the store after a death at statement ${at}`;
  if (after !== before) {
    expectEqual(after, whole, what);
    return true;
  }
  expectThat(result.status === "rejected", `what was acknowledged to be in ${what}`);
  await revived.write(operations);
  expectEqual(await readState(revived, store.node), whole, `${what}, and the same write again`);
  return true;
}

/** What differs between two stores with the same content. */
const PASSING: ReadonlySet<string> = new Set([
  ...["key", "id", "createdMs", "updatedMs", "startedMs", "completedMs", "fireAtMs", "sinceMs"],
]);

async function readState(provider: Provider, node: NodeId): Promise<string> {
  const held = await provider.readHeldWork(node, 100);
  const state = {
    all: await readAll(provider, IDS),
    held: held.map(({ messages, dueTimers }) => [messages.map(({ body }) => body), dueTimers]),
    hasTimers: (await provider.nextDueMs(0)) !== undefined,
    hasWork: await provider.hasClaimableWork(),
  };
  return JSON.stringify(state, (name, value: unknown) => {
    if (PASSING.has(name)) return undefined;
    return value instanceof Map ? [...(value as ReadonlyMap<unknown, unknown>)] : value;
  });
}
