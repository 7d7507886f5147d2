/** F52: nothing that emits `error` events is made or taken without a listener for them. */

import { readdirSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { readPage, root } from "../support/markdown.ts";

/** What makes, or hands over, an emitter of a driver or of our own. */
const MADE =
  /\b(new (?:Pool|Client|Worker|EventEmitter|Socket|Server|Readable|Writable|Duplex)\b|extends (?:EventEmitter|Client)\b|pool\.connect\()/g;
/** What makes one of the host's, and has to be imported for it. */
const IMPORTED =
  /import \{([^}]*)\} from "node:(?:fs|child_process|net|tls|http|https|readline|dgram)"/g;
const MAKERS =
  /^(watch|fork|spawn|exec|execFile|createServer|createReadStream|createWriteStream|createConnection|createInterface|createSocket|connect)$/;

/** Where that is done, and who listens. */
const LISTENERS: Readonly<Record<string, { readonly makes: string[]; readonly in: string }>> = {
  "providers/postgres/address.ts": {
    makes: ["new Client"], // Is never connected.
    in: "providers/postgres/guard.ts",
  },
  "providers/postgres/connections.ts": {
    makes: ["pool.connect("],
    in: "providers/postgres/guard.ts",
  },
  "providers/postgres/driver.ts": {
    makes: ["extends Client", "new Pool"],
    in: "providers/postgres/guard.ts",
  },
  "providers/postgres/guard.ts": {
    makes: ["extends Client"],
    in: "providers/postgres/guard.ts",
  },
  "providers/sqlite/change-watch.ts": {
    makes: ["watch"],
    in: "providers/sqlite/change-watch.ts",
  },
  "conformance/cases/stalls.ts": {
    makes: ["new Worker"],
    in: "conformance/cases/stalls.ts",
  },
  "providers/postgres/stall-note.ts": {
    makes: ["new Client"],
    in: "providers/postgres/stall-note.ts",
  },
  "runtime/stall-watch.ts": {
    makes: ["new Worker"],
    in: "runtime/stall-watch.ts",
  },
};

test("F52 every emitter has a listener for errors", () => {
  const found: Record<string, string[]> = {};
  for (const file of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const code = readPage(join("src", file))
      .replace(/\/\*[^]*?\*\//g, "")
      .replace(/\/\/.*$/gm, "");
    const imported = [...code.matchAll(IMPORTED)].flatMap(([, names = ""]) =>
      names.split(/[\s,]+/),
    );
    const made = [...code.matchAll(MADE)].map(([, what]) => what as string);
    const makes = [...new Set([...made, ...imported.filter((name) => MAKERS.test(name))])];
    if (makes.length > 0) found[file.replaceAll("\\", "/")] = makes.sort();
  }
  const expected = Object.entries(LISTENERS).map(([file, { makes }]) => [file, makes] as const);
  expect(found).toEqual(Object.fromEntries(expected));
  for (const { in: listener } of Object.values(LISTENERS)) {
    expect(readPage(join("src", listener)), listener).toMatch(/\.(?:on|once)\("error"/);
  }
});
