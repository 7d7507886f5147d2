/**
 * A share of the pool for one kind of work.
 *
 * Commits, claims, renewals and reads each have a lane of their own, so that a slow list keeps no
 * renewal waiting, and reads never take the connections that commits need.
 *
 * I1. At most `width` connections are in use by a lane.
 * I2. A connection that failed or did not answer in time is closed, never given back.
 */

import { systemClock } from "../../foundation/clock.ts";
import { createDeferred } from "../../foundation/deferred.ts";
import { Timer } from "../../foundation/timer.ts";
import { ProviderError } from "../../provider/errors.ts";
import type { PgPool, PgPoolClient, PgResult } from "./driver.ts";
import { Slots } from "./slots.ts";
import { isConnectionLost } from "./store-errors.ts";

export interface LaneOptions {
  readonly width: number;
  /** Longest wait for an answer, in milliseconds. */
  readonly timeoutMs: number;
}

export class Lane {
  readonly #pool: PgPool;
  readonly #options: LaneOptions;
  readonly #slots: Slots;
  /** Statements sent; tests and benchmarks count them. */
  queryCount = 0;

  constructor(pool: PgPool, options: LaneOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#slots = new Slots(options.width);
  }

  /** Runs one statement. Rejects with what the driver throws. */
  async query(text: string, values: unknown[] = []): Promise<PgResult> {
    await this.#slots.enter();
    try {
      return await this.#run(text, values);
    } finally {
      this.#slots.leave();
    }
  }

  async #run(text: string, values: unknown[]): Promise<PgResult> {
    const client = await this.#pool.connect();
    this.queryCount += 1;
    // Between two queries a broken connection reports here, or else to the whole process.
    client.on("error", ignore);
    let isBroken = false;
    try {
      return await this.#answer(client, text, values);
    } catch (error) {
      isBroken = isConnectionLost(error);
      throw error;
    } finally {
      if (!isBroken) client.removeListener("error", ignore);
      client.release(isBroken); // (I2)
    }
  }

  async #answer(client: PgPoolClient, text: string, values: unknown[]): Promise<PgResult> {
    const late = createDeferred<PgResult>();
    const { timeoutMs } = this.#options;
    const startedMs = systemClock.monotonicMs();
    const timer = new Timer(timeoutMs, () => {
      const waitedMs = Math.round(systemClock.monotonicMs() - startedMs);
      late.reject(
        new ProviderError(
          "store_unreachable",
          `Cannot wait longer for PostgreSQL: no answer for ${waitedMs} ms; check the server and the network`,
          { retryable: true },
        ),
      );
    });
    try {
      const answer = client.query({ text, values });
      answer.catch(ignore); // When it is too late for it, nobody listens any more.
      return await Promise.race([answer, late.promise]);
    } finally {
      timer.stop();
    }
  }
}

function ignore(): void {
  // The query that is under way, or the next one, reports it.
}
