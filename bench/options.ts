/** What may be said on the command line. */

import { parseArgs } from "node:util";

import type { SqliteOptions } from "duroxide-ts/sqlite";

export type Durability = NonNullable<SqliteOptions["durability"]>;

export interface BenchOptions {
  /** Smaller numbers and fewer runs: under two minutes. */
  readonly isQuick: boolean;
  readonly durability: Durability;
  readonly runs: number;
  /** Ids of workloads; empty for all. */
  readonly only: readonly string[];
  /** Where the stores are created; its disk is what is measured. */
  readonly folder: string | undefined;
  readonly jsonFile: string | undefined;
  readonly compareFile: string | undefined;
  /** Files the result in `bench/RESULTS.md`. */
  readonly isRecorded: boolean;
}

export const USAGE = `npm run bench -- [options]

  --quick                 smaller numbers, 3 runs, under two minutes
  --runs N                runs of each workload (default 5; 3 with --quick)
  --only w1,w3            only these workloads
  --durability process    acknowledged work survives the process, not the power (default full)
  --dir FOLDER            measure the disk of this folder (default: the temporary folder)
  --json FILE             write every value of every run
  --compare OLD.json      print ratios to an earlier --json file
  --record                file the table in bench/RESULTS.md`;

/** @returns Undefined when only help was asked for */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean" },
      quick: { type: "boolean", default: false },
      runs: { type: "string" },
      only: { type: "string" },
      durability: { type: "string", default: "full" },
      dir: { type: "string" },
      json: { type: "string" },
      compare: { type: "string" },
      record: { type: "boolean", default: false },
    },
  });
  if (values.help === true) return undefined;
  const { durability } = values;
  if (durability !== "full" && durability !== "process") {
    throw new Error(`Cannot use durability "${durability}"; pass full or process`);
  }
  const runs = Number(values.runs ?? (values.quick ? 3 : 5));
  if (!Number.isInteger(runs) || runs < 1) {
    throw new Error(`Cannot do ${String(values.runs)} runs; pass a whole number of 1 or more`);
  }
  return {
    isQuick: values.quick,
    durability,
    runs,
    only: values.only?.split(",") ?? [],
    folder: values.dir,
    jsonFile: values.json,
    compareFile: values.compare,
    isRecorded: values.record,
  };
}
