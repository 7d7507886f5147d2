/** The conformance kit's way into PostgreSQL: a database a case, and a pool that breaks on demand. */

import pg from "pg";

import type { ConformanceStore } from "../../src/conformance/index.ts";
import { PostgresProvider, type PgPool } from "../../src/providers/postgres/index.ts";
import { recycleDatabase, freshDatabase } from "./postgres.ts";

/** A pool whose connections break where a test wants it. */
export interface BreakablePool {
  readonly pool: PgPool;
  /** The answer to the next statement that matches is lost; the statement itself is carried out. */
  loseAnswerTo(pattern: RegExp): void;
  /** Right before its n-th statement from now on (the first is 1) everything breaks, for good. */
  breakAt(statement: number): void;
  readonly isBroken: boolean;
  end(): Promise<void>;
}

export function breakablePool(url: string): BreakablePool {
  const inner = new pg.Pool({ connectionString: url, max: 8 });
  inner.on("error", () => undefined);
  let lossy: RegExp | undefined;
  let left = Number.POSITIVE_INFINITY;
  let isBroken = false;
  const gone = (): Error =>
    Object.assign(new Error("the connection is gone"), { code: "ECONNRESET" });
  const query = async (client: pg.PoolClient, config: pg.QueryConfig): Promise<unknown> => {
    left -= 1;
    if (left <= 0) isBroken = true;
    if (isBroken) {
      // As when the process dies: the server rolls back what is open.
      void client.query("rollback").catch(() => undefined);
      throw gone();
    }
    const isLost = lossy?.test(config.text) === true;
    const answer = await client.query(config);
    if (!isLost) return answer;
    lossy = undefined;
    throw gone();
  };
  const pool = {
    async connect() {
      if (isBroken) throw gone();
      const client = await inner.connect();
      return new Proxy(client, {
        get(target, key) {
          if (key === "query") return (config: pg.QueryConfig) => query(target, config);
          const value: unknown = Reflect.get(target, key);
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        },
      });
    },
    end: () => inner.end(),
    on: inner.on.bind(inner) as PgPool["on"],
  };
  return {
    pool,
    loseAnswerTo(pattern) {
      lossy = pattern;
    },
    breakAt(statement) {
      left = statement;
    },
    get isBroken() {
      return isBroken;
    },
    end: () => inner.end(),
  };
}

export async function openPostgres(): Promise<ConformanceStore> {
  const url = await freshDatabase();
  const broken = breakablePool(url);
  const connect = (): Promise<PostgresProvider> => PostgresProvider.connect(url);
  return {
    provider: await PostgresProvider.connect(broken.pool),
    connect,
    crashes: {
      arm: (statement) => {
        broken.breakAt(statement);
      },
      hasCrashed: () => broken.isBroken,
      reopen: connect,
    },
    loseNextAnswer: () => {
      broken.loseAnswerTo(/\.write\(/);
    },
    dispose: async () => {
      await broken.end();
      await recycleDatabase(url);
    },
  };
}
