/**
 * Another process on a SQLite store: takes commands as messages and answers each with its result.
 *
 * Arguments: the file, and `nobody` to give up the rights of the superuser first. Its first message
 * says whether the store could be opened.
 */

import { findBinding } from "../../src/providers/sqlite/binding.ts";
import { SqliteProvider } from "../../src/providers/sqlite/index.ts";

/** One command: a method of the provider and its arguments. */
export interface NeighbourCommand {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What comes back. */
export type NeighbourAnswer =
  | { readonly value: unknown }
  | { readonly error: { readonly code: string; readonly message: string } };

async function answer(work: () => Promise<unknown>): Promise<void> {
  let reply: NeighbourAnswer;
  try {
    reply = { value: await work() };
  } catch (error) {
    const { code, message } = error as Error & { readonly code: string };
    reply = { error: { code, message } };
  }
  process.send!(reply);
}

if (process.argv[3] === "nobody") {
  // What has yet to be loaded may lie where nobody may read.
  await findBinding();
  process.setgroups?.([]);
  process.setgid?.(65_534);
  process.setuid?.(65_534);
}

let provider: SqliteProvider | undefined;
await answer(async () => {
  provider = await SqliteProvider.open(process.argv[2]!, { durability: "process" });
});

process.on("message", (command: NeighbourCommand) => {
  void answer(async () => {
    const method = provider?.[command.method as "write"] as (...args: unknown[]) => unknown;
    return await method.apply(provider, [...command.args]);
  });
});
process.on("disconnect", () => process.exit());
