/** The archive on each supported runtime. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Consumer } from "../support/archive.ts";
import { freshDatabase } from "../support/postgres.ts";
import { openProject, PRINTED, PROGRAM, RUNTIMES } from "./user-project.ts";

let project: Consumer;
beforeAll(async () => {
  project = await openProject();
  project.write("app.mjs", PROGRAM);
  project.write("context.mjs", CONTEXT);
  project.write("strict.mjs", STRICT);
  project.write("alone.mjs", STRICT.replaceAll(/^process\.on.*\n/gm, ""));
  project.write("listeners.mjs", LISTENERS);
  project.write("conformance.mjs", CONFORMANCE);
  project.write("required.cjs", 'console.log(typeof require("duroxide-ts").Runtime.start);\n');
});
afterAll(() => {
  project?.remove();
});

/** Three requests in three contexts start three instances; the activities run in that of the runtime. */
const CONTEXT = `
import { AsyncLocalStorage } from "node:async_hooks";
import { Client, defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";
const requests = new AsyncLocalStorage();
const seen = [];
const note = defineActivity("Note", async () => { seen.push(requests.getStore()); });
const work = defineOrchestration("Work", async (ctx) => { seen.push(requests.getStore()); await ctx.scheduleActivity(note); });
const store = await SqliteProvider.inMemory();
const runtime = await requests.run("runtime", () => Runtime.start({ store, activities: [note], orchestrations: [work] }));
const client = new Client(store);
await Promise.all(["a", "b", "c"].map((id) => requests.run(id, async () => (await client.startOrchestration(id, work)).result({ timeout: "60s" }))));
await runtime.shutdown();
await store.close();
console.log([...new Set(seen)].join(), seen.length);
`;

/** The whole conformance kit, on the SQLite that the runtime has. */
const CONFORMANCE = `
import { SqliteProvider } from "duroxide-ts";
import { conformanceCases } from "duroxide-ts/conformance";
let [passed, failed] = [0, 0];
for (const { concern, name, run } of conformanceCases()) {
  try {
    const { kind } = await run({ open: async () => ({ provider: await SqliteProvider.inMemory() }) });
    if (kind === "passed") passed += 1;
  } catch (error) {
    failed += 1;
    console.error(concern, name, error);
  }
}
console.log(passed > 100, failed);
`;

/** A helper that fails and is not awaited must not reach the host. */
const STRICT = `
import { Client, defineActivity, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";
let host = 0;
process.on("unhandledRejection", () => { host += 1; });
process.on("uncaughtException", () => { host += 1; });
const fail = defineActivity("Fail", async () => { throw new Error("no"); });
const work = defineOrchestration("Work", async (ctx) => {
  const helper = async () => { throw new Error("nobody awaits this"); };
  void helper();
  await ctx.scheduleActivity(fail).settled();
  return "end";
});
const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({ store, activities: [fail], orchestrations: [work], logger: { log() {} } });
const handle = await new Client(store).startOrchestration("i", work);
console.log(await handle.result({ timeout: "60s" }), host);
await runtime.shutdown();
await store.close();
`;

/** What the host has left with the platform notes the time when the orchestration calls it. */
const LISTENERS = `
import { EventEmitter } from "node:events";
import { Writable } from "node:stream";
import { inspect } from "node:util";
import { Client, defineOrchestration, Runtime, SqliteProvider } from "duroxide-ts";
const seen = [];
const note = (name) => { if (Date.now() > 0) seen.push(name); return name; };
const stop = new AbortController();
AbortSignal.any([stop.signal]).addEventListener("abort", () => note("any"));
stop.signal.addEventListener("abort", { handleEvent: () => note("object") });
stop.signal.onabort = () => note("onabort");
const target = new EventTarget();
target.addEventListener("x", () => note("target"));
const emitter = new EventEmitter().on("x", () => note("emitter"));
const out = new Writable({ write: (_chunk, _encoding, end) => { note("stream"); end(); } });
const value = { [inspect.custom]: () => note("inspect") };
const work = defineOrchestration("Work", async () => {
  stop.abort();
  target.dispatchEvent(new Event("x"));
  emitter.emit("x");
  out.write("line");
  inspect(value);
  return "end";
});
const store = await SqliteProvider.inMemory();
const runtime = await Runtime.start({ store, orchestrations: [work], logger: { log() {} } });
const handle = await new Client(store).startOrchestration("i", work);
console.log(await handle.result({ timeout: "60s" }), seen.sort().join());
await runtime.shutdown();
await store.close();
`;

describe.each(Object.entries(RUNTIMES))("%s", (name, runOn) => {
  test("runs a timer and an activity on SQLite and on PostgreSQL", async () => {
    const file = `${name.replaceAll(/\W/g, "-")}.db`;
    const { exitCode, stdout, stderr } = await runOn(
      project,
      "app.mjs",
      file,
      await freshDatabase(),
    );
    expect(exitCode, stderr).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines, stderr).toHaveLength(PRINTED.length);
    for (const [i, line] of lines.entries()) expect(line).toMatch(PRINTED[i]!);
    expect(lines[1]).toMatch(/app\.mjs:\d+/);
  });

  test("F8 keeps what the contract says on its own SQLite", async () => {
    const { stdout, stderr } = await runOn(project, "conformance.mjs");
    expect(stdout, stderr).toBe("true 0\n");
  });

  test("F3 runs code in the context of the runtime", async () => {
    const { stdout, stderr } = await runOn(project, "context.mjs");
    expect(stdout, stderr).toBe("runtime 6\n");
  });

  // Bun does not report through `process.emit`, so its host sees them (guide, chapter 4).
  const modes = name.startsWith("Node") ? ["none", "warn", "strict", "throw"] : [];
  test.each(modes)("F31 keeps rejections from the host, mode %s", async (mode) => {
    const flag = `--unhandled-rejections=${mode}`;
    const { stdout, stderr } = await runOn(project, flag, "strict.mjs");
    expect(stdout, stderr).toBe("end 0\n");
  });

  test("F31 keeps rejections from the host, unless it is Bun", async () => {
    const { stdout, stderr } = await runOn(project, "strict.mjs");
    expect(stdout, stderr).toBe(name.startsWith("Bun") ? "end 1\n" : "end 0\n");
  });

  // Bun ends the process of a host that does not listen (guide, chapter 4).
  test.skipIf(name.startsWith("Bun"))(
    "F31 a host that listens to no rejections lives on",
    async () => {
      const { exitCode, stdout, stderr } = await runOn(project, "alone.mjs");
      expect(stdout, stderr).toBe("end 0\n");
      expect(exitCode).toBe(0);
    },
  );

  test("F4 leaves listeners, streams and printers of the host alone", async () => {
    const { stdout, stderr } = await runOn(project, "listeners.mjs");
    expect(stdout, stderr).toBe("end any,emitter,inspect,object,onabort,stream,target\n");
  });

  test("F32 loads the package with require()", async () => {
    const { stdout, stderr } = await runOn(project, "required.cjs");
    expect(stdout, stderr).toBe("function\n");
  });
});
