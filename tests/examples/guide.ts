/** Reads the fenced code of the guide: programs, what they print, and fragments. */

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { root } from "./programs.ts";

const folder = join(root, "docs", "guide");

/** A ```ts block that imports the package, and the ```text block below it. */
export interface GuideProgram {
  /** Chapter and line, usable as the name of a file. */
  readonly name: string;
  readonly code: string;
  readonly expected: string | undefined;
}

/** A ```ts block without import; it shows a part of a program. */
export interface GuideFragment {
  readonly name: string;
  readonly code: string;
  /** What the chapter declares for all of its fragments, in a comment that readers do not see. */
  readonly setup: string;
}

/** A link to another file of the repository, or to a heading. */
export interface GuideLink {
  /** Chapter and target. */
  readonly text: string;
  readonly isAlive: boolean;
}

export interface Guide {
  readonly chapters: readonly string[];
  readonly programs: readonly GuideProgram[];
  readonly fragments: readonly GuideFragment[];
  readonly links: readonly GuideLink[];
}

interface Block {
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

const FENCE = /^ {0,3}```(\w*)$/;

export function readGuide(): Guide {
  const chapters = readdirSync(folder)
    .filter((file) => file.endsWith(".md"))
    .sort();
  const programs: GuideProgram[] = [];
  const fragments: GuideFragment[] = [];
  for (const chapter of chapters) {
    const text = readFileSync(join(folder, chapter), "utf8");
    const setup = /^<!-- setup\n(.*?)^-->$/ms.exec(text)?.[1] ?? "";
    const blocks = readBlocks(text);
    for (const [i, block] of blocks.entries()) {
      if (block.language !== "ts") continue;
      const name = `${chapter.slice(0, -".md".length)}-line-${block.line}`;
      const code = block.text;
      if (/^import .* from "duroxide-ts/ms.test(code)) {
        const next = blocks[i + 1];
        programs.push({ name, code, expected: next?.language === "text" ? next.text : undefined });
      } else {
        fragments.push({ name, code, setup });
      }
    }
  }
  return { chapters, programs, fragments, links: chapters.flatMap(readLinks) };
}

function readLinks(chapter: string): GuideLink[] {
  const text = readFileSync(join(folder, chapter), "utf8");
  return [...text.matchAll(/\]\((\.{1,2}\/[^)#]*)(?:#([^)]*))?\)/g)].map(
    ([, path = "", anchor]) => {
      const target = join(folder, path);
      const isAlive =
        existsSync(target) && (anchor === undefined || readAnchors(target).includes(anchor));
      return { text: `${chapter}: ${path}${anchor === undefined ? "" : `#${anchor}`}`, isAlive };
    },
  );
}

/** Headings as they appear in links. */
function readAnchors(file: string): string[] {
  return [...readFileSync(file, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

function readBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; language: string; lines: string[] } | undefined;
  for (const [i, text] of markdown.split("\n").entries()) {
    const fence = FENCE.exec(text);
    if (fence === null) {
      open?.lines.push(text);
    } else if (open === undefined) {
      open = { line: i + 1, language: fence[1] ?? "", lines: [] };
    } else {
      blocks.push({ ...open, text: open.lines.map((line) => `${line}\n`).join("") });
      open = undefined;
    }
  }
  return blocks;
}
