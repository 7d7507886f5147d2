/** What a store is opened by: a path, and what only looks like one. */

import { fileURLToPath } from "node:url";

import { UsageError } from "../../foundation/errors.ts";

/** The name of a store that lives in this process alone. */
export const MEMORY = ":memory:";

/** Of connection strings; other files may well have a colon in their names. */
const SCHEME = /^(?:(?:better-sqlite3|file|jdbc:sqlite|libsql|sqlite3?):|[a-z][a-z\d+.-]+:\/\/)/i;
const SHOWN_MAX = 200;

/**
 * Takes a path as it is, and a URL of a file for the path that it names.
 *
 * @throws UsageError `invalid_argument` for anything else, with the path that may be meant
 */
export function parseFileName(file: unknown): string {
  if (file instanceof URL) return fromUrl(file);
  if (typeof file !== "string") {
    const type = file === null ? "null" : Buffer.isBuffer(file) ? "Buffer" : typeof file;
    throw refused(`its name is a value of type ${type}; pass a path such as "app.db"`);
  }
  if (file === "") throw refused('its name is empty; pass a path such as "app.db"');
  if (file.includes("\0")) throw refused("its name has a NUL character in it; pass a path");
  if (file.trim().toLowerCase() === MEMORY && file !== MEMORY) {
    throw refused(`${quote(file)} is no path; use "${MEMORY}" or SqliteProvider.inMemory()`);
  }
  if (file !== file.trim()) {
    throw refused(`${quote(file)} begins or ends with white space; pass ${quote(file.trim())}`);
  }
  const scheme = SCHEME.exec(file)?.[0];
  if (scheme === undefined) return assertNoParameters(file);
  if (/^file:\/\//i.test(file) && URL.canParse(file)) return fromUrl(new URL(file));
  throw refused(`${quote(file)} is no path; ${toHint(file, scheme)}`);
}

/** Such as `?mode=ro`; other question marks may well be part of a name. */
function assertNoParameters(file: string): string {
  const found = /^(.+)\?[a-z_]+=[^/\\]*$/i.exec(file);
  if (found === null) return file;
  throw refused(
    `${quote(file)} has parameters, which mean nothing here; pass the path alone, such as ${quote(found[1] ?? "")}`,
  );
}

function fromUrl(url: URL): string {
  if (url.protocol !== "file:") {
    const name = `${url.protocol}//${url.host}`; // No user, no password.
    throw refused(`${quote(name)} is no URL of a file; ${toHint(url.href, url.protocol)}`);
  }
  if (url.search !== "" || url.hash !== "") {
    throw refused(
      `${quote(url.href)} has parameters, which mean nothing here; pass the path alone`,
    );
  }
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw refused(`${quote(url.href)} names no file of this machine; pass its path`, error);
  }
}

function toHint(file: string, scheme: string): string {
  if (file.includes(MEMORY)) return `use "${MEMORY}" or SqliteProvider.inMemory()`;
  if (/^postgres/i.test(scheme)) return "use PostgresProvider.connect(url)";
  const path = file
    .slice(scheme.length)
    .replace(/^\/\//, "")
    .replace(/[?#].*$/, "");
  if (!/^(?:better|file|jdbc|libsql|sqlite)/i.test(scheme)) return 'pass a path such as "app.db"';
  return `pass the path alone, such as ${quote(path || "app.db")}`;
}

/** Without what may be a password. */
function quote(text: string): string {
  return JSON.stringify(text.replace(/\/\/[^/@]*@/, "//").slice(0, SHOWN_MAX));
}

function refused(why: string, cause?: unknown): UsageError {
  return new UsageError("invalid_argument", `Cannot open the store: ${why}`, { cause });
}
