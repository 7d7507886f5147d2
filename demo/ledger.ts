/**
 * The outside world: an append-only file into which activities write what they have done.
 *
 * The engine does not know it. So it shows what really happened, also what a killed process did and
 * could no longer report.
 */

import { appendFileSync, existsSync, readFileSync } from "node:fs";

import type { ActivityContext } from "duroxide-ts";

/** One execution of an activity, as the outside world saw it. */
export interface LedgerEntry {
  /** The same for every delivery of one activity: by it a real bank recognises a repeated charge. */
  readonly idempotencyKey: string;
  readonly instanceId: string;
  readonly executionId: number;
  readonly activityId: number;
  readonly activity: string;
  /** What it was about: a reservation, a card. */
  readonly item: string;
  /** False when the world said no. */
  readonly isDone: boolean;
  readonly pid: number;
}

export class Ledger {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Written before this returns; it then outlives the process, however that ends. */
  record(ctx: ActivityContext, item: string, isDone = true): void {
    const entry: LedgerEntry = {
      idempotencyKey: ctx.idempotencyKey,
      instanceId: ctx.instanceId,
      executionId: ctx.executionId,
      activityId: ctx.activityId,
      activity: ctx.activityName,
      item,
      isDone,
      pid: process.pid,
    };
    appendFileSync(this.#file, `${JSON.stringify(entry)}\n`);
  }

  read(): LedgerEntry[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, "utf8").split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as LedgerEntry);
  }
}

/** Names the scheduled activity that an entry, or an event of a history, belongs to. */
export function scheduleName(instanceId: string, executionId: number, activityId: number): string {
  return `${instanceId}/${executionId}/${activityId}`;
}
