/** Stores that share transactions with their users: every test of them runs on each. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { SqliteProvider, type Provider, type Transaction } from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";
import { onTestFinished } from "vitest";

import { freshDatabase } from "./postgres.ts";

export interface TransactionStore extends Provider {
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
}

export interface StoreKind {
  readonly name: string;
  /** Makes room for a fresh store, which goes with the test. @returns Where it is */
  place(): string | Promise<string>;
  /** Opens the store that is there. */
  open(place: string): Promise<TransactionStore>;
  /** Whether several processes may open the same one. */
  readonly isShared: boolean;
}

/** Whatever arrives without being polled for, must not depend on polling. */
const NEVER = { changePollInterval: "1h" } as const;

export const STORE_KINDS: readonly StoreKind[] = [
  {
    name: "a SQLite file",
    isShared: true,
    place() {
      const folder = mkdtempSync(join(tmpdir(), "duroxide-transactions-"));
      onTestFinished(() => {
        rmSync(folder, { recursive: true, force: true });
      });
      return join(folder, "store.db");
    },
    open: (file) => SqliteProvider.open(file, { durability: "process", ...NEVER }),
  },
  {
    name: "SQLite in memory",
    isShared: false,
    place: () => ":memory:",
    open: () => SqliteProvider.inMemory(NEVER),
  },
  {
    name: "PostgreSQL",
    isShared: true,
    async place() {
      const url = await freshDatabase();
      return url;
    },
    open: (url) => PostgresProvider.connect(url),
  },
];

/** The kind of that name; for processes that tests start. */
export function storeKind(name: string): StoreKind {
  const kind = STORE_KINDS.find((one) => one.name === name);
  if (kind === undefined) throw new Error(`There is no kind of store "${name}"`);
  return kind;
}

/** A fresh store with the ledger of the tests in it. */
export async function openStore(kind: StoreKind): Promise<TransactionStore> {
  const store = await kind.open(await kind.place());
  onTestFinished(() => store.close());
  await createLedger(store);
  return store;
}

/** A table of the user without any constraint: whatever happens twice shows. */
export async function createLedger(store: TransactionStore): Promise<void> {
  await store.transaction((tx) => tx.query("create table ledger (entry text)"));
}

export async function note(tx: Transaction, entry: string): Promise<void> {
  await tx.query("insert into ledger (entry) values ($1)", [entry]);
}

/** Every entry, sorted. */
export async function readLedger(store: TransactionStore): Promise<string[]> {
  const { rows } = await store.transaction((tx) =>
    tx.query<{ entry: string }>("select entry from ledger order by entry"),
  );
  return rows.map(({ entry }) => entry);
}
