/**
 * A client of the user, on which the user has begun a transaction.
 *
 * Boundary: says whether operations may be sent to it; sends none itself.
 *
 * I1. Nothing is written through a pool, nor through a client without an open transaction: it would
 *     land by itself, and stay when the user rolls back.
 * I2. Where the driver knows that a transaction is open, and nothing else is under way on the client,
 *     no statement is spent on it. Where it does not, the server is asked: `lock table` fails outside
 *     of transactions in each of its protocols, and takes no other lock than a read does.
 */

import { UsageError } from "../../foundation/errors.ts";
import type { PgClient } from "./driver.ts";
import { inSchema } from "./migrate.ts";
import { isClient } from "./pool-shape.ts";
import { sqlStateOf } from "./store-errors.ts";

/** What operations are sent through. */
export type Sender = Pick<PgClient, "query">;

/** What newer drivers say of a client. */
interface State {
  /** As of the last answer: `I` for none, `T` for an open transaction, `E` for one that has failed. */
  readonly getTransactionStatus?: () => unknown;
  /** Whether nothing is under way. */
  readonly readyForQuery?: unknown;
}

const ASK = "lock table @.migrations in access share mode";

const WANTED =
  "pass the transaction of store.transaction(), or a `pg` client on which you have run `begin`";

/** @throws UsageError `invalid_argument` for what is no client (I1) */
export function toSender(transaction: unknown): Sender {
  const { query, connect } = (transaction ?? {}) as Partial<Record<"query" | "connect", unknown>>;
  if (typeof query !== "function") {
    const type = transaction === null ? "null" : typeof transaction;
    throw new UsageError(
      "invalid_argument",
      `Cannot use a value of type ${type} as a transaction: it is no client of \`pg\`; ${WANTED}`,
    );
  }
  if (typeof connect === "function" && !isClient(transaction as object)) {
    throw new UsageError(
      "invalid_argument",
      "Cannot use a pool as a transaction: each of its statements may take another connection, and " +
        `lands by itself; ${WANTED}`,
    );
  }
  return transaction as Sender;
}

/**
 * To be followed by the operations at once. Rejects with what the driver throws.
 *
 * @throws UsageError `invalid_argument` for a client that has begun no transaction (I1)
 */
export async function assertInTransaction(client: Sender, schema: string): Promise<void> {
  const { getTransactionStatus, readyForQuery } = client as State;
  const isSure = readyForQuery === true && getTransactionStatus?.call(client) === "T";
  if (isSure) return; // (I2)
  try {
    await client.query({ text: inSchema(ASK, schema) });
  } catch (error) {
    if (sqlStateOf(error) === "25P01") throw noTransaction(error);
    throw error;
  }
}

/** What the server says of a transaction that the user has begun; undefined for all else. */
export function toTransactionError(error: unknown): UsageError | undefined {
  switch (sqlStateOf(error)) {
    case "25001":
      return unusable(
        error,
        "Cannot use the transaction: its isolation is not read committed; begin it with " +
          "`begin isolation level read committed`",
      );
    case "25P02":
      return unusable(
        error,
        "Cannot go on with the transaction: one of its statements has failed, and PostgreSQL rolls " +
          "all of it back; let that error pass, or use a savepoint around what may fail",
      );
    default:
      return undefined;
  }
}

function noTransaction(cause: unknown): UsageError {
  return unusable(
    cause,
    "Cannot use the client as a transaction: none is open on it; run `begin` on it first, and pass " +
      "it before `commit` or `rollback`",
  );
}

function unusable(cause: unknown, message: string): UsageError {
  return new UsageError("invalid_argument", message, { cause });
}
