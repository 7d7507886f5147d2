/** The kit can fail: stores that are wrong in one way are found out, each by the case named here. */

import { describe, expect, test } from "vitest";

import { conformanceCases, type ConformanceHarness } from "../../src/conformance/index.ts";
import { referenceHarness } from "../support/conformance.ts";
import { openSqliteFile, withoutTransactions } from "../support/conformance-sqlite.ts";
import { FIELD_MUTANTS } from "../support/field-mutants.ts";
import { MUTANTS, replaceMethods } from "../support/mutants.ts";

const settings = { contentionRounds: 3, patienceMs: 100 };

async function failuresOf(
  harness: ConformanceHarness,
  isWanted: (title: string) => boolean,
): Promise<ReadonlyMap<string, unknown>> {
  const failures = new Map<string, unknown>();
  for (const { concern, name, run } of conformanceCases()) {
    const title = `${concern} ${name}`;
    if (!isWanted(title)) continue;
    await run(harness).catch((error: unknown) => failures.set(title, error));
  }
  return failures;
}

describe("the conformance kit", () => {
  test("finds nothing wrong with the reference store", async () => {
    const failures = await failuresOf(referenceHarness(undefined, settings), () => true);
    expect([...failures.keys()]).toEqual([]);
  });

  test.each(MUTANTS)("finds out a store that $name", async ({ caughtBy, wrap }) => {
    const failures = await failuresOf(referenceHarness(wrap, settings), () => true);
    expect([...failures.keys()]).toContain(caughtBy);
    expect(failures.get(caughtBy)).toHaveProperty(
      "name",
      expect.stringMatching(/^(Conformance|Provider)Error$/),
    );
  });

  test.each(FIELD_MUTANTS)("F30 finds out a store that loses $name", async ({ change }) => {
    const harness = referenceHarness((store) => replaceMethods(store, change(store)), settings);
    const failures = await failuresOf(harness, (title) => title.startsWith("fields "));
    expect(failures.size).toBeGreaterThan(0);
  });

  test("finds out a SQLite store that knows no transactions", async () => {
    const harness = { open: () => openSqliteFile(withoutTransactions) };
    const failures = await failuresOf(harness, (title) => title.startsWith("crashes"));
    expect([...failures.keys()]).toEqual([
      "crashes leave a start, a message and a turn whole",
      "crashes leave the end of an instance and the start of its successor whole",
    ]);
  });
});
