/** F5 F32: the archive under the test runners of users, with and without fake timers. */

import { afterAll, beforeAll, expect, test } from "vitest";

import { run, type Consumer } from "../support/archive.ts";
import { readPage } from "../support/markdown.ts";
import { install, npx, openProject, VERSIONS } from "./user-project.ts";

let project: Consumer;
beforeAll(async () => {
  project = await openProject();
  project.write("jest/hello.test.js", suite("jest.useFakeTimers()", "jest.useRealTimers()"));
  project.write(
    "vitest/hello.test.js",
    `import { test, expect, vi } from "vitest";\n${suite(
      "vi.useFakeTimers()",
      "vi.useRealTimers()",
    ).replace(
      'const { Client, defineActivity, defineOrchestration, Runtime, SqliteProvider } = require("duroxide-ts");',
      'import { Client, defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";',
    )}`,
  );
  // The recipe as the guide prints it.
  const page = readPage("docs/guide/13-how-do-i.md");
  const lines = [/`(transform: \{[^`]*)`/, /`(transformIgnorePatterns: [^`]*)`/].map(
    (pattern) => pattern.exec(page)?.[1],
  );
  project.write("jest.config.cjs", `module.exports = { ${lines.join(", ")} };\n`);
  await install(
    project,
    ...["jest@30.5.2", "@babel/plugin-transform-modules-commonjs@7.29.14", "vitest@4.1.12"],
  );
}, 600_000);
afterAll(() => {
  project?.remove();
});

function suite(fake: string, real: string): string {
  return `
const { Client, defineActivity, defineOrchestration, Runtime, SqliteProvider } = require("duroxide-ts");
const greet = defineActivity("Greet", async (name) => "Hello, " + name + "!");
const hello = defineOrchestration("Hello", async (ctx, name) => ctx.scheduleActivity(greet, name));
async function sayHello(store, id) {
  const runtime = await Runtime.start({ store, activities: [greet], orchestrations: [hello] });
  const handle = await new Client(store).startOrchestration(id, hello, "World");
  expect(await handle.result()).toBe("Hello, World!");
  await runtime.shutdown();
}
for (const isFake of [false, true, false]) {
  test("hello, fake: " + isFake, async () => {
    const store = await SqliteProvider.inMemory();
    if (isFake) ${fake};
    await sayHello(store, "one");
    ${real};
    await sayHello(store, "two"); // The same store goes on after the fakes.
    await store.close();
  });
}
`;
}

test("F32 Jest, by the recipe of the guide, with fake timers", async () => {
  const ended = await run("npx", ["--no-install", "jest", "jest/"], project.folder);
  expect(ended.stderr).toMatch(/3 passed, 3 total/);
  expect(ended.exitCode, ended.stderr).toBe(0);
});

test("F32 Jest on Node 24, by a flag alone", async () => {
  const flags = ["--rootDir", "jest", "--config", "{}"];
  const command = ["node", "--experimental-vm-modules", "node_modules/jest/bin/jest.js", ...flags];
  const ended = await npx(project, `node@${VERSIONS.node24}`, command);
  expect(ended.stderr).toMatch(/3 passed, 3 total/);
});

test("F5 vitest, with fake timers", async () => {
  const ended = await run(
    "npx",
    ["--no-install", "vitest", "run", "--root", "vitest", "--globals"],
    project.folder,
  );
  expect(ended.stdout + ended.stderr).toMatch(/3 passed/);
  expect(ended.exitCode, ended.stdout).toBe(0);
});
