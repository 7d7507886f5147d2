/** The workload of the tests of transactions: a chain of entries in a ledger. */

import { defineOrchestration, defineTransaction, type ActivityDefinition } from "duroxide-ts";

import { note } from "../support/transaction-stores.ts";

/** @param afterStatement - Called when the entry is written and nothing is committed */
export function createBook(
  afterStatement: (entry: string, attempt: number) => Promise<void> = async () => {},
): ActivityDefinition<string, string> {
  return defineTransaction("Book", async (tx, entry: string, ctx) => {
    await note(tx, entry);
    await afterStatement(entry, ctx.attempt);
    return `${entry} booked`;
  });
}

export const book: ActivityDefinition<string, string> = createBook();

export const CHAIN_ENTRIES: readonly string[] = ["a", "b", "c"];

/** Books one entry after the other. */
export const chain = defineOrchestration("Chain", async (ctx) => {
  const results: string[] = [];
  for (const entry of CHAIN_ENTRIES) results.push(await ctx.scheduleActivity(book, entry));
  return results;
});
