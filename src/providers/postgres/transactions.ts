/**
 * Transactions that the user's statements share with the store's operations.
 *
 * I1. A transaction of ours ends exactly once, and after that its object does nothing any more.
 * I2. When the answer to `commit` is lost, the server is asked what became of the transaction: no
 *     caller gets an error for what has landed, nor success for what has not.
 * I3. The operations of a shared transaction wake every process after its commit, this one too: the
 *     notification is part of the transaction.
 * I4. Transactions leave the connections alone that commits, claims and renewals need: as many as
 *     fit beside those are open at once, the others wait.
 * I5. Operations land with the user's transaction or not at all, see `user-client.ts`.
 */

import { systemClock } from "../../foundation/clock.ts";
import { UsageError } from "../../foundation/errors.ts";
import { host } from "../../foundation/host.ts";
import { ProviderError } from "../../provider/errors.ts";
import type {
  ProviderTransactions,
  WriteOperation,
  WriteOutcome,
} from "../../provider/provider.ts";
import { parseStoredJson } from "../../provider/texts.ts";
import {
  assertStatement,
  assertTransactionWork,
  type QueryResult,
  type Transaction,
} from "../../foundation/transaction.ts";
import { type OutcomeAnswer, toOutcome } from "./decode.ts";
import type { Connection, Connections } from "./connections.ts";
import { encodeBatch } from "./encode.ts";
import { inSchema } from "./migrate.ts";
import { Slots } from "./slots.ts";
import { isConnectionLost, toProviderError } from "./store-errors.ts";
import { assertInTransaction, toSender, toTransactionError } from "./user-client.ts";

const APPLY = `
select @.apply_within($1::jsonb, $2::bigint[], $3::text[], $4::bigint[])::text as answer`;

const READ_ID = "select pg_current_xact_id_if_assigned()::text as answer";
const READ_FATE = "select pg_xact_status($1::text::xid8) as answer";

/** What ends or begins a transaction is not the user's to say here. */
const CONTROL =
  /^\s*(begin|start\s+transaction|commit|end|rollback|abort|prepare\s+transaction)\b/i;
const SAVEPOINT = /^\s*rollback\s+(work\s+|transaction\s+)?to\b/i;

const FATE_DELAY_MS = 100;
/** How long a server that does not answer is asked what became of a transaction. */
const FATE_MS_MAX = 60_000;

export interface TransactionsParts {
  readonly connections: Connections;
  /** How many may be open at once, at least 1. */
  readonly width: number;
  /** Longest wait for one of them to end, in milliseconds. */
  readonly timeoutMs: number;
  readonly schema: string;
  readonly subject: string;
  /** Runs a statement on another connection. */
  readonly ask: (sql: string, values: unknown[]) => Promise<unknown>;
  /** Called after a commit of ours. */
  readonly onCommitted: () => void;
}

/** A transaction of {@link Transactions.run}. */
class OpenTransaction implements Transaction {
  readonly #connection: Connection;
  readonly #subject: string;
  #isOver = false;

  constructor(connection: Connection, subject: string) {
    this.#connection = connection;
    this.#subject = subject;
  }

  get connection(): unknown {
    return this.#connection.client;
  }

  get open(): Connection {
    if (!this.#isOver) return this.#connection;
    throw new UsageError(
      "closed",
      "Cannot use the transaction: it has ended; await everything before its function returns",
    );
  }

  end(): void {
    this.#isOver = true;
  }

  async query<Row = Record<string, unknown>>(
    sql: string,
    parameters: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    assertStatement(sql, parameters);
    if (CONTROL.test(sql) && !SAVEPOINT.test(sql)) {
      throw new UsageError(
        "invalid_argument",
        "Cannot run this statement: the transaction begins and ends by itself; throw to roll it back",
      );
    }
    try {
      const { rows, rowCount } = await this.open.query({
        text: sql,
        values: [...parameters],
        queryMode: "extended",
      });
      return { rows: rows as readonly Row[], rowCount: rowCount ?? 0 };
    } catch (error) {
      if (error instanceof UsageError) throw error;
      // What the statement says wrong is its author's; what only needs another try is not (G7).
      const failure = toProviderError(error, "run the statement on", this.#subject);
      throw failure.retryable ? failure : error;
    }
  }
}

export class Transactions implements ProviderTransactions {
  readonly #parts: TransactionsParts;
  readonly #slots: Slots;

  constructor(parts: TransactionsParts) {
    this.#parts = parts;
    this.#slots = new Slots(parts.width);
  }

  /** (I4) */
  async run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    assertTransactionWork(work);
    const { subject, timeoutMs, width } = this.#parts;
    if (!(await this.#slots.enter(timeoutMs))) {
      throw new ProviderError(
        "store_busy",
        `Cannot begin a transaction on ${subject}: ${width} of this process have been open for too ` +
          "long; keep transactions short, begin none inside another, or raise maxConnections",
        { retryable: true },
      );
    }
    try {
      return await this.#run(work);
    } finally {
      this.#slots.leave();
    }
  }

  async #run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const connection = await this.#open();
    const transaction = new OpenTransaction(connection, this.#parts.subject);
    try {
      const result = await work(transaction);
      transaction.end();
      await this.#commit(connection);
      this.#parts.onCommitted();
      return result;
    } catch (error) {
      transaction.end();
      if (!connection.isLost) await rollBack(connection);
      throw error;
    } finally {
      connection.release();
    }
  }

  async write(
    transaction: unknown,
    operations: readonly WriteOperation[],
  ): Promise<readonly WriteOutcome[]> {
    const { schema, subject } = this.#parts;
    const client =
      transaction instanceof OpenTransaction ? transaction.open : toSender(transaction);
    const { operations: text, keys, ids, nodes } = encodeBatch(operations);
    try {
      if (client === transaction) await assertInTransaction(client, schema); // (I5)
      const { rows } = await client.query({
        text: inSchema(APPLY, schema),
        values: [text, keys, ids, nodes],
      });
      const { o } = parseStoredJson(rows[0]?.["answer"] as string) as {
        readonly o: readonly OutcomeAnswer[];
      };
      return operations.map((operation, i) => toOutcome(operation, o[i] as OutcomeAnswer));
    } catch (error) {
      if (error instanceof UsageError) throw error;
      const unusable = toTransactionError(error);
      if (unusable !== undefined) throw unusable;
      throw toProviderError(error, "write to", subject);
    }
  }

  async #open(): Promise<Connection> {
    const { connections, subject } = this.#parts;
    let connection: Connection | undefined;
    try {
      connection = await connections.take();
      await connection.query({ text: "begin isolation level read committed" });
      return connection;
    } catch (error) {
      connection?.destroy();
      throw toProviderError(error, "write to", subject);
    }
  }

  async #commit(connection: Connection): Promise<void> {
    let id: string | null = null;
    try {
      const { rows } = await connection.query({ text: READ_ID });
      id = rows[0]?.["answer"] as string | null;
      await connection.query({ text: "commit" });
    } catch (error) {
      if (id !== null && isConnectionLost(error)) {
        connection.destroy(); // The pool may have no other to ask on.
        if (await this.#hasLanded(id)) return;
      }
      throw toProviderError(error, "write to", this.#parts.subject);
    }
  }

  /** (I2) */
  async #hasLanded(id: string): Promise<boolean> {
    const endMs = systemClock.monotonicMs() + FATE_MS_MAX;
    while (systemClock.monotonicMs() < endMs) {
      const fate = await this.#parts.ask(READ_FATE, [id]).catch(toFate);
      if (fate === "closed") break;
      if (fate !== "in progress") return fate === "committed";
      await host.sleep(FATE_DELAY_MS);
    }
    throw new ProviderError(
      "store_unreachable",
      `Cannot say whether transaction ${id} was committed: ${this.#parts.subject} does not answer; ` +
        "look into your own tables before you repeat it",
      { retryable: false, details: { transactionId: id } },
    );
  }
}

/** What cannot be asked now is asked again, until the store is closed. */
function toFate(error: unknown): "closed" | "in progress" {
  return error instanceof ProviderError && error.code === "closed" ? "closed" : "in progress";
}

/** Never rejects: a connection that cannot roll back is closed, which does it, too. */
async function rollBack(connection: Connection): Promise<void> {
  await connection.query({ text: "rollback" }).catch(() => {
    connection.destroy();
  });
}
