/** Turns samples into a table, into JSON, and into ratios to an earlier result. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";

import type { Environment } from "./environment.ts";
import { median, summarize, type Summary } from "./measure.ts";
import { BadOption, type Durability } from "./options.ts";
import type { StoreName } from "./store.ts";
import type { Sample } from "./workload.ts";

/** One figure over all runs. */
export interface Figure extends Summary {
  readonly figure: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  /** One a run, in their order. */
  readonly values: readonly number[];
  /** Median of the ratios of each run. */
  readonly floor?: { readonly ratio: number; readonly of: string };
  /** Median of the targets of each run: some follow the floor. */
  readonly target?: number;
}

export interface Result {
  readonly environment: Environment;
  readonly store: StoreName;
  /** The one of figures that name none. */
  readonly durability: Durability;
  readonly isQuick: boolean;
  readonly runs: number;
  readonly figures: readonly Figure[];
}

/** @param samples - Of all runs, in order */
export function toFigures(samples: readonly Sample[]): Figure[] {
  const byName = new Map<string, Sample[]>();
  for (const sample of samples) {
    byName.set(sample.figure, [...(byName.get(sample.figure) ?? []), sample]);
  }
  return [...byName].map(([figure, group]) => {
    const values = group.map((sample) => sample.value);
    const floors = group.flatMap((sample) => sample.floor ?? []);
    const targets = group.flatMap((sample) => sample.target ?? []);
    return {
      figure,
      unit: group[0]?.unit ?? "",
      better: group[0]?.better ?? "lower",
      values,
      ...summarize(values),
      ...(floors[0] !== undefined && {
        floor: { ratio: median(floors.map((floor) => floor.ratio)), of: floors[0].of },
      }),
      ...(targets.length > 0 && { target: median(targets) }),
    };
  });
}

const HEAD = ["figure", "unit", "median", "spread", "beside the floor", "target", "verdict"];

/** Three digits that matter; whole numbers from a thousand on. */
function format(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

export function toMarkdown(result: Result): string {
  const { environment: at, durability, runs, figures, isQuick } = result;
  const rows = figures.map((it) => [
    it.figure,
    it.unit,
    format(it.median),
    runs === 1 ? "" : `${format(it.min)} to ${format(it.max)}`,
    it.floor === undefined ? "" : `${format(it.floor.ratio)} x ${it.floor.of}`,
    it.target === undefined ? "" : format(it.target),
    judgeTarget(it),
  ]);
  const spread = runs === 1 ? "one run" : `lowest and highest of ${runs} runs`;
  return [
    `- machine: ${at.machine}`,
    `- disk: ${at.disk}; load when it began: ${at.load.toFixed(2)}`,
    `- versions: duroxide-ts ${at.duroxide}, Node ${at.node}, ${at.store}`,
    `- durability: \`${durability}\`; ${isQuick ? "`--quick`, " : ""}median, spread: ${spread}`,
    "",
    ...toTable(HEAD, rows),
  ].join("\n");
}

/** Whether the target was reached, and the value as a multiple of it. */
function judgeTarget({ target, median: value, better }: Figure): string {
  if (target === undefined) return "";
  const isMet = better === "higher" ? value >= target : value <= target;
  if (target === 0 || value === 0) return isMet ? "met" : "MISSED";
  return `${isMet ? "met" : "MISSED"}, ${format(value / target)} x`;
}

/** Runs from which on a spread says something. */
const RUNS_MIN = 3;

/**
 * Reads an earlier result that figures may be set beside.
 *
 * @throws BadOption when it is none, or was measured in another way
 */
export function readComparable(
  file: string,
  wanted: Pick<Result, "store" | "durability" | "isQuick">,
): Result {
  let older: Partial<Result>;
  try {
    older = JSON.parse(readFileSync(file, "utf8")) as Partial<Result>;
  } catch (error) {
    throw new BadOption(`Cannot read "${file}": ${String(error)}`);
  }
  if (older.environment === undefined || !Array.isArray(older.figures)) {
    throw new BadOption(`Cannot compare with "${file}": it was not written by --json`);
  }
  for (const what of ["store", "durability", "isQuick"] as const) {
    if (older[what] === wanted[what]) continue;
    throw new BadOption(
      `Cannot compare with "${file}": its ${what} is ${older[what]}, and this one's ${wanted[what]}`,
    );
  }
  return older as Result;
}

/**
 * Compares medians; what lies within the spread of either is called noise, and without spreads there
 * is no verdict.
 */
export function toComparison(older: Result, newer: Result): string {
  const isTold = Math.min(older.runs, newer.runs) >= RUNS_MIN;
  const before = new Map(older.figures.map((it) => [it.figure, it]));
  const rows = newer.figures.flatMap((now) => {
    const then = before.get(now.figure);
    if (then === undefined) return [];
    return [
      [
        now.figure,
        now.unit,
        format(then.median),
        format(now.median),
        then.median === 0 ? "" : format(now.median / then.median),
        isTold ? judge(then, now) : "",
      ],
    ];
  });
  const both = new Set(rows.map(([figure]) => figure));
  const alone = [...before.keys(), ...newer.figures.map((it) => it.figure)].filter(
    (figure) => !both.has(figure),
  );
  return [
    `before: ${describe(older)}`,
    `now: ${describe(newer)}`,
    ...(isTold ? [] : [`Without at least ${RUNS_MIN} runs on both sides there is no verdict.`]),
    "",
    ...toTable(["figure", "unit", "before", "now", "ratio", "verdict"], rows),
    ...(alone.length === 0 ? [] : ["", `On one side only: ${alone.join("; ")}`]),
  ].join("\n");
}

function describe({ environment: at, runs }: Result): string {
  return `duroxide-ts ${at.duroxide}, Node ${at.node}, ${at.store}, ${at.machine}, ${at.disk}, ${runs} runs`;
}

function judge(then: Figure, now: Figure): string {
  if (now.min <= then.max && then.min <= now.max) return "noise";
  return now.median > then.median === (now.better === "higher") ? "better" : "WORSE";
}

function toTable(
  head: readonly string[],
  rows: readonly (readonly (string | undefined)[])[],
): string[] {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const toLine = (cells: readonly (string | undefined)[]): string =>
    `| ${widths.map((width, i) => (cells[i] ?? "").padEnd(width)).join(" | ")} |`;
  return [toLine(head), toLine(widths.map((width) => "-".repeat(width))), ...rows.map(toLine)];
}

const RESULTS_FILE = new URL("./RESULTS.md", import.meta.url);
const RESULTS_HEAD = `# Results

By date and machine, newest first; written by \`npm run bench -- --record\`. The floor is the raw store in
the same run, on the same disk, through the same binding: see \`floor-sqlite.ts\` and
\`floor-postgres.ts\`. Each workload's file says what it asks; targets are those of full durability.
`;

/** Puts a result above the earlier ones. */
export function fileResult(result: Result): void {
  const filed = existsSync(RESULTS_FILE) ? readFileSync(RESULTS_FILE, "utf8") : "";
  const first = filed.indexOf("\n## ");
  const earlier = first === -1 ? "" : filed.slice(first);
  const { environment, durability } = result;
  const [model = ""] = environment.machine.split(",");
  const [store = ""] = environment.store.split(" ");
  const title = `## ${environment.date}, ${model}, ${store} \`${durability}\``;
  const section = `\n${title}\n\n${toMarkdown(result)}\n`;
  writeFileSync(RESULTS_FILE, `${RESULTS_HEAD}${section}${earlier}`);
}
