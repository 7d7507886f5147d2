/** P4 under load: work that several nodes claim at once goes to one of them. */

import type { ConformanceCase } from "../case.ts";
import { concern } from "../case.ts";
import { activity, DONE, idsOf, messageIdsOf, request } from "../effects.ts";
import { expectEqual, expectThat } from "../expectation.ts";
import { commitOf } from "../store-under-test.ts";
import type { ActivityClaim, InstanceClaim, WriteOperation } from "../../provider/provider.ts";

const CLAIMERS = 10;
const numbers = Array.from({ length: CLAIMERS }, (_, i) => i);

/** Ends what was claimed, so that the next round may take its id. */
function finish(claims: readonly InstanceClaim[]): readonly WriteOperation[] {
  return claims.map((claim) => commitOf(claim, { change: DONE }));
}

export const contention: readonly ConformanceCase[] = concern("contention", {
  "gives ten instances to ten claimers, each to one, round after round": async (store) => {
    const nodes = await Promise.all(numbers.map(() => store.registerNode()));
    for (let round = 0; round < store.contentionRounds; round += 1) {
      await store.provider.write(
        numbers.map((i) => ({
          kind: "startInstance" as const,
          request: request(`i${i}`, { runId: `${round} ${i}`, idReuse: "replaceFinished" }),
        })),
      );
      const claimed = await Promise.all(nodes.map((node) => store.claim({ node, limit: 1 })));
      const ids = idsOf(claimed.flat()).sort();
      expectEqual(ids, numbers.map((i) => `i${i}`).sort(), `the instances of round ${round}`);
      const ended = await store.provider.write(finish(claimed.flat().map((it) => it.claim)));
      const isEnded = ended.every((outcome) => outcome.kind === "committed");
      expectThat(isEnded, `every turn of round ${round} to land`);
    }
  },

  "gives ten activities to ten claimers, each to one, round after round": async (store) => {
    const nodes = await Promise.all(numbers.map(() => store.registerNode()));
    const instance = await store.begin("a");
    for (let round = 0; round < store.contentionRounds; round += 1) {
      const newActivities = numbers.map((i) => activity(round * CLAIMERS + i));
      await store.land(instance, { newActivities });
      const claimed = await Promise.all(
        nodes.map((node) => store.claimActivities({ node, limit: 1 })),
      );
      const ids = claimed.flat().map((it) => it.claim.activityId);
      const expected = newActivities.map((it) => it.activityId);
      expectEqual(
        ids.sort((a, b) => a - b),
        expected,
        `the activities of round ${round}`,
      );
      const complete = (claim: ActivityClaim): WriteOperation => ({
        ...{ kind: "completeActivity", claim, body: "" },
      });
      await store.provider.write(claimed.flat().map((it) => complete(it.claim)));
      const messages = await store.heldMessages();
      expectEqual(messages.length, CLAIMERS, `the number of completions of round ${round}`);
      await store.land(instance, {}, { messages: messageIdsOf(messages) });
    }
  },

  "lets one of ten claimers have the only instance": async (store) => {
    const nodes = await Promise.all(numbers.map(() => store.registerNode()));
    for (let round = 0; round < 20; round += 1) {
      await store.start(`i${round}`);
      const claimed = await Promise.all(nodes.map((node) => store.claim({ node })));
      expectEqual(idsOf(claimed.flat()), [`i${round}`], `the claims of round ${round}`);
    }
  },

  "lets one of ten starts of the same id win": async (store) => {
    for (let round = 0; round < 20; round += 1) {
      const outcomes = await Promise.all(
        numbers.map((i) => store.start(`i${round}`, { runId: `${round} ${i}` })),
      );
      const winners = outcomes.filter((outcome) => outcome.kind === "started");
      expectEqual(winners.length, 1, `the number of winners of round ${round}`);
    }
  },

  "loses and repeats no message of ten senders, and keeps the order of each": async (store) => {
    const claim = await store.begin("a");
    const send = async (sender: number): Promise<void> => {
      for (let i = 0; i < 20; i += 1) await store.send("a", `${sender} ${i}`);
    };
    const seen: string[] = [];
    const consume = async (): Promise<void> => {
      const messages = await store.heldMessages();
      await store.land(claim, {}, { messages: messageIdsOf(messages) });
      seen.push(...messages.map((message) => message.body));
    };
    const sending = Promise.all(numbers.map(send));
    for (let i = 0; i < 10; i += 1) await consume();
    await sending;
    await consume();
    for (const sender of numbers) {
      const own = seen.filter((body) => body.startsWith(`${sender} `));
      const expected = Array.from({ length: 20 }, (_, i) => `${sender} ${i}`);
      expectEqual(own, expected, `the messages of sender ${sender}`);
    }
  },

  "claims nothing twice over several connections, round after round": async (store) => {
    const providers = await Promise.all(numbers.slice(0, 3).map(() => store.connect()));
    const nodes = await Promise.all(
      providers.map((provider) => provider.registerNode({ label: "x", leaseMs: 10_000 })),
    );
    const rounds = Math.min(store.contentionRounds, 50);
    for (let round = 0; round < rounds; round += 1) {
      const ids = numbers.map((i) => `${round} ${i}`).sort();
      for (const id of ids) await store.start(id);
      const claimed = await Promise.all(
        providers.map(async (provider, i) => {
          const node = nodes[i] ?? store.node;
          return provider.claimInstances({ node, limit: 4, remembered: new Map() });
        }),
      );
      const rest = await store.claim();
      const all = [...claimed.flat(), ...rest];
      expectEqual(idsOf(all).sort(), ids, `the instances of round ${round}`);
      await store.provider.write(finish(all.map((it) => it.claim)));
    }
  },
});
