/** A thread that opens a store by a SQLite library of its own, posts the outcome, and ends. */

import { parentPort, workerData } from "node:worker_threads";

import { register } from "tsx/esm/api";

register();
const { SqliteProvider } = await import("../../src/providers/sqlite/index.ts");
const { loadSecondLibrary } = await import("./second-library.ts");
const binding = workerData.library === "own" ? loadSecondLibrary() : undefined;
try {
  await SqliteProvider.open(workerData.file, { binding });
  parentPort.postMessage("opened");
} catch (error) {
  parentPort.postMessage(error.code);
}
