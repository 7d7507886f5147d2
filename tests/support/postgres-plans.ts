/**
 * The plans that PostgreSQL really used, those of statements inside of functions too: `auto_explain`
 * sends each as a notice, so no text of a statement is copied here and none can drift.
 */

import pg from "pg";

/** The table of a walk over pairs of rows that a join has compared in vain. */
export const PAIRS = "pairs";

/** One walk over a table. */
export interface Walk {
  readonly table: string;
  /** How PostgreSQL calls it, such as `Index Only Scan`. */
  readonly kind: string;
  readonly index: string | undefined;
  /** Rows that it has read, found or thrown away. */
  readonly rows: number;
  /** Pages of the table and of the index that it has touched, those of skipped entries too. */
  readonly pages: number;
}

interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Actual Rows"?: number;
  readonly "Actual Loops"?: number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  readonly "Rows Removed by Join Filter"?: number;
  readonly "Shared Hit Blocks"?: number;
  readonly "Shared Read Blocks"?: number;
  readonly Plans?: readonly PlanNode[];
}

const SETTINGS = {
  session_preload_libraries: "auto_explain",
  "auto_explain.log_min_duration": "0",
  "auto_explain.log_nested_statements": "on",
  "auto_explain.log_analyze": "on",
  "auto_explain.log_timing": "off",
  "auto_explain.log_buffers": "on",
  "auto_explain.log_format": "json",
  client_min_messages: "log",
};

/** A pool whose statements tell their plans. Its user is a superuser. */
export class ExplainingPool {
  readonly pool: pg.Pool;
  #walks: Walk[] = [];
  #planCount = 0;

  constructor(url: string) {
    const options = Object.entries(SETTINGS)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(" ");
    this.pool = new pg.Pool({ connectionString: url, max: 8, options });
    this.pool.on("connect", (client) => {
      client.on("notice", ({ message }) => {
        this.#note(message ?? "");
      });
    });
  }

  /** What `work` made the server do. */
  async explain(work: () => Promise<unknown>): Promise<readonly Walk[]> {
    this.#walks = [];
    this.#planCount = 0;
    await work();
    if (this.#planCount === 0) throw new Error("The server has sent no plan");
    return this.#walks;
  }

  #note(message: string): void {
    const start = message.indexOf("plan:\n");
    if (start < 0) return;
    const { Plan } = JSON.parse(message.slice(start + 6)) as { readonly Plan: PlanNode };
    this.#planCount += 1;
    this.#walks.push(...walksOf(Plan));
  }
}

function walksOf(node: PlanNode): Walk[] {
  const below = (node.Plans ?? []).flatMap(walksOf);
  const { "Relation Name": table, "Node Type": kind, "Actual Loops": loops = 1 } = node;
  const mismatched = node["Rows Removed by Join Filter"] ?? 0;
  if (mismatched > 0)
    below.push({ table: PAIRS, kind, index: undefined, rows: mismatched * loops, pages: 0 });
  // A branch of a plan that no parameter led into.
  if (loops === 0) return below;
  if (table === undefined || !kind.endsWith("Scan")) return below;
  const removed =
    (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0);
  const rows = ((node["Actual Rows"] ?? 0) + removed) * loops;
  const pages = (node["Shared Hit Blocks"] ?? 0) + (node["Shared Read Blocks"] ?? 0);
  return [{ table, kind, index: indexOf(node), rows, pages }, ...below];
}

/** That of a bitmap is below the walk. */
function indexOf(node: PlanNode): string | undefined {
  if (node["Index Name"] !== undefined) return node["Index Name"];
  if (!node["Node Type"].startsWith("Bitmap")) return undefined;
  return (node.Plans ?? []).map(indexOf).find((index) => index !== undefined);
}

/** A line for each way into a table, for people: `instances by instances_ready, index only`. */
export function summarize(walks: readonly Walk[]): string[] {
  const lines = walks.map(({ table, kind, index }) => {
    const way = index === undefined ? kind.toLowerCase() : `by ${index}`;
    return `${table} ${way}${kind === "Index Only Scan" ? ", index only" : ""}`;
  });
  return [...new Set(lines)].sort();
}
