/** Several nodes on one store, each with connections of its own, as if each were a process. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  Client,
  Runtime,
  SqliteProvider,
  type OrchestrationStatus,
  type Provider,
  type RuntimeOptions,
} from "duroxide-ts";
import { PostgresProvider, type PostgresOptions } from "duroxide-ts/postgres";
import { expect, onTestFinished } from "vitest";

import { hooked, type HookedStore, type OnWrite } from "./hooked-store.ts";
import { recordingLogger, type RecordingLogger } from "./logger.ts";
import { findViolations } from "./oracle.ts";
import { freshDatabase, recycleDatabase } from "./postgres.ts";
import { eventually } from "./signal.ts";

export interface SharedStoreKind {
  readonly name: string;
  /** Makes room for a fresh store, and says how to take it away. */
  place(): Promise<{ readonly place: string; readonly clear: () => Promise<void> }>;
  open(place: string): Promise<Provider>;
}

const sqlite: SharedStoreKind = {
  name: "a SQLite file",
  place: () => {
    const folder = mkdtempSync(join(tmpdir(), "duroxide-fleet-"));
    const clear = (): Promise<void> => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    };
    return Promise.resolve({ place: join(folder, "store.db"), clear });
  },
  open: (file) => SqliteProvider.open(file, { durability: "process" }),
};

function postgres(name: string, options: PostgresOptions): SharedStoreKind {
  return {
    name,
    place: async () => {
      const url = await freshDatabase();
      return { place: url, clear: () => recycleDatabase(url) };
    },
    open: (url) => PostgresProvider.connect(url, options),
  };
}

/** Where there are notifications, nobody ever polls: what is not told is not found. */
export const SHARED_STORES: readonly SharedStoreKind[] = [
  sqlite,
  postgres("PostgreSQL", { pollInterval: "1h" }),
];

/** The same, and PostgreSQL as behind a pooler. */
export const SHARED_STORES_AND_POOLER: readonly SharedStoreKind[] = [
  ...SHARED_STORES,
  postgres("PostgreSQL without notifications", { notify: false, pollInterval: 50 }),
];

export interface FleetNode {
  readonly runtime: Runtime;
  /** What the runtime works on; it can die. */
  readonly store: HookedStore;
  readonly log: RecordingLogger;
}

export interface NodeHooks {
  readonly onWrite?: OnWrite;
  /** Methods of the store that answer instead of the real ones. */
  readonly others?: (inner: Provider) => Partial<Provider>;
}

export class Fleet {
  /** Of nobody: it only watches and talks. */
  readonly store: Provider;
  readonly client: Client;
  readonly place: string;
  readonly #kind: SharedStoreKind;
  readonly #stores: Provider[];
  readonly #runtimes: Runtime[] = [];

  private constructor(kind: SharedStoreKind, place: string, store: Provider) {
    this.#kind = kind;
    this.place = place;
    this.store = store;
    this.#stores = [store];
    this.client = new Client(store);
  }

  /** A fleet on a fresh store; it ends, and is checked for broken invariants, with the test. */
  static async create(kind: SharedStoreKind): Promise<Fleet> {
    const { place, clear } = await kind.place();
    const fleet = new Fleet(kind, place, await kind.open(place));
    onTestFinished(async () => {
      await fleet.#end();
      await clear();
    });
    return fleet;
  }

  /** One more process. */
  async open(): Promise<Provider> {
    const store = await this.#kind.open(this.place);
    this.#stores.push(store);
    return store;
  }

  /** A runtime in a process of its own. */
  async start(
    workerId: string,
    options: Partial<RuntimeOptions>,
    { onWrite, others }: NodeHooks = {},
  ): Promise<FleetNode> {
    const inner = await this.open();
    const store = hooked(inner, onWrite, others?.(inner));
    const log = recordingLogger();
    const runtime = await Runtime.start({
      store: store.provider,
      workerId,
      logger: log,
      lease: "300ms",
      parkedRetryMin: "1h", // What is set aside goes on when it is freed, and not by itself.
      ...options,
    });
    this.#runtimes.push(runtime);
    return { runtime, store, log };
  }

  /** Waits for the end of each, for less than the time after which a client looks by itself. */
  finished(ids: readonly string[]): Promise<OrchestrationStatus[]> {
    return Promise.all(
      ids.map((id) =>
        this.client.waitForOrchestration(id, { timeout: "25s", createdWithin: "25s" }),
      ),
    );
  }

  /** Takes a runtime's entry for work off the list, as a node does that believes it dead. */
  async declareDead(workerId: string): Promise<void> {
    const nodes = await this.store.listNodes();
    const node = nodes.find(({ label }) => label === workerId);
    if (node === undefined) throw new Error(`Node "${workerId}" is not on the list`);
    expect(await this.store.removeNode(node.id)).toBe(true);
  }

  /** Takes a runtime's entry for work off the list, as a node does that takes its silence for a crash. */
  async takeForCrashed(workerId: string): Promise<void> {
    for (;;) {
      const node = (await this.store.listNodes()).find(({ label }) => label === workerId);
      if (node === undefined) throw new Error(`Node "${workerId}" is not on the list`);
      const takeover = { ifRenewals: node.renewals, isCrash: true };
      if (await this.store.removeNode(node.id, takeover)) return; // It may have renewed meanwhile.
    }
  }

  /** Waits until nobody is on the list who could hold something. */
  async untilIdle(): Promise<void> {
    await eventually(async () =>
      (await this.store.listNodes()).every(({ label }) => label.endsWith("(presence)")),
    );
  }

  /** Whatever has been done to the nodes, the store is in order. */
  async expectOrder(): Promise<void> {
    expect(await findViolations(this.client)).toEqual([]);
  }

  async #end(): Promise<void> {
    await Promise.all(this.#runtimes.map((runtime) => runtime.shutdown({ timeout: 0 })));
    await Promise.all(this.#stores.map((store) => store.close()));
  }
}

/** Ids `a0`, `a1`, ... */
export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}
