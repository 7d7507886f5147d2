/** What may be said on the command line. */

import { existsSync } from "node:fs";
import { parseArgs } from "node:util";

import type { SqliteOptions } from "duroxide-ts/sqlite";

import type { StoreName } from "./store.ts";

export type Durability = NonNullable<SqliteOptions["durability"]>;

export interface BenchOptions {
  /** Smaller numbers and fewer runs: under two minutes. */
  readonly isQuick: boolean;
  readonly store: StoreName;
  /** The first is the one of the floor; workloads that do not wait for the disk run with it alone. */
  readonly durabilities: readonly [Durability, ...Durability[]];
  readonly runs: number;
  /** Ids of workloads; empty for all. */
  readonly only: readonly string[];
  readonly processCounts: readonly number[];
  /** The workload whose time is to be explained. */
  readonly profile: string | undefined;
  /** Where the stores are created; its disk is what is measured. */
  readonly folder: string | undefined;
  readonly jsonFile: string | undefined;
  readonly compareFile: string | undefined;
  /** Files the result in `bench/RESULTS.md`. */
  readonly isRecorded: boolean;
}

export const USAGE = `npm run bench -- [options]

  --quick                 smaller numbers, 1 run, under two minutes
  --runs N                runs of each workload (default 5; 1 with --quick)
  --only w1,w3            only these workloads
  --store postgres        measure PostgreSQL (default sqlite); DUROXIDE_POSTGRES_URL names a server,
                          without it an embedded one is started
  --processes 1,2,4       W1 by so many processes
  --durability full       "full": acknowledged work survives the power; "process": the process only;
                          "both" (default): each workload that waits for the disk runs with both;
                          with PostgreSQL, where it is a setting of the server, "both" is "full"
  --profile w1            run one workload once under a profiler and print where its time goes
  --dir FOLDER            measure the disk of this folder (default: the temporary folder)
  --json FILE             write every value of every run
  --compare OLD.json      print ratios to an earlier --json file
  --record                file the table in bench/RESULTS.md`;

/** Something on the command line, or a file that it names, cannot be used. */
export class BadOption extends Error {}

/**
 * @returns Undefined when only help was asked for
 * @throws BadOption
 */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  try {
    return toOptions(parse(args));
  } catch (error) {
    if (error instanceof TypeError) throw new BadOption(error.message); // From parseArgs.
    throw error;
  }
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean" },
      quick: { type: "boolean", default: false },
      runs: { type: "string" },
      only: { type: "string" },
      store: { type: "string", default: "sqlite" },
      processes: { type: "string", default: "1" },
      durability: { type: "string", default: "both" },
      profile: { type: "string" },
      dir: { type: "string" },
      json: { type: "string" },
      compare: { type: "string" },
      record: { type: "boolean", default: false },
    },
  }).values;
}

function toOptions(values: ReturnType<typeof parse>): BenchOptions | undefined {
  if (values.help === true) return undefined;
  const store = parseStore(values.store);
  return {
    isQuick: values.quick,
    store,
    durabilities: parseDurabilities(values.durability, store),
    runs: parseCount(values.runs ?? (values.quick ? "1" : "5"), "runs"),
    only: values.only?.split(",") ?? [],
    processCounts: values.processes.split(",").map((text) => parseCount(text, "processes")),
    profile: values.profile,
    folder: parseFolder(values.dir),
    jsonFile: values.json,
    compareFile: values.compare,
    isRecorded: values.record,
  };
}

function parseFolder(folder: string | undefined): string | undefined {
  if (folder === undefined || existsSync(folder)) return folder;
  throw new BadOption(`Cannot measure the disk of "${folder}": there is no such folder`);
}

function parseStore(text: string): StoreName {
  if (text === "sqlite" || text === "postgres") return text;
  throw new BadOption(`Cannot measure the store "${text}"; pass sqlite or postgres`);
}

function parseDurabilities(text: string, store: StoreName): BenchOptions["durabilities"] {
  if (text === "both") return store === "sqlite" ? ["full", "process"] : ["full"];
  if (text === "full" || text === "process") return [text];
  throw new BadOption(`Cannot use durability "${text}"; pass full, process or both`);
}

function parseCount(text: string, what: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new BadOption(`Cannot do ${text} ${what}; pass whole numbers of 1 or more`);
}
