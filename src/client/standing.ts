/**
 * The standing of an instance, for the error that ends a wait: its open operations, and the registration
 * or runtime that is missing.
 *
 * Reads more than the wait itself did: its history, its children, and the list of nodes. No read gives
 * the code of a node in another process: then no registration counts as missing.
 */

import { decodeEvents } from "../history/codec.ts";
import { findOpenOperations, type OpenOperation } from "../history/open-operations.ts";
import type { StoreHub } from "../provider/hub.ts";
import type { InstanceRow, NodeCode, Provider } from "../provider/provider.ts";
import { hasEnded } from "./status.ts";

/** Generations of children that are searched for a missing registration. */
const DEPTH_MAX = 8;
/** Open operations that are named. */
const NAMED_MAX = 3;
/** Open children that are read. */
const CHILDREN_MAX = 20;

/**
 * @param isCheap - Nothing is read: the caller may ask often
 * @returns Such as `Running; it waits for activity "Charge", which no running runtime has registered: register it`
 */
export async function describeStanding(
  hub: StoreHub,
  row: InstanceRow,
  isCheap: boolean,
): Promise<string> {
  const { status, blocked } = row;
  if (blocked !== undefined) return `${status} and ${describeBlocked(row)}`;
  if (hasEnded(row)) return status;
  if (isCheap) return `${status}; wait again`;
  try {
    const nodes = (await hub.provider.listNodes()).filter((node) => !node.isProvablyDead);
    const here = hub.localCode();
    const isAllHere = nodes.length <= here.length;
    const code = nodes.length === 0 ? [] : isAllHere ? here : [undefined];
    const standing = await new Standing(hub.provider, code).describe(row, 0);
    return `${status}; ${standing}`;
  } catch {
    return `${status}; wait again`; // A store that cannot answer leaves it at the status.
  }
}

function describeBlocked({ blocked }: InstanceRow): string {
  return blocked === undefined ? "" : `blocked, ${blocked.code}: ${blocked.message}`;
}

class Standing {
  readonly #provider: Provider;
  /** Of each running node; undefined: it may have any. */
  readonly #code: readonly (NodeCode | undefined)[];

  constructor(provider: Provider, code: readonly (NodeCode | undefined)[]) {
    this.#provider = provider;
    this.#code = code;
  }

  async describe(row: InstanceRow, depth: number): Promise<string> {
    const isPending = row.status === "Pending";
    if (this.#code.length === 0) {
      const what = isPending ? "no runtime has taken it yet, and none" : "no runtime";
      return `${what} is running on this store: start one`;
    }
    if (!this.#hasOrchestration(row)) {
      const version = row.version === "" ? "" : ` version "${row.version}"`;
      return `no running runtime has registered orchestration "${row.name}"${version}: register it`;
    }
    if (isPending) return "no runtime has taken it yet; wait again";
    const open = await this.#openOperations(row);
    const missing = open.find(
      (operation) => operation.kind === "ActivityScheduled" && !this.#hasActivity(operation.name),
    );
    if (missing !== undefined) {
      return (
        `it waits for ${describe(missing)}, which no running runtime has registered: ` +
        "register it, or start a runtime that does"
      );
    }
    return (await this.#findStuckChild(open, depth)) ?? describeAll(open);
  }

  async #findStuckChild(
    open: readonly OpenOperation[],
    depth: number,
  ): Promise<string | undefined> {
    if (depth >= DEPTH_MAX) return undefined;
    const ids = open.flatMap((it) =>
      it.kind === "SubOrchestrationScheduled" ? it.instanceId : [],
    );
    if (ids.length === 0) return undefined;
    const rows = await this.#provider.readInstances(ids.slice(0, CHILDREN_MAX));
    const stuck = rows.find(({ blocked }) => blocked !== undefined);
    if (stuck !== undefined)
      return `it waits for child "${stuck.instanceId}", which is ${describeBlocked(stuck)}`;
    const [only] = rows;
    if (rows.length !== 1 || only === undefined || hasEnded(only)) return undefined;
    const standing = await this.describe(only, depth + 1);
    return `it waits for child "${only.instanceId}", which is ${only.status}: ${standing}`;
  }

  async #openOperations({ instanceId, executionId }: InstanceRow): Promise<OpenOperation[]> {
    const rows = (await this.#provider.readHistory(instanceId, executionId)) ?? [];
    return findOpenOperations(rows.flatMap((row) => decodeEvents(row)));
  }

  #hasActivity(name: string): boolean {
    return this.#code.some((code) => code === undefined || code.activities.includes(name));
  }

  #hasOrchestration({ name, version }: InstanceRow): boolean {
    return this.#code.some((code) => {
      const known = code?.orchestrations.find((it) => it.name === name);
      if (known === undefined) return code === undefined;
      return version === "" || known.versions.includes(version);
    });
  }
}

function describeAll(open: readonly OpenOperation[]): string {
  if (open.length === 0) return "wait again";
  const named = open.slice(0, NAMED_MAX).map(describe).join(", ");
  const more = open.length > NAMED_MAX ? ` and ${open.length - NAMED_MAX} more` : "";
  const hasActivity = open.some(({ kind }) => kind === "ActivityScheduled");
  const hint = hasActivity ? ", and check that a running runtime has registered it" : "";
  return `it waits for ${named}${more}; wait again${hint}`;
}

function describe(operation: OpenOperation): string {
  switch (operation.kind) {
    case "ActivityScheduled":
      return `activity "${operation.name}"`;
    case "SubOrchestrationScheduled":
      return `child "${operation.instanceId}"`;
    case "TimerCreated":
      return `a timer until ${new Date(operation.fireAtMs).toISOString()}`;
    case "ExternalSubscribed":
      return `event "${operation.name}"`;
    case "QueueSubscribed":
      return `a message of queue "${operation.name}"`;
  }
}
