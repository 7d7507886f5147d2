/**
 * Texts as a store holds them that cannot hold U+0000.
 *
 * PostgreSQL refuses it, and some bindings of SQLite end a text there: two ids would silently become
 * one. So U+0000 is written as U+0001 and "0", and U+0001 itself as U+0001 and "1". Prefixes stay
 * prefixes, and nearly every text stays as it is.
 */

const NUL = "\u0000";
const ESCAPE = "\u0001";

export function escapeText(text: string): string {
  if (!text.includes(NUL) && !text.includes(ESCAPE)) return text;
  return text.replaceAll(ESCAPE, `${ESCAPE}1`).replaceAll(NUL, `${ESCAPE}0`);
}

export function unescapeText(text: string): string {
  if (!text.includes(ESCAPE)) return text;
  return text.replaceAll(`${ESCAPE}0`, NUL).replaceAll(`${ESCAPE}1`, ESCAPE);
}

/** Parses JSON that a store has made of such texts. @throws SyntaxError */
export function parseStoredJson(json: string): unknown {
  if (!json.includes("\\u0001")) return JSON.parse(json);
  return JSON.parse(json, (_, part: unknown) =>
    typeof part === "string" ? unescapeText(part) : part,
  );
}
