/** The stores that are measured. Another kind of store is another function here. */

import { statSync } from "node:fs";
import { join } from "node:path";

import type { Provider } from "duroxide-ts";
import { SqliteProvider } from "duroxide-ts/sqlite";

import { StoreHub } from "../src/provider/hub.ts";
import { openRawDatabase } from "./floor.ts";
import type { Durability } from "./options.ts";

export interface BenchStore {
  readonly provider: Provider;
  /** Transactions of the commit pipeline so far. */
  commitCount(): number;
  /** Closes it and gives its size on disk in bytes. */
  close(): Promise<number>;
}

let createdCount = 0;

export async function createSqliteStore(
  folder: string,
  durability: Durability,
): Promise<BenchStore> {
  createdCount += 1;
  const file = join(folder, `store-${createdCount}.db`);
  const provider = await SqliteProvider.open(file, { durability });
  const { pipeline } = StoreHub.of(provider);
  return {
    provider,
    commitCount: () => pipeline.commitCount,
    close: async () => {
      await provider.close();
      // What is still in the log counts once, as the pages of the file that it will be.
      const { database } = await openRawDatabase(file, durability);
      database.exec("pragma wal_checkpoint(truncate)");
      database.close();
      return statSync(file).size;
    },
  };
}
