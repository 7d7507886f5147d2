/**
 * Notes a stall from another thread: by a connection of its own, which needs a URL. A pool of the user,
 * and a function that is asked for passwords, live in the thread that stands still.
 */

import { findInstalled } from "../../provider/installed-package.ts";
import type { InstanceRelease, StallNote } from "../../provider/provider.ts";
import type { StoreSettings } from "./options.ts";

/** Runs in the thread that watches the event loop. */
const SOURCE = `
const { Client } = require(data.driver);
const client = new Client({
  connectionString: data.url,
  application_name: "duroxide-ts",
  connectionTimeoutMillis: 2000,
  query_timeout: 2000,
});
client.on("error", () => {});
return client
  .connect()
  .then(() => client.query({ text: data.sql, values: [data.stall, data.node] }))
  .finally(() => client.end());
`;

/** See `Provider.stallNote`. */
export type StallNoter = (release: InstanceRelease) => StallNote | undefined;

/** @param target - A URL; others cannot be handed to another thread */
export function toStallNoter(target: unknown, settings: StoreSettings): StallNoter {
  const { schema, password } = settings;
  if (typeof target !== "string" || password !== undefined) return () => undefined;
  const sql = `update "${schema}".nodes set stall = $1 where id = $2`;
  return ({ claim, visibleAtMs, blocked }) => {
    const driver = findInstalled("pg");
    if (driver === undefined) return undefined;
    const { key, node, epoch } = claim;
    const at = Math.ceil(visibleAtMs);
    const stall = JSON.stringify({ key, epoch, at, bl: JSON.stringify(blocked) });
    return { source: SOURCE, data: { driver, url: target, sql, stall, node } };
  };
}
