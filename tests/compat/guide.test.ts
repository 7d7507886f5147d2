/** F37: each printed program of the guide, as printed, on the newer supported Nodes. */

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";

import { readGuide } from "../examples/guide.ts";
import type { Consumer } from "../support/archive.ts";
import { freshDatabase } from "../support/postgres.ts";
import { install, npx, openProject, VERSIONS } from "./user-project.ts";

const { programs } = readGuide();

let project: Consumer;
beforeAll(async () => {
  project = await openProject();
  await install(project, "zod@4.6.7");
  project.write("package.json", JSON.stringify({ private: true, type: "module" }));
  for (const { name, code } of programs) project.write(`${name}.ts`, code);
}, 600_000);
afterAll(() => {
  project?.remove();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.each([VERSIONS.node22, VERSIONS.node24])("Node %s", (version) => {
  test.each(programs)("F37 $name prints what stands below it", async ({ name, code, expected }) => {
    if (code.includes("DATABASE_URL")) vi.stubEnv("DATABASE_URL", await freshDatabase());
    const command = ["node", "--no-warnings", `${name}.ts`];
    const { exitCode, stdout, stderr } = await npx(project, `node@${version}`, command);
    expect({ exitCode, stdout: stdout.trimEnd() }, stderr).toEqual({
      exitCode: 0,
      stdout: expected?.trimEnd(),
    });
  });
});
