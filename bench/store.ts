/** The stores that are measured. Another kind of store is another file beside `store-sqlite.ts`. */

import type { Provider } from "duroxide-ts";

import type { StoreCounts } from "../tests/support/counting-sqlite.ts";
import type { Durability } from "./options.ts";
import { createPostgresKind, openPostgres } from "./store-postgres.ts";
import { createSqliteKind, openSqlite } from "./store-sqlite.ts";
import type { Floor } from "./workload.ts";

export type StoreName = "sqlite" | "postgres";

/** How any process opens a store; plain data. */
export interface StoreAddress {
  readonly store: StoreName;
  /** A file, or a URL with the schema behind `#`. */
  readonly location: string;
  readonly durability: Durability;
}

/** What a workload may want of its store. */
export interface StoreWishes {
  /** Counts statements and rows, which costs a little time. */
  readonly isCounted?: boolean;
}

export interface BenchStore {
  readonly provider: Provider;
  readonly address: StoreAddress;
  /** Transactions of the commit pipeline so far. */
  commitCount(): number;
  /** Statements so far; undefined when they are not counted. */
  statementCount(): number | undefined;
  /** What the store was asked for so far; undefined when it was not counted. */
  counts(): Promise<StoreCounts | undefined>;
  /** Closes it and gives its size on disk in bytes. */
  close(): Promise<number>;
}

/** Texts of one size, written as plainly as the store can. */
export interface RawLoad {
  readonly text: string;
  readonly count: number;
  readonly perCommit: number;
}

/** Counts what a store is asked for while nothing should be. */
export interface WriteWatch {
  /**
   * Since the last call: with SQLite transactions that wrote, seen every two milliseconds; with
   * PostgreSQL transactions of any kind, because there each query is one.
   */
  take(): Promise<number>;
  close(): Promise<void>;
}

/** One kind of store, with what only raw access can do. */
export interface StoreKind {
  readonly name: StoreName;
  /** Where the data lies; undefined when a server elsewhere keeps it. */
  readonly folder: string | undefined;
  /** Such as `SQLite 3.53.0 (@photostructure/sqlite)`. */
  describe(): Promise<string>;
  measureFloor(durability: Durability, isQuick: boolean): Promise<Floor>;
  create(durability: Durability, wishes: StoreWishes): Promise<BenchStore>;
  /** Rows of finished and running instances, past the contract, for speed. */
  fillInstances(address: StoreAddress, count: number): Promise<void>;
  /** @returns Milliseconds for writing it durably */
  writeRaw(durability: Durability, load: RawLoad): Promise<number>;
  watchWrites(address: StoreAddress): Promise<WriteWatch>;
  close(): Promise<void>;
}

export function createStoreKind(name: StoreName, folder: string): Promise<StoreKind> {
  return name === "sqlite" ? createSqliteKind(folder) : createPostgresKind(folder);
}

/** Opens a store that exists already, as another process does. */
export function openStoreAt(address: StoreAddress): Promise<Provider> {
  const { store, location, durability } = address;
  if (store === "sqlite") return openSqlite(location, durability);
  return openPostgres(location);
}
