import { beforeEach, describe, expect, test, vi } from "vitest";

import { ProviderError } from "../provider/errors.ts";
import type { NodeId, NodeRow, Provider } from "../provider/provider.ts";
import { NodeKeeper, toPresenceLabel } from "./node-keeper.ts";

const clock = vi.hoisted(() => ({ ms: 0 }));
vi.mock("../foundation/clock.ts", () => ({
  systemClock: { nowMs: () => clock.ms, monotonicMs: () => clock.ms },
}));

const LEASE_MS = 300;
const CODE = { orchestrations: [], activities: ["charge"] };
const busy = (): ProviderError =>
  new ProviderError("store_busy", "Cannot write: busy", { retryable: true });

/** A store's list of nodes, and a keeper on it. */
class World {
  readonly nodes = new Map<NodeId, NodeRow>();
  readonly told: string[] = [];
  readonly warnings: string[] = [];
  isBusy = false;
  isStoreDown = false;
  isParkedLocked = false;
  writeCount = 0;
  lookCount = 0;
  readonly codes: unknown[] = [];
  readonly keeper: NodeKeeper;

  constructor() {
    const provider: Partial<Provider> = {
      registerNode: async ({ label, leaseMs, code }) => {
        this.#write();
        this.codes.push(code);
        return this.add(label, leaseMs);
      },
      unblockWork: async () => {
        this.#write();
        if (this.isParkedLocked) throw busy();
        this.told.push("unblocked");
      },
      renewNode: async (node) => {
        this.#write();
        return this.renew(node);
      },
      removeNode: async (node, takeover) => {
        this.#write();
        const row = this.nodes.get(node);
        if (row === undefined) return false;
        if (row.label === "stuck") throw busy();
        if (takeover !== undefined && takeover.ifRenewals !== row.renewals) return false;
        const how = takeover?.isCrash === true ? " (a crash)" : "";
        this.told.push(`removed ${row.label}${how}`);
        return this.nodes.delete(node);
      },
      listNodes: async () => {
        this.lookCount += 1;
        if (this.isStoreDown) throw busy();
        return [...this.nodes.values()];
      },
    };
    this.keeper = new NodeKeeper(
      {
        provider: provider as Provider,
        label: "self",
        leaseMs: LEASE_MS,
        code: CODE,
        logger: {
          log: (level, message) => {
            if (level === "warn") this.warnings.push(message);
          },
        },
      },
      {
        isBusy: () => this.isBusy,
        onLost: () => this.told.push("lost"),
        onWorkFreed: () => this.told.push("freed"),
      },
    );
  }

  #write(): void {
    this.writeCount += 1;
    if (this.isStoreDown) throw busy();
  }

  add(label: string, leaseMs: number, proof: Partial<NodeRow> = {}): NodeId {
    const id = `${label}-${this.writeCount}-${this.nodes.size}`;
    const unproved = { isProvablyDead: false, isProvablyAlive: false };
    this.nodes.set(id, { id, label, leaseMs, renewals: 0, ...unproved, ...proof });
    return id;
  }

  renew(node: NodeId): boolean {
    const row = this.nodes.get(node);
    if (row !== undefined) this.nodes.set(node, { ...row, renewals: row.renewals + 1 });
    return row !== undefined;
  }

  /** Lets time pass and looks. */
  async after(ms: number): Promise<void> {
    clock.ms += ms;
    await this.keeper.check();
  }
}

let world: World;
beforeEach(() => {
  clock.ms = 1_000;
  world = new World();
});

test("F53 a silent node counts as a crash, unless its process is proved to be there (I7)", async () => {
  world.add("silent", LEASE_MS);
  world.add("paused", LEASE_MS, { isProvablyAlive: true });
  for (let i = 0; i < 4; i += 1) await world.after(LEASE_MS / 3 + 1);
  expect(world.told).toContain("removed silent (a crash)");
  expect(world.told).toContain("removed paused");
});

test("a dead node that cannot be removed now keeps nobody from removing the others", async () => {
  world.add("stuck", LEASE_MS, { isProvablyDead: true });
  world.add("dead", LEASE_MS, { isProvablyDead: true });
  await world.keeper.acquire();
  await world.after(0);
  expect(world.told).toContain("removed dead (a crash)");
  expect(world.warnings).toEqual([
    "Cannot take over the work of a node that has died; trying again",
  ]);
});

test("parked work that is locked when a node comes is freed with a later look", async () => {
  world.isParkedLocked = true;
  await world.keeper.announce();
  world.add("dead", LEASE_MS, { isProvablyDead: true });
  await world.keeper.acquire();
  await world.after(0);
  // Nothing else waits for it.
  expect(world.told).toEqual(["removed dead (a crash)", "freed"]);
  world.isParkedLocked = false;
  await world.after(1);
  expect(world.told).toContain("unblocked");
});

describe("our own lease", () => {
  test("many who need the node at once register it once", async () => {
    const ids = await Promise.all([world.keeper.acquire(), world.keeper.acquire()]);
    expect(new Set([...ids, await world.keeper.acquire()]).size).toBe(1);
    expect(world.writeCount).toBe(1);
  });

  test("R15 it is renewed while there is work, however long that takes", async () => {
    const node = await world.keeper.acquire();
    world.isBusy = true;
    for (let i = 0; i < 20; i += 1) await world.after(100);
    expect(world.keeper.current).toBe(node);
    expect(world.nodes.get(node)?.renewals).toBe(20);
    expect(world.told).toEqual([]);
  });

  test("an idle node leaves the list, and then writes nothing more", async () => {
    await world.keeper.acquire();
    for (let i = 0; i < 4; i += 1) await world.after(100);
    expect(world.keeper.current).toBeUndefined();
    // What it held is void, and only then may be claimed again: nothing arrives unnoticed in between.
    expect(world.told).toEqual(["lost", "removed self", "freed"]);
    const { writeCount } = world;
    for (let i = 0; i < 20; i += 1) await world.after(100);
    expect(world.writeCount).toBe(writeCount);
  });

  test("looking whether there is work is none; work is", async () => {
    const node = await world.keeper.acquire();
    for (let i = 0; i < 3; i += 1) {
      await world.after(100);
      await world.keeper.acquire();
      world.keeper.noteWork();
    }
    for (let i = 0; i < 3; i += 1) {
      await world.after(100);
      expect(await world.keeper.acquire()).toBe(node);
    }
    await world.after(100);
    expect(world.keeper.current).toBeUndefined();
  });

  test("R14 a store that does not answer takes nothing away", async () => {
    const node = await world.keeper.acquire();
    world.isBusy = true;
    world.isStoreDown = true;
    for (let i = 0; i < 10; i += 1) await world.after(100);
    expect(world.keeper.current).toBe(node);
    expect(world.told).toEqual([]);
    expect(world.warnings.length).toBe(10);
    world.isStoreDown = false;
    await world.after(100);
    expect(world.nodes.get(node)?.renewals).toBe(1);
  });

  test("only a definite no ends it: everything is void, and a new node begins", async () => {
    const node = await world.keeper.acquire();
    world.isBusy = true;
    world.nodes.delete(node);
    await world.after(100);
    expect(world.told).toEqual(["lost", "freed"]);
    expect(await world.keeper.acquire()).not.toBe(node);
  });

  test("after the stop nobody is registered again, and the store need not answer", async () => {
    await world.keeper.acquire();
    world.keeper.start();
    world.isStoreDown = true;
    await world.keeper.stop();
    expect(world.told).toEqual(["lost"]);
    await expect(world.keeper.acquire()).rejects.toMatchObject({ code: "closed" });
  });

  test("a registration under way when the keeper stops is taken back", async () => {
    const registering = world.keeper.acquire();
    await world.keeper.stop();
    await registering;
    expect(world.nodes.size).toBe(0);
  });
});

describe("other nodes", () => {
  test("R25 one whose counter stands still for its whole lease is dead, by our own clock", async () => {
    world.add("other", LEASE_MS);
    for (let i = 0; i < 3; i += 1) await world.after(100);
    expect(world.told).toEqual([]);
    await world.after(100);
    expect(world.told).toEqual(["removed other (a crash)", "freed"]);
  });

  test("its own lease counts, not ours", async () => {
    world.add("patient", LEASE_MS * 10);
    for (let i = 0; i < 30; i += 1) await world.after(100);
    expect(world.told).toEqual([]);
    await world.after(100);
    expect(world.told).toEqual(["removed patient (a crash)", "freed"]);
  });

  test("one that renews lives", async () => {
    const other = world.add("other", LEASE_MS);
    for (let i = 0; i < 20; i += 1) {
      await world.after(100);
      if (i % 2 === 0) world.renew(other);
    }
    expect(world.nodes.has(other)).toBe(true);
  });

  test("one whose process is certainly gone is dead at once", async () => {
    world.add("gone", LEASE_MS, { isProvablyDead: true });
    await world.after(0);
    expect(world.told).toEqual(["removed gone (a crash)", "freed"]);
  });

  test("while we do not look ourselves, no time passes: the others were suspended with us", async () => {
    world.add("other", LEASE_MS);
    await world.after(100);
    await world.after(60_000);
    expect(world.told).toEqual([]);
  });
});

describe("the presence", () => {
  test("tells the others what code there is, for as long as the runtime runs", async () => {
    await world.keeper.acquire();
    await world.keeper.announce();
    expect(world.codes).toEqual([CODE, CODE]);
    for (let i = 0; i < 100; i += 1) await world.after(100);
    expect(world.keeper.current).toBeUndefined();
    expect([...world.nodes.values()]).toMatchObject([
      { label: toPresenceLabel("self"), leaseMs: LEASE_MS * 10 },
    ]);
    await world.keeper.stop();
    expect(world.nodes.size).toBe(0);
  });

  test("costs three writes in ten leases", async () => {
    await world.keeper.announce();
    for (let i = 0; i < 3; i += 1) await world.after(100);
    const { writeCount } = world;
    for (let i = 0; i < 300; i += 1) await world.after(100); // A hundred leases.
    expect(world.writeCount - writeCount).toBe(30);
  });

  test("frees what waited for code when it comes, and what others were just parking a lease later", async () => {
    await world.keeper.announce();
    await world.keeper.check();
    expect(world.told).toEqual(["unblocked"]); // A commit of others may still be on its way.
    for (let i = 0; i < 3; i += 1) await world.after(100);
    expect(world.told).toEqual(["unblocked", "unblocked", "freed"]);
    for (let i = 0; i < 3; i += 1) await world.after(100);
    expect(world.told).toEqual(["unblocked", "unblocked", "freed"]);
  });

  test("comes back when another node took it for dead, and frees what was parked since", async () => {
    await world.keeper.announce();
    for (let i = 0; i < 3; i += 1) await world.after(100);
    world.nodes.clear();
    world.told.length = 0;
    for (let i = 0; i < 12; i += 1) await world.after(100);
    expect(world.nodes.size).toBe(1);
    expect(world.told).toEqual(["unblocked", "freed", "unblocked", "freed"]);
  });

  test("is not our own victim, however long it stands still", async () => {
    await world.keeper.announce();
    const [presence] = world.nodes.keys();
    for (let i = 0; i < 100; i += 1) await world.after(100);
    expect([...world.nodes.keys()]).toEqual([presence]);
  });
});

describe("looking for the dead", () => {
  test("an idle runtime looks once a lease, one that works with each renewal", async () => {
    const other = world.add("other", LEASE_MS);
    for (let i = 0; i < 30; i += 1) {
      world.renew(other);
      await world.after(100);
    }
    expect(world.lookCount).toBe(10);
    world.isBusy = true;
    await world.keeper.acquire();
    for (let i = 0; i < 30; i += 1) {
      world.renew(other);
      await world.after(100);
    }
    expect(world.lookCount).toBe(40);
  });

  test.each([0, 1, 2])(
    "an idle runtime takes over within two leases of a death %i ticks after its last look",
    async (ticks) => {
      const other = world.add("other", LEASE_MS);
      for (let i = 0; i < 7 + ticks; i += 1) {
        await world.after(100);
        world.renew(other);
      }
      const diedMs = clock.ms;
      while (world.nodes.has(other)) await world.after(100);
      expect(clock.ms - diedMs).toBeLessThanOrEqual(2 * LEASE_MS);
    },
  );
});
