/**
 * W12. Question: how much of the store's raw write bandwidth is left for large payloads?
 *
 * Each orchestration hands a payload to an activity and gets one of the same size back: two values
 * that have to be durable. The floor writes two plain rows of that size for each, as many to a commit
 * as there are callers.
 */

import { defineActivity, defineOrchestration } from "duroxide-ts";

import type { Bench, Sample, Workload } from "./workload.ts";
import { assertEqual, callInLoop, openWorld, PATIENCE, timeMs } from "./world.ts";

const MB = 1e6;
const CALLERS = 8;
const VALUES = 2;

/** Text as in documents: words, some of them quoted, some not ASCII, and no sentence twice. */
function toText(bytes: number): string {
  const words: string[] = [];
  let state = 42;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let length = 0; length < bytes;) {
    const letters = Array.from({ length: 2 + next(9) }, () => LETTERS[next(LETTERS.length)]);
    const word = next(20) === 0 ? `"${letters.join("")}"` : letters.join("");
    words.push(word);
    length += Buffer.byteLength(word) + 1;
  }
  return words.join(" ");
}

const LETTERS = "eeeeeettttaaaaooooiiinnnsssrrrhhhlllddduuucccmmfffgypwbvkäß";

const texts = new Map([10_000, 100_000, 1_000_000].map((bytes) => [bytes, toText(bytes)]));

const giveBack = defineActivity("GiveBack", (text: string) => text);

const carry = defineOrchestration("Carry", async (ctx, bytes: number) => {
  const text = await ctx.scheduleActivity(giveBack, texts.get(bytes) ?? "");
  return text.length;
});

function nameOf(bytes: number): string {
  return bytes < MB ? `${bytes / 1_000} KB` : `${bytes / MB} MB`;
}

async function runSize(bench: Bench, bytes: number, totalBytes: number): Promise<Sample[]> {
  const text = texts.get(bytes) ?? "";
  const total = Math.max(CALLERS, Math.ceil(totalBytes / bytes / VALUES));
  const world = await openWorld(bench, { activities: [giveBack], orchestrations: [carry] });
  const runAll = (prefix: string, n: number) =>
    callInLoop(n, CALLERS, async (i) => {
      const handle = await world.client.startOrchestration(`${prefix}-${i}`, carry, bytes);
      assertEqual(await handle.result(PATIENCE), text.length, "W12");
    });
  await runAll("warm-up", CALLERS);
  const ms = await timeMs(() => runAll("measured", total));
  const diskBytes = await world.close();
  const valueBytes = Buffer.byteLength(text);
  const rawMs = await bench.kind.writeRaw(bench.durability, {
    text,
    count: total * VALUES,
    perCommit: CALLERS,
  });
  const name = `W12, payloads of ${nameOf(bytes)}`;
  const toBandwidth = (time: number): number => (total * VALUES * valueBytes) / MB / (time / 1_000);
  const ratio = rawMs / ms;
  return [
    {
      figure: `${name}: bandwidth`,
      unit: "MB/s",
      value: toBandwidth(ms),
      better: "higher",
      floor: { ratio, of: "raw bandwidth" },
    },
    { figure: `${name}: raw bandwidth`, unit: "MB/s", value: toBandwidth(rawMs), better: "higher" },
    {
      figure: `${name}: share of the raw bandwidth`,
      unit: "x",
      value: ratio,
      better: "higher",
      target: 0.5,
    },
    {
      figure: `${name}: on disk`,
      unit: "bytes/byte",
      value: diskBytes / ((total + CALLERS) * VALUES * valueBytes),
      better: "lower",
    },
  ];
}

export const payloads: Workload = {
  id: "w12",
  question: "How much of the raw write bandwidth do large payloads get?",
  isDurabilityBound: true,
  async run(bench) {
    const samples: Sample[] = [];
    for (const bytes of texts.keys()) {
      samples.push(...(await runSize(bench, bytes, bench.isQuick ? 16 * MB : 128 * MB)));
    }
    return samples;
  },
};
