/** The branches of `ctx.select`, `ctx.all` and `ctx.join`, checked at the call. */

import { UsageError } from "../foundation/errors.ts";
import { takeStack } from "../foundation/stack.ts";
import type { Branch } from "../orchestration/durable-future.ts";
import { Future } from "./future.ts";
import { findUserFrame } from "./source.ts";

/** @throws UsageError unless they are a list */
export function assertList(branches: unknown, call: "all" | "join"): void {
  if (Array.isArray(branches)) return;
  const instead = isRecord(branches)
    ? `pass Object.values(...), or each in a list: ctx.${call}([a, b])`
    : `pass them in one list: ctx.${call}([a, b])`;
  throw wrongBranches(`ctx.${call}()`, `${describe(branches)} and no list`, instead);
}

/**
 * @param options - The second argument of the call, which is a branch where the list was forgotten
 * @throws UsageError unless they are a list or a record
 */
export function assertListOrRecord(branches: unknown, options: unknown): void {
  const isListed = Array.isArray(branches) || isRecord(branches);
  if (isListed && !isBranch(options)) return;
  const what = isListed ? "one is outside of the list" : `${describe(branches)} and no list`;
  throw wrongBranches("ctx.select()", what, "pass them in one list or record: ctx.select([a, b])");
}

/** @throws UsageError where the race cannot be decided, or its losers cannot be kept */
export function assertRace(branches: readonly unknown[], keepsLosers: boolean): void {
  if (branches.length === 0) {
    throw new UsageError(
      "invalid_argument",
      "Cannot select from nothing: a race without branches never ends; pass at least one branch",
    );
  }
  if (!keepsLosers || branches.every((branch) => branch instanceof Future)) return;
  throw new UsageError(
    "invalid_argument",
    "Cannot keep the losers of ctx.select(): a branch is a function or a promise, which nothing can go on with; schedule it before and pass the operation",
  );
}

/** An operation that was canceled as a loser can win nothing any more. */
export function assertNotLost(branches: readonly unknown[], verb: string): void {
  const lost = branches.find((branch) => branch instanceof Future && branch.lostTo !== undefined);
  if (!(lost instanceof Future)) return;
  const source = findUserFrame(takeStack("call"));
  throw new UsageError(
    "invalid_argument",
    `Cannot ${verb} ${lost.label} again${source === undefined ? "" : ` (${source})`}: it lost an earlier ${lost.lostTo ?? ""}, which canceled it; ` +
      "pass { keep: true } to ctx.select() where its losers are used again, or schedule it anew",
  );
}

function wrongBranches(call: string, what: string, instead: string): UsageError {
  return new UsageError(
    "invalid_argument",
    `Cannot use the branches of ${call}: ${what}; ${instead}`,
  );
}

function isBranch(value: unknown): value is Branch {
  return (
    typeof value === "function" || (typeof value === "object" && value !== null && "then" in value)
  );
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !isBranch(value);
}

function describe(value: unknown): string {
  if (value instanceof Future) return `they are one durable future, ${value.label},`;
  if (isBranch(value))
    return `they are one ${typeof value === "function" ? "function" : "promise"}`;
  return isRecord(value)
    ? "they are an object"
    : `they are a value of type ${value === null ? "null" : typeof value}`;
}
