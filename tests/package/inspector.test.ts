/** F58: asking a process what it is doing never ends it. */

import { expect, test } from "vitest";

import { readPage } from "../support/markdown.ts";

test("F58 no command of the inspector steps: V8 may end the process at a step", () => {
  const code = readPage("src/runtime/stall-inspector.ts");
  expect([...code.matchAll(/"Debugger\.(\w+)"/g)].map(([, command]) => command)).not.toEqual([]);
  expect(code).not.toMatch(/Debugger\.step/);
});
