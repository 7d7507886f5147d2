/**
 * Explains where a workload's time goes: runs it once under V8's profiler and adds up self times by
 * room and by function.
 *
 * A native function has no file: its time belongs to whoever called it, except JSON's, which is
 * serialisation wherever it is called. Samples are of the main thread of this process, from the first
 * line of the workload to its last: the floor and the loading of modules are no part of them.
 */

import { Session } from "node:inspector/promises";

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

const GROUPS: readonly (readonly [name: string, url: RegExp])[] = [
  [
    "storage",
    /\/(?:src|dist)\/providers\/|\/(?:src|dist)\/provider\/texts|node_modules\/(@photostructure|pg)/,
  ],
  [
    "serialisation",
    /\/(?:src|dist)\/history\/|\/(?:src|dist)\/foundation\/(json|limits)|\/effects\.[jt]s/,
  ],
  ["timers", /due-alarm|node:internal\/timers|\/(?:src|dist)\/foundation\/clock/],
  ["replay", /\/(?:src|dist)\/(replay|orchestration)\//],
  [
    "scheduling",
    /\/(?:src|dist)\/(runtime|provider|client|foundation)\/|node:internal\/(process|async)/,
  ],
];
const MARKERS: ReadonlyMap<string, string> = new Map([
  ["(garbage collector)", "garbage"],
  ["(idle)", "idle"],
  ["(program)", "other"],
  ["(root)", "other"],
]);
const SERIALISERS = new Set(["parse", "stringify"]);
const FUNCTIONS_SHOWN = 25;
const SAMPLING_US = 200;

/** Runs `work` under the profiler, and prints what it was busy with. */
export async function explain(work: () => Promise<unknown>): Promise<void> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: SAMPLING_US });
  await session.post("Profiler.start");
  await work();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  print(profile as CpuProfile);
}

function print(profile: CpuProfile): void {
  const { byGroup, byFunction } = sumSelfTimes(profile);
  const idleMs = byGroup.get("idle") ?? 0;
  byGroup.delete("idle");
  const busyMs = [...byGroup.values()].reduce((sum, ms) => sum + ms, 0);
  const share = (ms: number): string => `${((ms / busyMs) * 100).toFixed(1).padStart(5)} %`;
  const line = (name: string, ms: number): string =>
    `${share(ms)}  ${ms.toFixed(0).padStart(7)} ms  ${name}`;
  console.log(`busy ${busyMs.toFixed(0)} ms, idle ${idleMs.toFixed(0)} ms\n`);
  for (const [name, ms] of descending(byGroup)) console.log(line(name, ms));
  console.log("");
  for (const [name, ms] of descending(byFunction).slice(0, FUNCTIONS_SHOWN)) {
    console.log(line(name, ms));
  }
}

function sumSelfTimes(profile: CpuProfile) {
  const parents = new Map<number, ProfileNode>();
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  for (const node of profile.nodes) for (const id of node.children ?? []) parents.set(id, node);
  const byGroup = new Map<string, number>();
  const byFunction = new Map<string, number>();
  const groups = new Map<number, string>();
  profile.samples.forEach((id, i) => {
    const node = nodes.get(id);
    if (node === undefined) return;
    const ms = (profile.timeDeltas[i] ?? 0) / 1_000;
    const group = groups.get(id) ?? findGroup(node, parents);
    groups.set(id, group);
    add(byGroup, group, ms);
    if (group !== "idle") add(byFunction, `${group}: ${describe(node, parents)}`, ms);
  });
  return { byGroup, byFunction };
}

function findGroup(node: ProfileNode, parents: ReadonlyMap<number, ProfileNode>): string {
  const { functionName } = node.callFrame;
  const marker = MARKERS.get(functionName);
  if (marker !== undefined) return marker;
  for (let at: ProfileNode | undefined = node; at !== undefined; at = parents.get(at.id)) {
    const { url, functionName: name } = at.callFrame;
    if (url === "" && SERIALISERS.has(name)) return "serialisation";
    if (url !== "") return GROUPS.find(([, pattern]) => pattern.test(url))?.[0] ?? "other";
  }
  return "other";
}

function describe(node: ProfileNode, parents: ReadonlyMap<number, ProfileNode>): string {
  const { functionName, url, lineNumber } = node.callFrame;
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url !== "")
    return `${name} ${url.replace(/^.*\/(?=(src|dist|bench|node_modules)\/)/, "")}:${lineNumber + 1}`;
  const caller = parents.get(node.id)?.callFrame;
  return caller === undefined || caller.functionName === "" || caller.functionName === "(root)"
    ? name
    : `${name} (native) of ${caller.functionName}`;
}

function add(sums: Map<string, number>, key: string, ms: number): void {
  sums.set(key, (sums.get(key) ?? 0) + ms);
}

function descending(sums: ReadonlyMap<string, number>): [string, number][] {
  return [...sums].sort(([, a], [, b]) => b - a);
}
