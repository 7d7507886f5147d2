import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { SqliteProvider } from "duroxide-ts";
import { describe, expect, test } from "vitest";

import { temporaryFolder } from "../support/sqlite-store.ts";

const PROGRAM = fileURLToPath(new URL("../support/no-descriptors.process.ts", import.meta.url));

describe.runIf(process.platform !== "win32")("a process without free file descriptors", () => {
  test.each(["a new", "an existing"])(
    "F56 learns so when it opens %s SQLite file",
    async (kind) => {
      const file = join(temporaryFolder(), "store.db");
      if (kind === "an existing") await (await SqliteProvider.open(file)).close();
      const command = 'ulimit -n 256; exec "$0" --import tsx --conditions=@duroxide-ts/source "$@"';
      const run = promisify(execFile);
      const { stdout } = await run("sh", ["-c", command, process.execPath, PROGRAM, file]);
      expect(JSON.parse(stdout)).toEqual({
        without: {
          code: "store_failed",
          retryable: true,
          message: expect.stringMatching(
            /^Cannot open store ".*": this process has no free file descriptors; close files and sockets, or raise their limit/,
          ),
        },
        after: "opened",
      });
    },
  );

  test("F56 learns so when nothing is loaded yet, and loads it later", async () => {
    const file = join(temporaryFolder(), "store.db");
    const command = 'ulimit -n 256; exec "$0" --import tsx --conditions=@duroxide-ts/source "$@"';
    const args = ["-c", command, process.execPath, PROGRAM, file, "unloaded"];
    const { stdout } = await promisify(execFile)("sh", args);
    expect(JSON.parse(stdout)).toEqual({
      without: expect.objectContaining({
        retryable: true,
        message: expect.stringContaining("this process has no free file descriptors") as string,
      }) as unknown,
      after: "opened",
    });
  });
});
