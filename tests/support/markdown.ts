/** Reads tables and fenced code out of Markdown pages. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository. */
export const root: string = fileURLToPath(new URL("../../", import.meta.url));

export function readPage(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** The part of a page below a heading, up to the next heading of the same or a higher level. */
export function sectionOf(page: string, heading: string): string {
  const lines = page.split("\n");
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.includes(heading));
  if (start < 0) throw new Error(`no heading ${heading}`);
  const level = /^#+/.exec(lines[start] as string)?.[0].length ?? 1;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => (/^#+(?= )/.exec(line)?.[0].length ?? 9) <= level);
  return (end < 0 ? rest : rest.slice(0, end)).join("\n");
}

/** The cells of the rows of every table, without their headings. */
export function rowsOf(text: string): string[][] {
  const rows = text.split("\n").filter((line) => line.startsWith("|"));
  const rulers = new Set(rows.flatMap((row, i) => (/^\|[-| ]+\|$/.test(row) ? [i - 1, i] : [])));
  return rows
    .filter((_, i) => !rulers.has(i))
    .map((row) =>
      row
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

/** The first texts between backticks of the first cells. */
export function firstCodes(rows: readonly (readonly string[])[]): string[] {
  return rows.flatMap(([cell]) => /`([^`]+)`/.exec(cell ?? "")?.[1] ?? []);
}

/** All fenced blocks of a language. */
export function blocksOf(page: string, language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms");
  return [...page.matchAll(fence)].map(([, code]) => code as string);
}
