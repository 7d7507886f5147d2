/** Runs the benchmark: floor and workloads in turn, as often as wanted, and reports. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describeEnvironment } from "./environment.ts";
import { parseOptions, USAGE, type BenchOptions, type Durability } from "./options.ts";
import { profileWorkload } from "./profile.ts";
import { fileResult, toComparison, toFigures, toMarkdown, type Result } from "./report.ts";
import { createStoreKind, type StoreKind } from "./store.ts";
import { findWorkloads } from "./workloads.ts";
import type { Floor, Sample, Workload } from "./workload.ts";

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
      const measured = workloads.filter((it) => isFirst || it.isDurabilityBound === true);
      if (measured.length === 0) continue;
      const { floor, samples: raw } = await kind.measureFloor(durability, options.isQuick);
      const named = (sample: Sample): Sample =>
        isFirst ? sample : nameVariant(sample, durability);
      samples.push(...raw.map(named));
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

async function runBenchmark(options: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), "duroxide-bench-"));
  const workloads = findWorkloads(options.only);
  const kind = await createStoreKind(options.store, folder);
  try {
    const environment = describeEnvironment(folder, await kind.describe());
    const { durabilities, isQuick, runs } = options;
    const figures = toFigures(await collectSamples(options, kind, workloads));
    report(options, { environment, durability: durabilities[0], isQuick, runs, figures });
  } finally {
    for (const workload of workloads) await workload.finish?.();
    await kind.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(options: BenchOptions, result: Result): void {
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
}

const options = parseOptions(process.argv.slice(2));
if (options === undefined) console.log(USAGE);
else if (options.profile !== undefined) profileWorkload(options.profile, process.argv.slice(2));
else await runBenchmark(options);
