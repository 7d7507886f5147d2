/**
 * Keeps this runtime on the store's list of live nodes while it holds work, and takes nodes that have
 * died off the list.
 *
 * Boundary: owns registration, renewal and observation. Must not know what the node holds.
 *
 * I1. A node is dead when its counter has stood still for its whole lease by *our* monotonic clock,
 *     or when the store can prove it; no wall clock is compared (weakness R25). While this process
 *     is blocked or suspended itself, no time passes.
 * I2. Only a definite "no longer registered" ends what we hold; a store that does not answer does not
 *     (weakness R14). Renewal happens three times per lease (weakness R15).
 * I3. A node that has had nothing to do for a lease leaves the list: an idle runtime holds nothing.
 *     What it remembers stays usable (the epoch shows whether another node has changed it).
 * I4. After `stop()` no timer of this keeper exists, and no node is registered again.
 * I5. From start to stop the runtime has a second entry, its *presence*, which holds nothing and has a
 *     long lease. It lists the code of this process for other nodes while its runtime is idle.
 *     Without it the first work after a pause would be a race: a node without
 *     the code, which happens to be awake, would take it for an orphan, park it and raise an alarm.
 *     A presence that comes, or comes back, frees what was parked while it was not there; and once
 *     more a lease later, what was on its way into parking at that moment.
 * I6. Nodes are taken over within two of their leases. A read of the list is due as soon as a node
 *     could be dead, and a lease after the last read at the latest. So the first read after a death
 *     comes within a lease of it, and the read that finds the counter unchanged for a lease comes a
 *     lease after that. An idle runtime reads no more often than that (once per lease, where all
 *     leases are equal; any rarer would break the bound); a busy one reads with each renewal.
 * I7. A node that is taken over counts as a crash against what it was busy with, unless the store proves
 *     that its process is there. Where that cannot be known, its next sign of life takes the count back:
 *     the renewal that finds it gone from the list, or its own leave.
 */

import { isDuroxideError } from "../foundation/errors.ts";
import { systemClock } from "../foundation/clock.ts";
import { UsageError } from "../foundation/errors.ts";
import { toTimerMs } from "../foundation/timer.ts";
import { host, type TimerHandle } from "../foundation/host.ts";
import type { Logger } from "../observability/logger.ts";
import type { NodeCode, NodeId, NodeRow, Provider } from "../provider/provider.ts";

/** Lease of a presence, in leases: an idle runtime writes about three times in ten leases. (I5) */
const PRESENCE_LEASES = 10;

/** The label of a runtime's second entry. (I5) */
export function toPresenceLabel(label: string): string {
  return `${label} (presence)`;
}

export interface NodeKeeperHooks {
  /** Whether the runtime works on something right now. */
  readonly isBusy: () => boolean;
  /** Everything held is void. */
  readonly onLost: () => void;
  /** What was held may be claimed now, by this node too. */
  readonly onWorkFreed: () => void;
}

export interface NodeKeeperOptions {
  readonly provider: Provider;
  readonly label: string;
  readonly leaseMs: number;
  /** @default code for everything */
  readonly code?: NodeCode | undefined;
  readonly logger: Logger;
}

interface Observation {
  readonly renewals: number;
  /** Since when it has been seen to stand still, in the time that passes for us. */
  readonly sinceMs: number;
}

export class NodeKeeper {
  readonly #options: NodeKeeperOptions;
  readonly #hooks: NodeKeeperHooks;
  readonly #observed = new Map<NodeId, Observation>();
  #node: NodeId | undefined;
  #registering: Promise<NodeId> | undefined;
  #timer: TimerHandle | undefined;
  #tick: Promise<void> | undefined;
  #busyUntilMs = 0;
  #presence: NodeId | undefined;
  /** When the presence is to be renewed, by the monotonic clock. */
  #presenceDueMs = 0;
  /** When to free what others held as the presence came and have parked since (I5). */
  #unblockDueMs = Number.POSITIVE_INFINITY;
  /** Time that has passed for us (I1), and when we looked at it last. */
  #awakeMs = 0;
  #tickedMs = systemClock.monotonicMs();
  /** When the list is to be looked at, in the time that passes for us. */
  #lookDueMs = 0;
  #isStopped = false;

  constructor(options: NodeKeeperOptions, hooks: NodeKeeperHooks) {
    this.#options = options;
    this.#hooks = hooks;
  }

  /** The id of this node; undefined while it is not registered. */
  get current(): NodeId | undefined {
    return this.#node;
  }

  /**
   * Registers where needed.
   *
   * @throws UsageError `closed` after {@link stop}
   */
  async acquire(): Promise<NodeId> {
    if (this.#isStopped) throw new UsageError("closed", "Cannot claim work: the runtime has ended");
    if (this.#node !== undefined) return this.#node;
    this.#registering ??= this.#register();
    return this.#registering;
  }

  async #register(): Promise<NodeId> {
    const { provider, label, leaseMs, code } = this.#options;
    try {
      this.#node = await provider.registerNode({ label, leaseMs, code });
      this.noteWork();
      return this.#node;
    } finally {
      this.#registering = undefined;
    }
  }

  /** The node has something to do: it stays on the list for a lease at least. */
  noteWork(): void {
    this.#busyUntilMs = systemClock.monotonicMs() + this.#options.leaseMs;
  }

  /** Tells the others which code there is, and frees what waited for it (I5). */
  async announce(): Promise<void> {
    const { provider, label, leaseMs, code } = this.#options;
    this.#presence = await provider.registerNode({
      label: toPresenceLabel(label),
      leaseMs: leaseMs * PRESENCE_LEASES,
      code,
    });
    this.#presenceDueMs = systemClock.monotonicMs() + (leaseMs * PRESENCE_LEASES) / 3;
    this.#unblockDueMs = systemClock.monotonicMs() + leaseMs;
    if (!(await this.#unblock())) this.#unblockDueMs = 0;
  }

  /**
   * (I5)
   *
   * @returns False when something is in the way now, such as a row that a user keeps locked: then the
   *   next tick tries again, and all else goes on
   */
  async #unblock(): Promise<boolean> {
    const { provider, logger } = this.#options;
    try {
      await provider.unblockWork();
      return true;
    } catch (error) {
      if (!isDuroxideError(error) || !error.retryable) throw error;
      logger.log("warn", "Cannot free what is parked now; trying again", { error: String(error) });
      return false;
    }
  }

  start(): void {
    this.#timer = host.setInterval(() => {
      void this.check();
    }, toTimerMs(this.#tickMs));
  }

  /** Three ticks are a lease at least (I6), although a timer of the host may ring a little early. */
  get #tickMs(): number {
    return Math.ceil(this.#options.leaseMs / 3) + 1;
  }

  /** Leaves the list. Never rejects: what could not be done, the lease will. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    host.clearInterval(this.#timer);
    await this.#tick;
    await this.#registering?.catch(() => undefined);
    try {
      await Promise.all([this.#leave(), this.#withdraw()]);
    } catch (error) {
      this.#options.logger.log("warn", "Cannot leave the store now; the lease will end by itself", {
        error: String(error),
      });
    }
  }

  /** Renews the lease, or leaves, and removes dead nodes. Never rejects. */
  check(): Promise<void> {
    this.#tick ??= this.#onTick().finally(() => {
      this.#tick = undefined;
    });
    return this.#tick;
  }

  async #onTick(): Promise<void> {
    const nowMs = systemClock.monotonicMs();
    this.#awakeMs += Math.min(nowMs - this.#tickedMs, this.#tickMs * 2); // (I1)
    this.#tickedMs = nowMs;
    try {
      await this.#renewOrLeave();
      await this.#renewPresence();
      const isDue = this.#awakeMs >= this.#lookDueMs || this.#node !== undefined;
      if (isDue) await this.#observe(); // (I6)
    } catch (error) {
      this.#options.logger.log("warn", "Cannot renew the lease now; trying again", {
        error: String(error),
      });
    }
  }

  async #renewOrLeave(): Promise<void> {
    if (this.#node === undefined || this.#isStopped) return;
    if (this.#hooks.isBusy()) this.noteWork();
    if (systemClock.monotonicMs() > this.#busyUntilMs) {
      await this.#leave(); // (I3)
      return;
    }
    const node = this.#node;
    if (await this.#options.provider.renewNode(node)) return;
    if (this.#node !== node) return;
    this.#node = undefined;
    this.#options.logger.log(
      "warn",
      "Lost the lease: another node took this one for dead; starting over",
      { node },
    );
    this.#hooks.onLost();
    this.#hooks.onWorkFreed();
  }

  async #leave(): Promise<void> {
    const node = this.#node;
    if (node === undefined) return;
    this.#node = undefined;
    this.#hooks.onLost();
    await this.#options.provider.removeNode(node);
    // No node could claim the work that arrived while this one left.
    if (!this.#isStopped) this.#hooks.onWorkFreed();
  }

  /** (I5) */
  async #renewPresence(): Promise<void> {
    if (this.#presence === undefined || this.#isStopped) return;
    const { provider, leaseMs } = this.#options;
    if (systemClock.monotonicMs() >= this.#unblockDueMs && (await this.#unblock())) {
      this.#unblockDueMs = Number.POSITIVE_INFINITY;
      this.#hooks.onWorkFreed();
    }
    if (systemClock.monotonicMs() < this.#presenceDueMs) return;
    if (await provider.renewNode(this.#presence)) {
      this.#presenceDueMs = systemClock.monotonicMs() + (leaseMs * PRESENCE_LEASES) / 3;
      return;
    }
    await this.announce();
    this.#hooks.onWorkFreed();
  }

  async #withdraw(): Promise<void> {
    const presence = this.#presence;
    this.#presence = undefined;
    if (presence !== undefined) await this.#options.provider.removeNode(presence);
  }

  async #observe(): Promise<void> {
    const { provider, leaseMs, logger } = this.#options;
    const nodes = await provider.listNodes();
    const present = new Set(nodes.map((node) => node.id));
    for (const id of this.#observed.keys()) if (!present.has(id)) this.#observed.delete(id);
    let nextMs = leaseMs;
    for (const node of nodes) {
      if (node.id === this.#node || node.id === this.#presence) continue;
      const leftMs = this.#leftMs(node);
      nextMs = Math.min(nextMs, leftMs);
      if (leftMs > 0 || !(await this.#remove(node))) continue;
      this.#observed.delete(node.id);
      logger.log("info", "Took over the work of a node that has died", { node: node.label });
      this.#hooks.onWorkFreed();
    }
    this.#lookDueMs = this.#awakeMs + nextMs;
  }

  /** Never rejects: one node that cannot be removed now does not keep the others from being removed. */
  async #remove({ id, renewals, label, isProvablyAlive }: NodeRow): Promise<boolean> {
    const { provider, logger } = this.#options;
    try {
      // (I7)
      return await provider.removeNode(id, { ifRenewals: renewals, isCrash: !isProvablyAlive });
    } catch (error) {
      logger.log("warn", "Cannot take over the work of a node that has died; trying again", {
        node: label,
        error: String(error),
      });
      return false;
    }
  }

  /** How long the node may still be silent, in milliseconds; a dead one has nothing left (I1). */
  #leftMs(node: NodeRow): number {
    if (node.isProvablyDead) return 0;
    const { id, renewals } = node;
    const last = this.#observed.get(id);
    if (last?.renewals !== renewals) {
      this.#observed.set(id, { renewals, sinceMs: this.#awakeMs });
      return node.leaseMs;
    }
    return last.sinceMs + node.leaseMs - this.#awakeMs;
  }
}
