/**
 * Asks for work, and does not lose what was claimed when the answer was.
 *
 * I1. A claim carries an id. After a lost answer the same id is asked for again when the same node
 *     next claims the same kind of work: the server hands out what was claimed then, and to nobody who
 *     wanted something else.
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
}

export class Claimer {
  /** By node, then by the crashes behind what was wanted. */
  readonly #lost = new Map<NodeId, Map<number, string>>();

  /** Rejects with what `ask` throws. */
  async claim<T>(
    node: NodeId,
    crashes: CrashRange | undefined,
    ask: (ticket: ClaimTicket) => Promise<T>,
  ): Promise<T> {
    const kind = crashes?.from ?? 0;
    const lost = this.#lost.get(node)?.get(kind);
    const request = lost ?? systemRandom.uuid();
    try {
      const answer = await ask({ request, isRepeated: lost !== undefined });
      if (lost !== undefined) this.#lost.get(node)?.delete(kind);
      return answer;
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
  }
}

/** What a claim sends, as far as both kinds have it in common. */
export function toClaimValues(
  node: NodeId,
  { request, isRepeated }: ClaimTicket,
  limit: number,
  crashes: CrashRange | undefined,
): unknown[] {
  return [node, request, isRepeated, limit, crashes?.from ?? 0, crashes?.below ?? CRASHES_MAX];
}
