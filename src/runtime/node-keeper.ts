/**
 * Keeps this runtime on the store's list of live nodes while it holds work, and takes nodes that have
 * died off the list.
 *
 * Boundary: owns registration, renewal and observation. Must not know what the node holds.
 *
 * I1. A node is dead when its counter has stood still for its whole lease by *our* monotonic clock,
 *     or when the store can prove it; no wall clock is compared (weakness R25). While we look away
 *     ourselves (a blocked event loop, a suspended machine) no time passes.
 * I2. Only a definite "no longer registered" ends what we hold; a store that does not answer does not
 *     (weakness R14). Renewal happens three times per lease (weakness R15).
 * I3. A node that has had nothing to do for a lease leaves the list: an idle runtime writes nothing.
 *     What it remembers stays usable (the epoch tells whether anybody else has touched it).
 * I4. After `stop()` no timer of this keeper exists, and nobody is registered again.
 */

import { systemClock } from "../foundation/clock.ts";
import { UsageError } from "../foundation/errors.ts";
import type { Logger } from "../observability/logger.ts";
import type { NodeId, NodeRow, Provider } from "../provider/provider.ts";

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
  readonly logger: Logger;
}

interface Observation {
  readonly renewals: number;
  readonly lookedMs: number;
  /** How long the counter has been seen to stand still, in milliseconds. */
  readonly stillMs: number;
}

export class NodeKeeper {
  readonly #options: NodeKeeperOptions;
  readonly #hooks: NodeKeeperHooks;
  readonly #observed = new Map<NodeId, Observation>();
  #node: NodeId | undefined;
  #registering: Promise<NodeId> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #tick: Promise<void> | undefined;
  #busyUntilMs = 0;
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
    const { provider, label, leaseMs } = this.#options;
    try {
      this.#node = await provider.registerNode({ label, leaseMs });
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

  start(): void {
    this.#timer = setInterval(() => {
      void this.check();
    }, this.#tickMs);
  }

  get #tickMs(): number {
    return Math.floor(this.#options.leaseMs / 3);
  }

  /** Leaves the list. Never rejects: what could not be done, the lease will. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#tick;
    await this.#registering?.catch(() => undefined);
    try {
      await this.#leave();
    } catch (error) {
      this.#options.logger.log("warn", "Cannot leave the store now; the lease will end by itself", {
        error: String(error),
      });
    }
  }

  /** Renews the lease, or leaves, and looks for dead nodes. Never rejects. */
  check(): Promise<void> {
    this.#tick ??= this.#onTick().finally(() => {
      this.#tick = undefined;
    });
    return this.#tick;
  }

  async #onTick(): Promise<void> {
    try {
      await this.#renewOrLeave();
      await this.#observe();
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
    // What arrived while it was on its way out was nobody's to claim.
    if (!this.#isStopped) this.#hooks.onWorkFreed();
  }

  async #observe(): Promise<void> {
    const { provider, logger } = this.#options;
    const nodes = await provider.listNodes();
    const present = new Set(nodes.map((node) => node.id));
    for (const id of this.#observed.keys()) if (!present.has(id)) this.#observed.delete(id);
    for (const node of nodes) {
      if (node.id === this.#node || !this.#isDead(node)) continue;
      if (!(await provider.removeNode(node.id, node.renewals))) continue;
      this.#observed.delete(node.id);
      logger.log("info", "Took over the work of a node that has died", { node: node.label });
      this.#hooks.onWorkFreed();
    }
  }

  /** (I1) */
  #isDead(node: NodeRow): boolean {
    if (node.isProvablyDead) return true;
    const lookedMs = systemClock.monotonicMs();
    const { id, renewals } = node;
    const last = this.#observed.get(id);
    if (last?.renewals !== renewals) {
      this.#observed.set(id, { renewals, lookedMs, stillMs: 0 });
      return false;
    }
    const stillMs = last.stillMs + Math.min(lookedMs - last.lookedMs, this.#tickMs * 2);
    this.#observed.set(id, { renewals, lookedMs, stillMs });
    return stillMs >= node.leaseMs;
  }
}
