/**
 * Asks for work, and does not lose what was claimed when the answer was.
 *
 * I1. A claim carries an id. After a lost answer the same id is asked for again when the same node
 *     next claims the same kind of work: the server hands out what was claimed then, and only to a
 *     claim of that kind.
 * I2. An answer says how far the claim came, and the next one of the same node goes on there. Where
 *     that is has a meaning for the server only.
 */

import { systemRandom } from "../../foundation/random.ts";
import { ProviderError } from "../../provider/errors.ts";
import type { CrashRange, NodeId } from "../../provider/provider.ts";
import { isConnectionLost } from "./store-errors.ts";

/** Crashes that no work ever reaches. */
const CRASHES_MAX = 2 ** 53 - 1;

/** One claim as the server takes it. */
export interface ClaimTicket {
  readonly request: string;
  readonly isRepeated: boolean;
  readonly mark: ClaimMark | null;
}

type ClaimMark = readonly number[];

/** What a claim answers. */
export interface ClaimAnswer<T> {
  readonly items: readonly T[];
  readonly mark?: ClaimMark | null;
}

export class Claimer {
  /** By node, then by the crashes behind what was wanted. */
  readonly #lost = new Map<NodeId, Map<number, string>>();
  /** Of what has no crashes behind it; the rest is few. */
  readonly #marks = new Map<NodeId, ClaimMark | null>();

  /** Rejects with what `ask` throws. */
  async claim<T>(
    node: NodeId,
    crashes: CrashRange | undefined,
    ask: (ticket: ClaimTicket) => Promise<ClaimAnswer<T>>,
  ): Promise<readonly T[]> {
    const kind = crashes?.from ?? 0;
    const lost = this.#lost.get(node)?.get(kind);
    const request = lost ?? systemRandom.uuid();
    const before = kind === 0 ? (this.#marks.get(node) ?? null) : null;
    try {
      const { items, mark = null } = await ask({
        request,
        isRepeated: lost !== undefined,
        mark: before,
      });
      if (lost !== undefined) this.#lost.get(node)?.delete(kind);
      if (kind === 0) this.#marks.set(node, mark);
      return items;
    } catch (error) {
      if (error instanceof ProviderError || isConnectionLost(error)) {
        const ofNode = this.#lost.get(node) ?? new Map<number, string>();
        this.#lost.set(node, ofNode.set(kind, request));
      }
      throw error;
    }
  }

  /** A node that has left needs nothing any more. */
  forget(node: NodeId): void {
    this.#lost.delete(node);
    this.#marks.delete(node);
  }
}

/** What a claim sends, as far as both kinds have it in common. */
export function toClaimValues(
  node: NodeId,
  { request, isRepeated, mark }: ClaimTicket,
  limit: number,
  crashes: CrashRange | undefined,
): unknown[] {
  const { from = 0, below = CRASHES_MAX } = crashes ?? {};
  return [node, request, isRepeated, limit, from, below, mark];
}
