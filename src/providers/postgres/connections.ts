/**
 * Connections that are taken from the pool, each with a limit to every wait.
 *
 * Boundary: the only file that takes a client from the pool. Who uses a connection, and how many at
 * once, is decided elsewhere (`lane.ts`, `transactions.ts`, `listener.ts`).
 *
 * I1. No client, and no error of one, ends the process (see `guard.ts`).
 * I2. Each wait has a limit: for the pool, for the server's answer, for a goodbye.
 * I3. A connection that failed or did not answer in time is closed, never given back to the pool.
 * I4. After `close()` none is handed out, and those that are out are closed.
 */

import { systemClock } from "../../foundation/clock.ts";
import { ProviderError } from "../../provider/errors.ts";
import type { PgPool, PgPoolClient, PgQuery, PgResult } from "./driver.ts";
import { destroyConnection, guardClient, guardPool, isBroken } from "./guard.ts";
import { isEnded } from "./pool-shape.ts";
import { isConnectionLost, sqlStateOf } from "./store-errors.ts";
import { withinLimit } from "./time-limit.ts";

/** The default of a pool of `pg`. */
const POOL_SIZE_DEFAULT = 10;

/** What tells a pool that is exhausted from a server that is silent; pools of `pg` have it. */
interface Counts {
  readonly totalCount?: number | undefined;
  readonly waitingCount?: number | undefined;
}

export interface ConnectionsOptions {
  /** Longest wait for a connection, and for an answer, in milliseconds. */
  readonly timeoutMs: number;
  /** The store in error messages. */
  readonly subject: string;
}

/** A pool, as the provider uses it. */
export class Connections {
  readonly #pool: PgPool;
  readonly #options: ConnectionsOptions;
  readonly #taken = new Set<Connection>();
  #isClosed = false;

  constructor(pool: PgPool, options: ConnectionsOptions) {
    this.#pool = pool;
    this.#options = options;
    guardPool(pool); // (I1)
  }

  /** Most connections that the pool opens. */
  get size(): number {
    return this.#pool.options?.max ?? POOL_SIZE_DEFAULT;
  }

  /**
   * To be followed by {@link Connection.release}. Rejects with what the driver throws.
   *
   * @throws ProviderError `store_unreachable`, `store_busy` when none comes in time, `closed`
   */
  async take(): Promise<Connection> {
    this.#assertOpen();
    const { timeoutMs } = this.#options;
    let isLate = false;
    const taking = this.#pool.connect().then((client) => {
      guardClient(client); // (I1) A pool that is none of `pg` may report no clients.
      if (isLate) client.release();
      return client;
    });
    const client = await withinLimit(timeoutMs, taking, () => {
      isLate = true;
      return this.#noConnection();
    });
    const connection = new Connection(client, this.#options, () => this.#taken.delete(connection));
    this.#taken.add(connection);
    if (this.#isClosed) connection.destroy();
    this.#assertOpen(); // (I4)
    return connection;
  }

  /** (I4) */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#taken) connection.destroy();
  }

  #assertOpen(): void {
    if (!this.#isClosed && !isEnded(this.#pool)) return;
    const is = this.#isClosed
      ? "it is closed"
      : "its pool has been ended; end a pool after the store is closed";
    throw new ProviderError("closed", `Cannot use ${this.#options.subject}: ${is}`, {
      retryable: false,
    });
  }

  #noConnection(): ProviderError {
    const { subject, timeoutMs } = this.#options;
    const { totalCount = 0, waitingCount = 0 } = this.#pool as Counts;
    const isExhausted = totalCount >= this.size && waitingCount > 0;
    return !isExhausted
      ? new ProviderError(
          "store_unreachable",
          `Cannot connect to ${subject}: there is no connection after ${timeoutMs} ms; ` +
            "check the server and the network, or raise `queryTimeout`",
          { retryable: true },
        )
      : new ProviderError(
          "store_busy",
          `Cannot connect to ${subject}: all ${this.size} connections of the pool have been in use ` +
            `for ${timeoutMs} ms; keep transactions short, or raise the pool's \`max\``,
          { retryable: true },
        );
  }
}

/** A connection of one user until its release. */
export class Connection {
  readonly client: PgPoolClient;
  readonly #options: ConnectionsOptions;
  readonly #onReleased: () => void;
  #isReleased = false;
  #isLost = false;

  constructor(client: PgPoolClient, options: ConnectionsOptions, onReleased: () => void) {
    this.client = client;
    this.#options = options;
    this.#onReleased = onReleased;
  }

  /** Whether nothing can be asked of it any more. */
  get isLost(): boolean {
    return this.#isLost || isBroken(this.client);
  }

  /**
   * Runs one statement. Rejects with what the driver throws.
   *
   * @param timeoutMs - Longest wait for the answer
   * @throws ProviderError `store_unreachable` when no answer comes in time
   */
  async query(query: PgQuery, timeoutMs: number = this.#options.timeoutMs): Promise<PgResult> {
    const sinceMs = systemClock.monotonicMs();
    try {
      return await withinLimit(timeoutMs, this.client.query(query), () => {
        this.#isLost = true;
        return noAnswer(this.#options.subject, systemClock.monotonicMs() - sinceMs);
      });
    } catch (error) {
      // What the driver cannot put into a message is no fault of the connection.
      this.#isLost ||= sqlStateOf(error) !== undefined && isConnectionLost(error);
      throw error;
    }
  }

  /** Gives it back to the pool, or closes it (I3). Idempotent. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#onReleased();
    this.client.release(this.isLost);
    if (this.isLost) destroyConnection(this.client);
  }

  /** Closes it at once, whatever is under way. Idempotent. */
  destroy(): void {
    this.#isLost = true;
    this.release();
  }
}

function noAnswer(subject: string, waitedMs: number): ProviderError {
  return new ProviderError(
    "store_unreachable",
    `Cannot wait longer for ${subject}: no answer for ${Math.round(waitedMs)} ms; check the server and the network`,
    { retryable: true },
  );
}
