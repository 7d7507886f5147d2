/** A thread that opens a store, and closes it with the first message. */

import { parentPort, workerData } from "node:worker_threads";

import { register } from "tsx/esm/api";

register();
const { SqliteProvider } = await import("../../src/providers/sqlite/index.ts");
const store = await SqliteProvider.open(workerData, { durability: "process" });
parentPort.once("message", () => {
  void store.close().then(() => parentPort.postMessage("closed"));
});
parentPort.postMessage("opened");
