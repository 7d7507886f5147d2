/**
 * Writes `docs/reference/scenarios.md`: which test covers which numbered scenario, guarantee and
 * defect. A test claims a number by naming it in its title, in its `describe`, or in the title of a
 * row of its table. A range such as `S052-S078` in a `describe` claims nothing.
 *
 * Run: npm run docs:scenarios
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import ts from "typescript";

import { CONFIRMED_DEFECTS, FOUND_DEFECTS, GUARANTEES, SECTIONS } from "./scenario-catalog.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Where the table is kept. */
export const TABLE_FILE: string = join(root, "docs", "reference", "scenarios.md");

export interface Claim {
  /** Such as `S004`, `G6`, `R13`. */
  readonly number: string;
  /** From the root of the repository. */
  readonly file: string;
  readonly title: string;
}

const NUMBER = /\b(?:S\d{3}|[GUR]\d{1,2})\b(?!-)/g;
const RANGE = /\b[SGUR]\d{1,3}-[SGUR]\d{1,3}\b/g;
const DECLARERS = new Set(["test", "it", "describe", "scenario"]);

/** Every number that a title in one of the test files claims, in the order of files and lines. */
export function readClaims(): Claim[] {
  return testFiles().flatMap((file) => claimsOf(relative(root, file), readFileSync(file, "utf8")));
}

function testFiles(): string[] {
  return ["src", "tests"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((file) => /\.test(-d)?\.ts$/.test(file))
        .map((file) => join(root, folder, file)),
    )
    .sort();
}

/** The claims of one file. */
export function claimsOf(file: string, text: string): Claim[] {
  const claims: Claim[] = [];
  const visit = (node: ts.Node): void => {
    const title = titleOf(node);
    if (title !== undefined) {
      for (const [number] of title.replace(RANGE, "").matchAll(NUMBER)) {
        claims.push({ number, file, title });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true));
  return claims;
}

/** The text of a node that titles a test, a group of tests or a row of a table. */
function titleOf(node: ts.Node): string | undefined {
  if (!ts.isStringLiteralLike(node) && !ts.isTemplateExpression(node)) return undefined;
  const text = ts.isStringLiteralLike(node)
    ? node.text
    : node.head.text +
      node.templateSpans
        .map((span) => `{${span.expression.getText()}}${span.literal.text}`)
        .join("");
  const { parent } = node;
  if (ts.isCallExpression(parent) && parent.arguments[0] === node) {
    return DECLARERS.has(rootNameOf(parent.expression)) ? text : undefined;
  }
  const isRow = ts.isPropertyAssignment(parent) || ts.isArrayLiteralExpression(parent);
  return isRow && /^[SGUR]\d{1,3}\b.* \w/.test(text) ? text : undefined;
}

/** `test` of `test.each(rows)("title")`. */
function rootNameOf(node: ts.Expression): string {
  if (ts.isIdentifier(node)) return node.text;
  // What is not run claims nothing.
  if (ts.isPropertyAccessExpression(node) && /^(skip|todo|fails)$/.test(node.name.text)) return "";
  if (ts.isPropertyAccessExpression(node) || ts.isCallExpression(node)) {
    return rootNameOf(node.expression);
  }
  return "";
}

/** What is wrong with the claims; empty when nothing is. */
export function findUnknownNumbers(claims: readonly Claim[]): Claim[] {
  const known = new Set([
    ...SECTIONS.flatMap((section) => section.numbers),
    ...GUARANTEES,
    ...CONFIRMED_DEFECTS,
    ...FOUND_DEFECTS,
  ]);
  return claims.filter((claim) => !known.has(claim.number));
}

/** The whole page, as it has to be in the repository. */
export function renderTable(claims: readonly Claim[]): string {
  const byNumber = new Map<string, Claim[]>();
  for (const claim of claims) {
    byNumber.set(claim.number, [...(byNumber.get(claim.number) ?? []), claim]);
  }
  const all = SECTIONS.flatMap((section) => section.numbers);
  const covered = all.filter((number) => byNumber.has(number));
  const parts = [
    "# Scenarios and their tests",
    "",
    "Written by `npm run docs:scenarios` from the titles of the tests; a test fails when it is out of date. A number stands here only if a test names it. Scenarios are numbered in sections; those under `tests/scenarios` run on a file and in memory, resident and evicted after every turn, and their histories are compared.",
    "",
    `${covered.length} of ${all.length} scenarios have a test.`,
    "",
    "## Sections",
    "",
    "| section | covered | without a test |",
    "| --- | --- | --- |",
    ...SECTIONS.map(({ letter, name, numbers }) => {
      const missing = numbers.filter((number) => !byNumber.has(number));
      const done = `${numbers.length - missing.length} of ${numbers.length}`;
      return `| ${letter}. ${name} | ${done} | ${missing.join(", ")} |`;
    }),
    "",
    ...group("Guarantees G1 to G8", GUARANTEES, byNumber),
    ...SECTIONS.flatMap(({ letter, name, numbers }) =>
      group(`${letter}. ${name}`, numbers, byNumber),
    ),
    ...group("Confirmed defects of the reference", CONFIRMED_DEFECTS, byNumber),
    ...group("Defects found by reading the reference", FOUND_DEFECTS, byNumber),
  ];
  // Not padded: a new title must not touch the lines of others. Prettier leaves this file alone.
  return parts.join("\n");
}

function group(
  title: string,
  numbers: readonly string[],
  byNumber: ReadonlyMap<string, readonly Claim[]>,
): string[] {
  const rows = numbers.flatMap((number) =>
    (byNumber.get(number) ?? []).map(
      (claim, i) => `| ${i === 0 ? number : ""} | ${escape(claim.title)} | ${link(claim.file)} |`,
    ),
  );
  if (rows.length === 0) return [];
  return [`## ${title}`, "", "| number | test | file |", "| --- | --- | --- |", ...rows, ""];
}

function escape(title: string): string {
  return title.replace(/[\\|<>*_`[\]]/g, (character) => `\\${character}`);
}

function link(file: string): string {
  return `[${file.replace(/^tests\//, "").replace(/\.test(-d)?\.ts$/, "")}](../../${file})`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const claims = readClaims();
  for (const { number, file, title } of findUnknownNumbers(claims)) {
    console.error(`${file}: no such number ${number}: ${title}`);
    process.exitCode = 1;
  }
  writeFileSync(TABLE_FILE, renderTable(claims));
  console.log(`${claims.length} claims in ${relative(root, TABLE_FILE)}`);
}
