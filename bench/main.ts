/** Runs the benchmark: floor and workloads in turn, as often as wanted, and reports. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describeEnvironment } from "./environment.ts";
import { measureFloor } from "./floor.ts";
import { parseOptions, USAGE, type BenchOptions } from "./options.ts";
import { fileResult, toComparison, toFigures, toMarkdown, type Result } from "./report.ts";
import { createSqliteStore } from "./store.ts";
import { throughput } from "./w1-throughput.ts";
import { chains } from "./w3-chain.ts";
import { latency } from "./w4-latency.ts";
import type { Sample, Workload } from "./workload.ts";

const WORKLOADS: readonly Workload[] = [throughput, chains, latency];

function chooseWorkloads(only: readonly string[]): readonly Workload[] {
  if (only.length === 0) return WORKLOADS;
  const known = WORKLOADS.map((workload) => workload.id);
  const unknown = only.filter((id) => !known.includes(id));
  if (unknown.length > 0) {
    throw new Error(`Cannot run ${unknown.join(", ")}; there are ${known.join(", ")}`);
  }
  return WORKLOADS.filter((workload) => only.includes(workload.id));
}

/** Runs take turns, so that a slow minute of the machine spoils one value of each figure, not all of one. */
async function collectSamples(options: BenchOptions, folder: string): Promise<Sample[]> {
  const { isQuick, durability, runs } = options;
  const workloads = chooseWorkloads(options.only);
  const samples: Sample[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const { floor, samples: raw } = await measureFloor(folder, durability, isQuick);
    samples.push(...raw);
    const createStore = () => createSqliteStore(folder, durability);
    for (const workload of workloads) {
      console.error(`run ${run} of ${runs}, ${workload.id}: ${workload.question}`);
      samples.push(...(await workload.run({ isQuick, floor, createStore })));
    }
  }
  return samples;
}

async function runBenchmark(options: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), "duroxide-bench-"));
  try {
    const environment = await describeEnvironment(folder);
    const { durability, isQuick, runs } = options;
    const figures = toFigures(await collectSamples(options, folder));
    const result: Result = { environment, durability, isQuick, runs, figures };
    console.log(`${toMarkdown(result)}\n`);
    if (options.compareFile !== undefined) {
      const older = JSON.parse(readFileSync(options.compareFile, "utf8")) as Result;
      console.log(
        `Beside ${options.compareFile} (duroxide-ts ${older.environment.duroxide}):\n\n${toComparison(older, result)}\n`,
      );
    }
    if (options.jsonFile !== undefined) {
      writeFileSync(options.jsonFile, `${JSON.stringify(result, null, 2)}\n`);
    }
    if (options.isRecorded) fileResult(result);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const options = parseOptions(process.argv.slice(2));
if (options === undefined) console.log(USAGE);
else await runBenchmark(options);
