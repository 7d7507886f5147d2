/** Stores that are wrong in one way each, made of the reference store. */

import type { ReferenceStore } from "../../src/conformance/index.ts";
import type {
  ClaimedActivity,
  ClaimedInstance,
  InstanceKey,
  NodeId,
  Provider,
  QueuedMessage,
  WriteOperation,
  WriteOutcome,
} from "../../src/provider/provider.ts";

export interface Mutant {
  /** What is wrong with it. */
  readonly name: string;
  /** A case that has to notice; others may, too. */
  readonly caughtBy: string;
  readonly wrap: (store: ReferenceStore) => Provider;
}

function mutant(
  name: string,
  caughtBy: string,
  change: (store: ReferenceStore) => Partial<Provider>,
): Mutant {
  return {
    name,
    caughtBy,
    wrap: (store) => replaceMethods(store, change(store)),
  };
}

/** The store with other methods in the place of its own. */
export function replaceMethods(store: ReferenceStore, changed: Partial<Provider>): Provider {
  return new Proxy<Provider>(store, {
    get(_, key) {
      const own = changed[key as keyof Provider];
      const value: unknown = own ?? store[key as keyof ReferenceStore];
      return typeof value === "function" ? (value as () => unknown).bind(store) : value;
    },
  });
}

/** A mutant that changes operations on their way to the store, which may make more of one. */
function onWrite(
  name: string,
  caughtBy: string,
  change: (operation: WriteOperation, store: ReferenceStore) => WriteOperation,
): Mutant {
  return mutant(name, caughtBy, (store) => ({
    write: (operations) => store.write(operations.map((operation) => change(operation, store))),
  }));
}

function reversed<T extends { readonly messages: readonly QueuedMessage[] }>(work: T): T {
  return { ...work, messages: [...work.messages].reverse() };
}

export const MUTANTS: readonly Mutant[] = [
  mutant("takes any epoch", "fencing refuses a claim of an earlier epoch", (store) => {
    const epochs = new Map<InstanceKey, number>();
    return {
      claimInstances: async (request) => {
        const claimed = await store.claimInstances(request);
        for (const { claim } of claimed) epochs.set(claim.key, claim.epoch);
        return claimed;
      },
      write: (operations) =>
        store.write(
          operations.map((it) => {
            if (it.kind !== "commitTurn") return it;
            const epoch = epochs.get(it.claim.key) ?? it.claim.epoch;
            return { ...it, claim: { ...it.claim, epoch } };
          }),
        ),
    };
  }),
  mutant(
    "takes any attempt",
    "fencing refuses an attempt that was handed back, while it waits and when it runs again",
    (store) => {
      const attempts = new Map<InstanceKey, number>();
      return {
        claimActivities: async (request) => {
          const claimed = await store.claimActivities(request);
          for (const { claim } of claimed) attempts.set(claim.key, claim.attempt);
          return claimed;
        },
        write: (operations) =>
          store.write(
            operations.map((it) => {
              if (it.kind !== "completeActivity" || it.isResult === true) return it;
              const attempt = attempts.get(it.claim.key) ?? it.claim.attempt;
              return { ...it, claim: { ...it.claim, attempt } };
            }),
          ),
      };
    },
  ),
  mutant(
    "delivers completions twice",
    "queues swap an activity for its completion in one go",
    (store) => ({
      write: async (operations) => {
        const outcomes = await store.write(operations);
        for (const [i, operation] of operations.entries()) {
          const outcome = outcomes[i];
          if (operation.kind !== "completeActivity" || outcome?.kind !== "accepted") continue;
          const instanceId = outcome.delivered[0]?.instanceId ?? "";
          const message = { instanceId, body: operation.body };
          await store.write([{ kind: "sendMessage", message }]);
        }
        return outcomes;
      },
    }),
  ),
  mutant(
    "loses the order",
    "queues deliver in the order of writing, whoever wrote (P5)",
    (store) => ({
      claimInstances: async (request) => (await store.claimInstances(request)).map(reversed),
      readHeldWork: async (node, limit) => (await store.readHeldWork(node, limit)).map(reversed),
    }),
  ),
  mutant(
    "commits half of a batch",
    "atomicity leaves nothing of a batch behind when one of its operations breaks (P1, P6)",
    (store) => ({
      write: async (operations) => {
        const outcomes: WriteOutcome[] = [];
        for (const operation of operations) outcomes.push(...(await store.write([operation])));
        return outcomes;
      },
    }),
  ),
  onWrite(
    "counts every attempt",
    "attempts of an activity grow with each claim, and are taken back on request",
    (it) => ("isAttemptCounted" in it ? { ...it, isAttemptCounted: true } : it),
  ),
  mutant(
    "hands out held instances",
    "instance claims gives a held instance to nobody else, nor to its holder again (P4)",
    (store) => {
      let last: readonly ClaimedInstance[] = [];
      return {
        claimInstances: async (request) => {
          const claimed = await store.claimInstances(request);
          last = claimed.length > 0 ? claimed : last;
          return last;
        },
      };
    },
  ),
  mutant(
    "hands out held activities",
    "activities are handed out with everything, once",
    (store) => {
      let last: readonly ClaimedActivity[] = [];
      return {
        claimActivities: async (request) => {
          const claimed = await store.claimActivities(request);
          last = claimed.length > 0 ? claimed : last;
          return last;
        },
      };
    },
  ),
  mutant(
    "answers claims that come at once with one result",
    "contention gives ten instances to ten claimers, each to one, round after round",
    (store) => {
      let underWay: Promise<readonly ClaimedInstance[]> | undefined;
      return {
        claimInstances: (request) => {
          underWay ??= store.claimInstances(request).finally(() => (underWay = undefined));
          return underWay;
        },
      };
    },
  ),
  mutant(
    "trusts what a node remembers, whatever happened since",
    "instance claims leaves out the history that a node remembers, for exactly the epoch before",
    (store) => ({
      claimInstances: async (request) => {
        const claimed = await store.claimInstances(request);
        return claimed.map((it) =>
          request.remembered.has(it.claim.key) ? { ...it, history: undefined } : it,
        );
      },
    }),
  ),
  mutant(
    "lets a refused turn send its messages",
    "fencing refuses a claim of an earlier epoch",
    (store) => ({
      write: async (operations) => {
        const outcomes = await store.write(operations);
        for (const [i, it] of operations.entries()) {
          if (it.kind !== "commitTurn" || outcomes[i]?.kind !== "claimLost") continue;
          const sends = it.effects.messages.map((message) => ({
            ...({ kind: "sendMessage", message } as const),
          }));
          await store.write(sends);
        }
        return outcomes;
      },
    }),
  ),
  onWrite(
    "forgets what it did when its answer was lost",
    "repetition after a lost answer gives the answers of the first time, and acts once (P7)",
    (it) => ({ ...it }),
  ),
  mutant(
    "hands work to nodes without the code for it",
    "code filter hands an instance to the node that has its name",
    (store) => ({
      registerNode: ({ code: _, ...description }) => store.registerNode(description),
    }),
  ),
  mutant(
    "removes a node that has renewed meanwhile",
    "nodes and claim expiry leave only while their renewals stand where they were seen",
    (store) => ({ removeNode: (node) => store.removeNode(node) }),
  ),
  mutant(
    "begins a replay with what the execution itself has written",
    "key-values of the current execution are not what a replay begins with",
    (store) => ({
      claimInstances: async (request) => {
        const claimed = await store.claimInstances(request);
        return Promise.all(
          claimed.map(async (it) => {
            const keyValues = (await store.readKeyValues(it.instanceId)) ?? it.keyValues;
            return { ...it, keyValues };
          }),
        );
      },
    }),
  ),
  onWrite(
    "removes messages that no turn has seen",
    "instance claims removes only the messages that a turn names (P5)",
    (it) => {
      if (it.kind !== "commitTurn" || it.consumed.messages.length === 0) return it;
      const messages = Array.from({ length: 1_000 }, (_, i) => i);
      return { ...it, consumed: { ...it.consumed, messages } };
    },
  ),
  onWrite(
    "does not know a request again",
    "starts say that an id is in use, and whether by the very same request",
    (it) =>
      it.kind === "startInstance"
        ? { ...it, request: { ...it.request, runId: `${Math.random()}` } }
        : it,
  ),
  mutant(
    "loses parked work",
    "parking ends at once with unblockWork(), except for delayed starts",
    () => ({
      unblockWork: async () => undefined,
    }),
  ),
  mutant(
    "is deaf",
    "connections are told of what another has written, until they end the watch",
    () => ({
      watch: () => () => undefined,
    }),
  ),
  mutant("sleeps through timers", "timers and due times delay a start until its time", () => ({
    nextDueMs: async () => undefined,
  })),
  mutant(
    "mixes what was tried with what was not",
    "counted crashes tell apart which instances are wanted",
    (store) => ({
      claimInstances: ({ crashes: _, ...request }) => store.claimInstances(request),
    }),
  ),
  mutant(
    "takes every silent node for a crashed one",
    "counted crashes are not what is handed back, nor what a node leaves, nor what is taken from a live one",
    (store) => ({
      removeNode: (node, takeover) =>
        store.removeNode(node, takeover && { ...takeover, isCrash: true }),
    }),
  ),
  mutant(
    "never takes a crash back",
    "counted crashes are taken back when the node is heard of again, by its renewal or its leave",
    (store) => {
      const isListed = async (node: NodeId): Promise<boolean> =>
        (await store.listNodes()).some(({ id }) => id === node);
      return {
        renewNode: async (node) => (await isListed(node)) && store.renewNode(node),
        removeNode: async (node, takeover) =>
          (await isListed(node)) && store.removeNode(node, takeover),
      };
    },
  ),
  onWrite(
    "lets a failure count whoever delivers it",
    "counted crashes do not keep a result from counting, whoever holds the activity by now (P3)",
    (it) => (it.kind === "completeActivity" ? { ...it, isResult: true } : it),
  ),
  onWrite(
    "lets no late result count",
    "counted crashes do not keep a result from counting, whoever holds the activity by now (P3)",
    (it) => (it.kind === "completeActivity" ? { ...it, isResult: false } : it),
  ),
  mutant(
    "begins each page of a list anew",
    "management lists page by page, and the last page has no cursor",
    (store) => ({
      listInstances: ({ cursor: _, ...query }) => store.listInstances(query),
    }),
  ),
  mutant(
    "ends an instance whatever has landed since it was read",
    "endings are refused when a turn has landed that was not read",
    (store) => ({
      write: async (operations) => {
        const { rows } = await store.listInstances({ limit: 1_000 });
        const changed = operations.map(async (it) => {
          const row = rows.find(({ key }) => it.kind === "endInstance" && key === it.key);
          if (it.kind !== "endInstance" || row === undefined) return it;
          const history = await store.readHistory(row.instanceId, row.executionId);
          return { ...it, lastEventId: history?.at(-1)?.lastEventId ?? 0 };
        });
        return store.write(await Promise.all(changed));
      },
    }),
  ),
  onWrite(
    "lets urgent messages wait",
    "endings of messages: an urgent one wakes a parked instance and a delayed start",
    (it) => {
      if (it.kind !== "sendMessage") return it;
      return { ...it, message: { ...it.message, isUrgent: false } };
    },
  ),
  mutant("closes in silence", "errors tells those who watch once more when it closes", () => ({
    watch: () => () => undefined,
  })),
  mutant("stays open", "errors closes once, and refuses every call afterwards", () => ({
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  })),
];
