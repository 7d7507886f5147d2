/**
 * Explains where a workload's time goes: runs it once under V8's profiler and adds up self times by
 * room and by function.
 *
 * A native function has no file: its time belongs to whoever called it, except JSON's, which is
 * serialisation wherever it is called. Samples are of the main thread alone.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { findWorkloads } from "./workloads.ts";

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
    /\/(?:src|dist)\/history\/|\/(?:src|dist)\/foundation\/(json|limits)|\/effects\.ts/,
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
/** The floor and the loading of modules are no part of the question. */
const LEFT_OUT = /\/bench\/floor-|node:internal\/(modules|deps\/cjs)|node_modules\/(tsx|esbuild)/;
const SERIALISERS = new Set(["parse", "stringify"]);
const FUNCTIONS_SHOWN = 25;

/** Runs this program again, profiled, and prints what it was busy with. */
export function profileWorkload(id: string, args: readonly string[]): void {
  findWorkloads([id]);
  const folder = mkdtempSync(join(tmpdir(), "duroxide-profile-"));
  try {
    const at = args.findIndex((arg) => arg.startsWith("--profile"));
    const others = args.toSpliced(at, args[at]?.includes("=") === true ? 1 : 2);
    const { status } = spawnSync(
      process.execPath,
      [
        "--cpu-prof",
        `--cpu-prof-dir=${folder}`,
        "--cpu-prof-interval=200",
        ...process.execArgv,
        process.argv[1] ?? "",
        ...others,
        ...["--only", id, "--runs", "1"],
        ...(others.some((arg) => arg.startsWith("--durability")) ? [] : ["--durability", "full"]),
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    if (status !== 0) throw new Error(`Cannot profile ${id}: it ended with status ${status}`);
    const profiles = readdirSync(folder).map(
      (file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile,
    );
    // Loaders and workers of a workload are profiled, too.
    const [busiest] = profiles.sort((a, b) => countBusy(b) - countBusy(a));
    if (busiest !== undefined) print(busiest);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countBusy({ nodes, samples }: CpuProfile): number {
  const idle = nodes.find(({ callFrame }) => callFrame.functionName === "(idle)")?.id;
  return samples.reduce((count, id) => (id === idle ? count : count + 1), 0);
}

function print(profile: CpuProfile): void {
  const { byGroup, byFunction } = sumSelfTimes(profile);
  const idleMs = byGroup.get("idle") ?? 0;
  const leftOutMs = byGroup.get("left out") ?? 0;
  byGroup.delete("idle");
  byGroup.delete("left out");
  const busyMs = [...byGroup.values()].reduce((sum, ms) => sum + ms, 0);
  const share = (ms: number): string => `${((ms / busyMs) * 100).toFixed(1).padStart(5)} %`;
  const line = (name: string, ms: number): string =>
    `${share(ms)}  ${ms.toFixed(0).padStart(7)} ms  ${name}`;
  console.log(
    `busy ${busyMs.toFixed(0)} ms, idle ${idleMs.toFixed(0)} ms, floor and loading ${leftOutMs.toFixed(0)} ms\n`,
  );
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
    if (group !== "idle" && group !== "left out")
      add(byFunction, `${group}: ${describe(node, parents)}`, ms);
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
    if (LEFT_OUT.test(url)) return "left out";
    if (url !== "") return GROUPS.find(([, pattern]) => pattern.test(url))?.[0] ?? "other";
  }
  return "other";
}

function describe(node: ProfileNode, parents: ReadonlyMap<number, ProfileNode>): string {
  const { functionName, url, lineNumber } = node.callFrame;
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url !== "")
    return `${name} ${url.replace(/^.*\/(?=(src|bench|node_modules)\/)/, "")}:${lineNumber + 1}`;
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
