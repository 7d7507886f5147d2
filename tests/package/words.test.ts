/** Pages for readers use the words of the glossary, and none of the private ones that were left. */

import { readdirSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { readPage, root } from "../support/markdown.ts";

/** Each has a term of the field: notified, found, query, poll, message, received, expensive, share. */
const PRIVATE_WORDS =
  /\b(?:told|met|meets?|whoever|nobody|everybody|somebody|dear(?:er|est)?|mails?|hears?|heard|bury|buri(?:ed|es)|walk(?:s|ed)?|looks? (?:at|for|after|by|again|whether|every|everywhere|less)|(?:a|the|each|every|next|\d+) looks?)\b/gi;

/** Titles of tests stand there as they are. */
const GENERATED = [join("docs", "reference", "scenarios.md")];

const pages = ["docs/guide", "docs/operations", "docs/reference"]
  .flatMap((folder) => readdirSync(join(root, folder)).map((file) => join(folder, file)))
  .concat("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
  .filter((page) => page.endsWith(".md") && !GENERATED.includes(page));

/** A page without its programs, outputs, comments and quoted names, line by line as before. */
function proseOf(page: string): string {
  return page
    .replace(/^ *```.*?^ *```$/gms, (block) => block.replace(/[^\n]+/g, ""))
    .replace(/<!--.*?-->/gs, (comment) => comment.replace(/[^\n]+/g, ""))
    .replace(/`[^`\n]+`/g, "``");
}

/** Rooms whose comments are held as well. */
const ROOMS =
  "client conformance effects foundation history observability orchestration provider providers replay runtime testing";

const sources = ROOMS.split(" ").flatMap((room) =>
  readdirSync(join(root, "src", room), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => join("src", room, file)),
);

test("F47 are found outside of code alone", () => {
  const words = [...proseOf("Told.\n```\ntold\n```\n`met` by email").matchAll(PRIVATE_WORDS)];
  expect(words.map(([word]) => word)).toEqual(["Told"]);
});

test.each(pages)("F47 %s has no private words", (page) => {
  const found = proseOf(readPage(page))
    .split("\n")
    .flatMap((line, index) =>
      [...line.matchAll(PRIVATE_WORDS)].map(([word]) => `${index + 1}: ${word}`),
    );
  expect(found).toEqual([]);
});

test("F47 comments of the sources have no private words", () => {
  const found = sources.flatMap((file) =>
    readPage(file)
      .split("\n")
      .flatMap((line, index) => {
        const comment = /^\s*(?:\*|\/\*\*?|\/\/)(.*)|;\s*\/\/(.*)$/.exec(line);
        const text = (comment?.[1] ?? comment?.[2] ?? "").replace(/`[^`]+`/g, "``");
        return [...text.matchAll(PRIVATE_WORDS)].map(([word]) => `${file}:${index + 1}: ${word}`);
      }),
  );
  expect(found).toEqual([]);
});
