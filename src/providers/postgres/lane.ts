/**
 * A share of the pool for one kind of work.
 *
 * Commits, claims, renewals and reads each have a lane of their own, so that a slow list keeps no
 * renewal waiting, and reads never take the connections that commits need.
 *
 * I1. At most `width` connections are in use by a lane.
 * I2. A connection that failed or did not answer in time is closed, never given back.
 */

import type { Connections } from "./connections.ts";
import type { PgResult } from "./driver.ts";
import { Slots } from "./slots.ts";
import { isConnectionLost } from "./store-errors.ts";

export class Lane {
  readonly #connections: Connections;
  readonly #slots: Slots;
  /** Statements sent; tests and benchmarks count them. */
  queryCount = 0;

  /** @param width - At least 1 */
  constructor(connections: Connections, width: number) {
    this.#connections = connections;
    this.#slots = new Slots(width);
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
    const connection = await this.#connections.take();
    this.queryCount += 1;
    try {
      return await connection.query({ text, values });
    } catch (error) {
      if (isConnectionLost(error)) connection.destroy(); // (I2)
      throw error;
    } finally {
      connection.release();
    }
  }
}

/** Calls that do not wait for each other. */
export type LaneName = "commits" | "claims" | "control" | "reads";
export type Lanes = Readonly<Record<LaneName, Lane>>;

export function openLanes(connections: Connections): Lanes {
  return {
    commits: new Lane(connections, 1),
    claims: new Lane(connections, 1),
    control: new Lane(connections, 1),
    reads: new Lane(connections, 2),
  };
}
