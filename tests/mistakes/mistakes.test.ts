/** F34 to F45: each mistake of the corpus is answered with its cause, its line and what to do. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { MISTAKES } from "./corpus.ts";

const SOURCE = readFileSync(new URL("./corpus.ts", import.meta.url), "utf8").split("\n");

/** The line that a mistake marks as its own. */
function lineOf(title: string): number {
  return SOURCE.findIndex((line) => line.includes(`// here: ${title}`)) + 1;
}

describe("thirty mistakes", () => {
  test.each(MISTAKES)("$title", async ({ title, make, cause, remedy, hasLine }) => {
    const seen = await make();
    expect(seen).toMatch(cause);
    expect(seen).toMatch(remedy);
    if (hasLine === true) expect(seen).toContain(`corpus.ts:${lineOf(title)}`);
  });

  test("are thirty", () => {
    expect(MISTAKES.length).toBeGreaterThanOrEqual(30);
  });
});
