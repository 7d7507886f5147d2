/** Pages of the reference say what the sources say. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import {
  findUnknownNumbers,
  claimsOf,
  readClaims,
  renderTable,
  TABLE_FILE,
} from "../../tools/scenario-table.ts";
import { GUARANTEES } from "../../tools/scenario-catalog.ts";
import { decodeEvents, encodeEvents, HISTORY_FORMAT } from "../../src/history/codec.ts";
import type { RecordedEvent } from "../../src/history/event.ts";
import { PROVIDER_CONTRACT_VERSION } from "../../src/provider/provider.ts";
import { blocksOf, firstCodes, readPage, root, rowsOf, sectionOf } from "../support/markdown.ts";
import { kindsOf, membersOf, unionOf } from "../support/source-types.ts";

const codes = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code as string);

describe("errors.md", () => {
  const page = readPage("docs/reference/errors.md");
  const union = unionOf("src/foundation/errors.ts", "ErrorCode");

  test("lists every error code once, in the order of the union", () => {
    const table = rowsOf(page).filter(([cell]) => cell?.startsWith("[`"));
    expect(firstCodes(table)).toEqual(union);
  });

  test("has a section for every code that says when, and what to do", () => {
    const sections = [...page.matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code);
    expect(sections).toEqual(union);
    for (const code of union) {
      expect(sectionOf(page, `\`${code}\``)).toMatch(/\*\*When\.\*\* .+\n\*\*Do\.\*\* .+/);
    }
  });

  test("has no code that nothing in src ever uses", () => {
    // A code that nobody throws would be a promise about nothing.
    const text = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !/\.test\.ts$|foundation.errors\.ts$/.test(file))
      .map((file) => readPage(join("src", file)))
      .join("\n");
    const base = readPage("src/foundation/errors.ts");
    const unused = union.filter(
      (code) => !text.includes(`"${code}"`) && base.split(`"${code}"`).length < 3,
    );
    expect(unused).toEqual([]);
  });
});

describe("history-format.md", () => {
  const page = readPage("docs/reference/history-format.md");
  const table = rowsOf(sectionOf(page, "Codes and fields"));

  test("names the version that this build writes", () => {
    expect(page).toContain(`**Format version ${HISTORY_FORMAT}.**`);
  });

  test("has every event kind once", () => {
    const kinds = table.map((row) => codes(row[1] as string)[0] as string);
    const declared = readPage("src/history/event.ts").matchAll(
      /\bBase<"(\w+)">|Completion<"(\w+)">/g,
    );
    expect(kinds.toSorted()).toEqual([...declared].map(([, a, b]) => a ?? b).sort());
  });

  test.each(table.map((row) => [row[0] as string, row] as const))(
    "%s is written with the fields of the page, in their order",
    (_, row) => {
      const [code, kind] = [codes(row[0] as string)[0], codes(row[1] as string)[0]];
      const fields = codes(row[2] as string);
      const values = fields.map((field, i) => [field, `value ${i}`]);
      const event = { kind, eventId: 7, ...Object.fromEntries(values) } as unknown as RecordedEvent;
      const data = encodeEvents([event]);
      expect(JSON.parse(data)).toEqual([[code, 7, ...fields.map((_field, i) => `value ${i}`)]]);
      const [decoded] = decodeEvents({ format: HISTORY_FORMAT, timestampMs: 0, data });
      expect(decoded).toEqual({ ...event, timestampMs: 0 });
    },
  );

  test("shows examples that this build reads", () => {
    const kinds = blocksOf(page, "json").map((data) =>
      decodeEvents({ format: HISTORY_FORMAT, timestampMs: 0, data }).map((event) => event.kind),
    );
    expect(kinds).toEqual([
      ["OrchestrationStarted", "ActivityScheduled"],
      ["ActivityCompleted", "OrchestrationCompleted"],
    ]);
  });
});

describe("provider-contract.md", () => {
  const page = readPage("docs/reference/provider-contract.md");
  const file = "src/provider/provider.ts";

  test("names the version of the contract", () => {
    expect(page).toContain(`**Contract version ${PROVIDER_CONTRACT_VERSION}.**`);
  });

  test("lists every operation with outcomes that exist", () => {
    const table = rowsOf(sectionOf(page, "Writing"));
    expect(firstCodes(table)).toEqual(kindsOf(file, "WriteOperation"));
    const outcomes = new Set(kindsOf(file, "WriteOutcome"));
    const listed = new Set(table.flatMap((row) => codes(row[2] as string)));
    expect(listed).toEqual(outcomes);
  });

  test("lists every method", () => {
    const methods = firstCodes(rowsOf(sectionOf(page, "Methods")));
    const facts = ["name", "contractVersion", "location", "batchMax"];
    expect(methods).toEqual(membersOf(file, "Provider").filter((name) => !facts.includes(name)));
  });

  test("lists the laws that the source states", () => {
    const stated = [...readPage(file).matchAll(/^ \* (P\d+)\. /gm)].map(([, law]) => law);
    expect(rowsOf(sectionOf(page, "Laws")).map(([law]) => law)).toEqual(stated);
  });
});

describe("options.md", () => {
  const page = readPage("docs/reference/options.md");

  test.each([
    ["Runtime.start(", "src/runtime/options.ts", "RuntimeOptions"],
    ["client.startOrchestration(", "src/client/start.ts", "StartOptions"],
    ["Waiting", "src/client/wait.ts", "WaitOptions"],
    ["client.listInstances(", "src/client/management.ts", "ListOptions"],
    ["SqliteProvider.open(", "src/providers/sqlite/options.ts", "SqliteOptions"],
    ["PostgresProvider.connect(", "src/providers/postgres/options.ts", "PostgresOptions"],
  ])("%s...: has every option of %s", (heading, file, type) => {
    expect(firstCodes(rowsOf(sectionOf(page, heading)))).toEqual(membersOf(file, type));
  });

  test("has every option of a client", () => {
    const own = sectionOf(page, "new Client(").split("\n### ")[0] as string;
    expect(firstCodes(rowsOf(own))).toEqual(membersOf("src/client/client.ts", "ClientOptions"));
  });
});

describe("ARCHITECTURE.md", () => {
  const page = readPage("ARCHITECTURE.md").replace(/^```.*?^```$/gms, "");

  test("names files that exist", () => {
    const files = codes(page).filter((code) => /^[\w./-]+\/[\w.-]+\.[a-z]+$/.test(code));
    expect(files.length).toBeGreaterThan(30);
    const missing = files.filter(
      (file) => !["", "src"].some((f) => existsSync(join(root, f, file))),
    );
    expect(missing).toEqual([]);
  });

  test("has every room of the law", () => {
    const rooms = firstCodes(rowsOf(sectionOf(page, "Rooms"))).map((room) => room.split("/")[0]);
    const folders = readdirSync(join(root, "src"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    expect(rooms.toSorted()).toEqual(folders.toSorted());
  });

  test("says for every guarantee where it is kept and which test holds it", () => {
    const table = rowsOf(sectionOf(page, "Guarantees"));
    expect(table.map(([number]) => number)).toEqual(GUARANTEES);
    for (const [, , kept, held] of table) {
      expect(codes(kept as string)).not.toEqual([]);
      expect(codes(held as string)).not.toEqual([]);
    }
  });
});

describe("scenarios.md", () => {
  const claims = readClaims();

  test("is what the titles of the tests say", () => {
    const isCurrent = readFileSync(TABLE_FILE, "utf8") === renderTable(claims);
    // The difference itself would fill screens.
    expect(isCurrent, "out of date: run `npm run docs:scenarios` and commit").toBe(true);
  });

  test("claims no number that does not exist", () => {
    expect(findUnknownNumbers(claims)).toEqual([]);
  });

  test("has a test for every guarantee", () => {
    const claimed = new Set(claims.map((claim) => claim.number));
    expect(GUARANTEES.filter((number) => !claimed.has(number))).toEqual([]);
  });

  test("takes titles and rows for claims, and nothing else", () => {
    const text = [
      "// S001 in a comment",
      'describe("S052-S078 G6 a range claims nothing of its own", () => {});',
      'scenario("S002 R13 a scenario", async () => {});',
      'test.each(rows)("S003 $name", () => {});',
      'test.skip("S005 not run", () => {});',
      'const rows = [{ name: "S006 a row" }, ["S007 another row", 1]];',
      'if (title.startsWith("S008 is this")) console.info(`S009, ${seed}: a line`);',
      'const compared = { title: "S010" };',
    ].join("\n");
    expect(claimsOf("x.test.ts", text).map((claim) => claim.number)).toEqual([
      ...["G6", "S002", "R13", "S003", "S006", "S007"],
    ]);
  });
});
