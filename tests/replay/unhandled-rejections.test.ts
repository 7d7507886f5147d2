/** A rejection inside an orchestration never ends its host; a rejection of the host still does. */

import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("unhandled-rejections.process.ts", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

function run(scenario: string, ...modes: string[]) {
  const flags = ["--import", "tsx", "--conditions=@duroxide-ts/source"];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...modes, ...flags, program, scenario],
    {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: "", VITEST: "" },
    },
  );
  return { output: stdout, errors: stderr, exitCode: status };
}

describe("S118 unhandled rejections (semantics 34, note 3)", () => {
  test("those of an orchestration reach neither `unhandledRejection` nor `rejectionHandled`", () => {
    const { output, errors, exitCode } = run("quiet");
    expect(output, errors).toBe(
      'orchestration: {"kind":"completed","output":"\\"B failed\\""}\nend\n',
    );
    expect(exitCode).toBe(0);
  });

  test.each(["strict", "throw", "warn", "none", "warn-with-error-code"])(
    "F31 nor do they print or end anything with --unhandled-rejections=%s",
    (mode) => {
      const { output, errors, exitCode } = run("quiet", `--unhandled-rejections=${mode}`);
      expect(output).toMatch(/^orchestration: .*\nend\n$/);
      expect(errors).toBe("");
      expect(exitCode).toBe(0);
    },
  );

  test.each(["throw", "strict"])(
    "F31 one of the host that happens during a window is the host's, mode %s",
    (mode) => {
      const { output, errors, exitCode } = run("window", `--unhandled-rejections=${mode}`);
      expect(output, errors).toContain(
        mode === "strict" ? "host caught: in a window\n" : "host saw: in a window\n",
      );
      expect(output).toContain("end\n");
      expect(exitCode).toBe(0);
    },
  );

  test("one of the host still reaches its listener", () => {
    const { output, exitCode } = run("listen");
    expect(output).toContain("host saw: of the host\n");
    expect(output.match(/host saw/g)).toHaveLength(1);
    expect(exitCode).toBe(0);
  });

  test("one of the host still ends a process without listener", () => {
    const { output, errors, exitCode } = run("crash");
    expect(exitCode).toBe(1);
    expect(errors).toContain("of the host");
    expect(output).not.toContain("end\n");
  });
});
