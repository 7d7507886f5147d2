/** Every file of `examples/` is executed, and its whole output compared with `examples/expected/`. */

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { root, runProgram } from "./programs.ts";

const folder = join(root, "examples");
const namesIn = (path: string, extension: string) =>
  readdirSync(path)
    .filter((file) => file.endsWith(extension))
    .map((file) => file.slice(0, -extension.length))
    .sort();

const examples = namesIn(folder, ".ts");

describe("examples/", () => {
  test("has an expectation for each example, and no other", () => {
    expect(namesIn(join(folder, "expected"), ".txt")).toEqual(examples);
  });

  test("has a row for each example in its index", () => {
    const index = readFileSync(join(folder, "README.md"), "utf8");
    const listed = [...index.matchAll(/\]\(\.\/([\w-]+)\.ts\)/g)].map((match) => match[1]);
    expect(listed).toEqual(examples);
  });

  test.concurrent.each(examples)("%s prints what is expected of it", async (name) => {
    const expected = readFileSync(join(folder, "expected", `${name}.txt`), "utf8");
    const { exitCode, output, errors } = await runProgram(join(folder, `${name}.ts`));
    expect({ exitCode, output }, errors).toEqual({ exitCode: 0, output: expected });
  });
});
