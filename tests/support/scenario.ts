/**
 * Runs one scenario in every way in which it must come out the same: in memory, on a file and on
 * PostgreSQL, with instances resident and with every instance forgotten after every turn; then compares
 * what the runs recorded. One more run has three runtimes side by side, each with connections of its
 * own, whose order of events is its own: it is not compared.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, test } from "vitest";

import {
  Client,
  Runtime,
  SqliteProvider,
  type HistoryEvent,
  type Provider,
  type RuntimeOptions,
} from "duroxide-ts";
import { PostgresProvider } from "duroxide-ts/postgres";

import { eventually } from "./signal.ts";
import { recycleDatabase, freshDatabase } from "./postgres.ts";
import { recordingLogger, type RecordingLogger } from "./logger.ts";

export interface Mode {
  readonly name: string;
  readonly store: "file" | "memory" | "postgres";
  readonly isCold: boolean;
  /** Runtimes started where the scenario starts one, each on a store object of its own. @default 1 */
  readonly nodeCount?: number;
}

export const MODES: readonly Mode[] = [
  { name: "memory, resident", store: "memory", isCold: false },
  { name: "memory, evicted every turn", store: "memory", isCold: true },
  { name: "file, resident", store: "file", isCold: false },
  { name: "file, evicted every turn", store: "file", isCold: true },
  { name: "postgres, resident", store: "postgres", isCold: false },
  { name: "postgres, evicted every turn", store: "postgres", isCold: true },
  { name: "postgres, three nodes", store: "postgres", isCold: false, nodeCount: 3 },
];

/** How the histories of the four runs are compared. */
export type Comparison =
  /** Event by event, with ids: for scenarios whose batches are determined. */
  | "exact"
  /** The same events in any order and with any ids: where concurrent work may end in any order. */
  | "unordered"
  /** Not at all: where the number of events depends on timing; the scenario says why. */
  | "none";

export interface ScenarioOptions {
  /** @default "exact" */
  readonly compare?: Comparison;
  readonly modes?: readonly Mode[];
  /** The scenario fixes what one runtime is given in one batch, or counts what one runtime does. */
  readonly isForOneNode?: boolean;
}

/** Everything a scenario works with. */
export class World {
  readonly mode: Mode;
  readonly log: RecordingLogger = recordingLogger();
  readonly #folder = mkdtempSync(join(tmpdir(), "duroxide-scenario-"));
  readonly #runtimes: Runtime[] = [];
  #database: string | undefined;
  readonly #others: Provider[] = [];
  #store: Provider | undefined;
  #client: Client | undefined;

  constructor(mode: Mode) {
    this.mode = mode;
  }

  get file(): string {
    return join(this.#folder, "store.db");
  }
  get store(): Provider {
    if (this.#store === undefined) throw new Error("open() the world first");
    return this.#store;
  }
  get client(): Client {
    this.#client ??= new Client(this.store);
    return this.#client;
  }

  async open(): Promise<void> {
    this.#store = await this.#connect();
    while (this.#others.length + 1 < (this.mode.nodeCount ?? 1))
      this.#others.push(await this.#connect());
  }

  async #connect(): Promise<Provider> {
    if (this.mode.store === "memory") return SqliteProvider.inMemory();
    if (this.mode.store === "file") return SqliteProvider.open(this.file);
    this.#database ??= await freshDatabase();
    return PostgresProvider.connect(this.#database);
  }

  /** Starts a runtime in this world's mode, on its store by default; it is shut down with the world. */
  async start(options: Partial<RuntimeOptions>): Promise<Runtime> {
    const others: Runtime[] = [];
    if (options.store === undefined)
      for (const store of this.#others) others.push(await this.#startOn(store, options));
    return asOne(await this.#startOn(this.store, options), others);
  }

  async #startOn(store: Provider, options: Partial<RuntimeOptions>): Promise<Runtime> {
    const runtime = await Runtime.start({
      store,
      logger: this.log,
      lease: "1s",
      ...options,
      residency: { evictAfterEveryTurn: this.mode.isCold, ...options.residency },
    });
    this.#runtimes.push(runtime);
    return runtime;
  }

  /** Shuts every runtime down; a file store is closed and opened again, as after a restart. */
  async restart(): Promise<void> {
    await this.stop();
    if (this.mode.store === "memory") return;
    await this.#closeStores();
    this.#client = undefined;
    await this.open();
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#runtimes.splice(0).map((runtime) => runtime.shutdown({ timeout: "5s" })),
    );
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#closeStores();
    if (this.#database !== undefined) await recycleDatabase(this.#database);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #closeStores(): Promise<void> {
    await this.#store?.close();
    for (const store of this.#others.splice(0)) await store.close();
  }

  /** Waits until an instance has recorded `count` events of this kind in its current execution. */
  async untilRecorded(instanceId: string, kind: HistoryEvent["kind"], count = 1): Promise<void> {
    await eventually(async () => {
      const { status } = await this.client.getOrchestrationStatus(instanceId);
      if (status === "NotFound" || status === "Pending") return false;
      const history = await this.client.readExecutionHistory(instanceId).catch(() => []);
      return history.filter((event) => event.kind === kind).length >= count;
    });
  }

  /** All histories of all instances, without what must differ between runs. */
  async histories(): Promise<Record<string, unknown[]>> {
    const histories: Record<string, unknown[]> = {};
    const { instances } = await this.client.listInstances({ limit: 1000 });
    for (const { instanceId } of instances) {
      for (const execution of await this.client.listExecutions(instanceId)) {
        const events = await this.client.readExecutionHistory(instanceId, execution.executionId);
        histories[`${instanceId}#${execution.executionId}`] = events.map(normalize);
      }
    }
    return histories;
  }
}

/** A runtime that takes others with it when it is shut down. */
function asOne(runtime: Runtime, others: readonly Runtime[]): Runtime {
  if (others.length === 0) return runtime;
  const shutdown: Runtime["shutdown"] = async (options) => {
    await Promise.all([runtime, ...others].map((it) => it.shutdown(options)));
  };
  return new Proxy(runtime, {
    get(target, key) {
      if (key === "shutdown") return shutdown;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

const VOLATILE = ["timestampMs", "seed", "runId", "fireAtMs", "stack"];

/** Drops times, seeds and stacks, at every depth. */
export function normalize(event: HistoryEvent): Record<string, unknown> {
  const text = JSON.stringify(event, (key, value: unknown) =>
    VOLATILE.includes(key) ? undefined : value,
  );
  return JSON.parse(text) as Record<string, unknown>;
}

/** Without ids, sorted. */
function unordered(histories: Record<string, unknown[]>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(histories).map(([id, events]) => [
      id,
      events
        .map((event) => JSON.stringify({ ...(event as object), eventId: 0, sourceEventId: 0 }))
        .sort(),
    ]),
  );
}

/**
 * Declares a scenario.
 *
 * @param title - Begins with the scenario's numbers, such as "S004 ..."
 */
export function scenario(
  title: string,
  body: (world: World) => Promise<void>,
  options: ScenarioOptions = {},
): void {
  const { compare = "exact", isForOneNode = false } = options;
  const modes = (options.modes ?? MODES).filter(
    (mode) => mode.nodeCount === undefined || !isForOneNode,
  );
  describe(title, () => {
    const recorded = new Map<string, Record<string, unknown[]>>();
    test.each(modes)("$name", async (mode) => {
      const world = new World(mode);
      try {
        await world.open();
        await body(world);
        if (mode.nodeCount === undefined) recorded.set(mode.name, await world.histories());
      } finally {
        await world.close();
      }
    });
    const comparedCount = modes.filter((mode) => mode.nodeCount === undefined).length;
    if (compare !== "none" && comparedCount > 1) {
      test("the histories of all runs agree", () => {
        const [first, ...others] = [...recorded.values()].map((histories) =>
          compare === "exact" ? histories : unordered(histories),
        );
        expect(others).toHaveLength(comparedCount - 1);
        for (const other of others) expect(other).toEqual(first);
      });
    }
    afterAll(() => {
      recorded.clear();
    });
  });
}
