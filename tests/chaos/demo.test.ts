/** The demo, as its users run it: its verdict is a promise, its times are not. */

import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { root, runProgram } from "../examples/programs.ts";

describe("npm run demo", () => {
  test("kills its worker half-way and proves that nothing was lost or done twice", async () => {
    const { exitCode, output, errors } = await runProgram(join(root, "demo/main.ts"));
    expect(output, errors).toMatch(/worker \d+ killed with SIGKILL, [1-9]\d* orders in work/);
    const proof = output.slice(output.indexOf("The proof"), output.indexOf("Figures"));
    expect(proof).toMatchInlineSnapshot(`
      "The proof, from the store and from a ledger that the engine does not know:
        ok      no order lost: 300 of 300 ended as they must (228 shipped, 25 declined by the bank, 15 not approved in time, 20 out of stock, 12 invalid)
        ok      no result recorded twice: each schedule has exactly one in its history
        ok      history and ledger agree: what ran was scheduled before, what is recorded ran
        ok      no customer charged twice or for nothing: 228 charges, 228 parcels
        ok      each compensation done: 194 of 194 reservations of orders that did not ship are released, and no other
        ok      the eternal stock monitor: no round missing or repeated, canceled at the end

      verdict: 6 of 6 checks hold

      "
    `);
    expect(output).toMatch(/\d+ executed, \d+ results recorded, \d+ redelivered/);
    expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: "" });
  });
});
