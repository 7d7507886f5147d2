/** Links between our pages lead somewhere, also those to a heading. */

import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

import { expect, test } from "vitest";

import { readPage, root } from "../support/markdown.ts";

const pages = ["", "docs", "examples"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: folder !== "", encoding: "utf8" })
    .map((file) => join(folder, file))
    // The API reference is generated, and absent from a fresh clone.
    .filter((file) => file.endsWith(".md") && !file.startsWith(join("docs", "api"))),
);

/** As GitHub names headings. */
function anchorsOf(page: string): string[] {
  return [...page.replace(/^```.*?^```$/gms, "").matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

test.each(pages)("%s", (page) => {
  const text = readPage(page).replace(/^```.*?^```$/gms, "");
  const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link as string)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(readPage(target)).includes(anchor);
    });
  expect(broken).toEqual([]);
});
