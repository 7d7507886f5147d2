/** Runs the benchmark: floor and workloads in turn, as often as wanted, and reports. */

import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describeEnvironment } from "./environment.ts";
import { BadOption, parseOptions, USAGE, type BenchOptions, type Durability } from "./options.ts";
import { explain } from "./profile.ts";
import {
  fileResult,
  readComparable,
  toComparison,
  toFigures,
  toMarkdown,
  type Result,
} from "./report.ts";
import { createStoreKind, type StoreKind } from "./store.ts";
import { findWorkloads } from "./workloads.ts";
import { type Floor, type Sample, toFloorSamples, type Workload } from "./workload.ts";

/** Runs take turns, so that a slow minute of the machine spoils one value of each figure, not all of one. */
async function collectSamples(
  options: BenchOptions,
  kind: StoreKind,
  workloads: readonly Workload[],
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let run = 1; run <= options.runs; run += 1) {
    for (const durability of options.durabilities) {
      const isFirst = durability === options.durabilities[0];
      const named = (sample: Sample): Sample =>
        durability === "full" ? sample : nameVariant(sample, durability);
      const measured = workloads.filter((it) => isFirst || it.isDurabilityBound === true);
      if (measured.length === 0) continue;
      const floor = await kind.measureFloor(durability, options.isQuick);
      samples.push(...toFloorSamples(floor).map(named));
      for (const workload of measured) {
        console.error(
          `run ${run} of ${options.runs}, ${workload.id}, ${durability}: ${workload.question}`,
        );
        const values = await workload.run(createBench(options, kind, { floor, durability }));
        samples.push(...values.map(named));
      }
    }
  }
  return samples;
}

/** Targets are set for full durability. */
function nameVariant(sample: Sample, durability: Durability): Sample {
  return { ...sample, figure: `${sample.figure} (${durability})`, target: undefined };
}

function createBench(
  options: BenchOptions,
  kind: StoreKind,
  { floor, durability }: { readonly floor: Floor; readonly durability: Durability },
) {
  const { isQuick, processCounts } = options;
  return {
    isQuick,
    processCounts,
    floor,
    kind,
    durability,
    createStore: (wishes = {}) => kind.create(durability, wishes),
    target: (targets) => targets[kind.name],
  } satisfies Parameters<Workload["run"]>[0];
}

/** Lends a kind of store in a folder of its own, and clears everything away. */
async function withKind(
  options: BenchOptions,
  workloads: readonly Workload[],
  use: (kind: StoreKind) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), "duroxide-bench-"));
  chmodSync(folder, 0o755); // As root a server of our own runs as another user.
  try {
    const kind = await createStoreKind(options.store, folder);
    try {
      await use(kind);
    } finally {
      for (const workload of workloads) await workload.finish?.();
      await kind.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whatever cannot be used is said before the first run, not after the last. */
async function runBenchmark(options: BenchOptions): Promise<void> {
  const { compareFile, durabilities, isQuick, jsonFile, runs, store } = options;
  const workloads = findWorkloads(options.only);
  const [durability] = durabilities;
  const older =
    compareFile === undefined
      ? undefined
      : readComparable(compareFile, { store, durability, isQuick });
  if (jsonFile !== undefined) assertWritable(jsonFile);
  await withKind(options, workloads, async (kind) => {
    const environment = describeEnvironment(kind.folder, await kind.describe());
    const figures = toFigures(await collectSamples(options, kind, workloads));
    const result: Result = { environment, store, durability, isQuick, runs, figures };
    if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(result, null, 2)}\n`);
    if (options.isRecorded) fileResult(result);
    console.log(`${toMarkdown(result)}\n`);
    if (older !== undefined) console.log(`${toComparison(older, result)}\n`);
  });
}

function assertWritable(file: string): void {
  try {
    closeSync(openSync(file, "a"));
  } catch (error) {
    throw new BadOption(`Cannot write "${file}": ${String(error)}`);
  }
}

async function profile(options: BenchOptions, id: string): Promise<void> {
  const workloads = findWorkloads([id]);
  const [durability] = options.durabilities;
  await withKind(options, workloads, async (kind) => {
    const floor = await kind.measureFloor(durability, options.isQuick);
    for (const workload of workloads) {
      console.error(`${workload.id}, ${durability}: ${workload.question}`);
      await explain(() => workload.run(createBench(options, kind, { floor, durability })));
    }
  });
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else if (options.profile !== undefined) await profile(options, options.profile);
  else await runBenchmark(options);
} catch (error) {
  if (!(error instanceof BadOption)) throw error;
  console.error(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
