/**
 * Opens a SQLite store without a free file descriptor, then with some again.
 *
 * Arguments: the file, and "unloaded" when no binding is loaded before. Prints what came of both as JSON.
 */

import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";

import { findBinding } from "../../src/providers/sqlite/binding.ts";
import { SqliteProvider } from "../../src/providers/sqlite/index.ts";

const [, , file = "", binding] = process.argv;

async function open(): Promise<unknown> {
  try {
    const store = await SqliteProvider.open(file);
    await store.close();
    return "opened";
  } catch (error) {
    const { code, retryable, message } = error as Error & Record<"code" | "retryable", unknown>;
    return { code, retryable, message };
  }
}

if (binding !== "unloaded") await findBinding();
const taken: number[] = [];
try {
  for (;;) taken.push(openSync(devNull, "r"));
} catch {
  // None is left.
}
const without = await open();
for (const descriptor of taken) closeSync(descriptor);
console.log(JSON.stringify({ without, after: await open() }));
